import { describe, expect, it } from 'vitest'
import {
  compileView,
  decodeState,
  type EntityPlan,
  EntityState,
  type FeatureValue,
  stateBytes,
  ViewReader,
} from '../../src/engine/index.ts'
import { ByteReader } from '../../src/util/byte-reader.ts'
import { markOf, type OracleEvent, oracleValue } from '../oracle/oracle.ts'
import { forSeeds, type Random } from '../support/random.ts'
import { FIELDS, randomEvents, randomView, shuffled } from '../support/streams.ts'

function feed(state: EntityState, plan: EntityPlan, events: readonly OracleEvent[]): void {
  for (const event of events) {
    state.raiseMark(event.time, event.availableAt)
    const part = state.commit({ region: event.region, epoch: event.epoch, shard: event.shard }, event.seq)
    plan.forEach((view, i) => {
      const values = view.fields.map((field) => event.fields[field.name] ?? null)
      state.apply(i, event.time, part, event.seq, values)
    })
  }
}

function readAll(state: EntityState, plan: EntityPlan, t: number): FeatureValue[] {
  state.settle()
  const view = plan[0]
  if (view === undefined) throw new Error('no view')
  const out: FeatureValue[] = []
  new ViewReader(view).read(
    state.views[0] ?? null,
    state.mark,
    t,
    view.features.map(() => Number.NEGATIVE_INFINITY),
    out,
  )
  return out
}

/** Reads at and around the mark, at edges of events, and long after. */
function readTimes(r: Random, events: readonly OracleEvent[], lateness: number): number[] {
  const mark = markOf(events)
  const times = [mark, mark + 1, mark - lateness, mark + r.int(0, 1e8), mark - r.int(0, lateness)]
  for (let i = 0; i < 3; i++)
    times.push(Math.max(mark - lateness, r.pick(events).time + r.pick([0, 1, 1_000, 300_000])))
  return times
}

describe('the engine against the naive oracle', () => {
  it('gives the oracle value, status and exactness for random views, streams and read times', () => {
    let checks = 0
    forSeeds(1_000, (r) => {
      const spec = randomView(r)
      const plan = [compileView(spec, FIELDS)]
      const events = randomEvents(r, r.pick([1, 3, 20, 60, 200]), r.pick([1, 1, 3]))
      const state = new EntityState(plan)
      // Reads in between must not change what comes after.
      const half = r.int(0, events.length)
      feed(state, plan, events.slice(0, half))
      if (half > 0) readAll(state, plan, markOf(events.slice(0, half)))
      feed(state, plan, events.slice(half))
      for (const t of readTimes(r, events, spec.allowedLatenessMs)) {
        const got = readAll(state, plan, t)
        spec.features.forEach((feature, i) => {
          const want = oracleValue(spec, feature, events, markOf(events), t, Number.NEGATIVE_INFINITY, FIELDS)
          const { value, status, exact } = got[i] as FeatureValue
          expect({ feature, t, value, status, exact }).toEqual({ feature, t, ...want })
          checks++
        })
      }
    })
    expect(checks).toBeGreaterThan(30_000)
  })
})

describe('state is a function of the set of events', () => {
  it('has the same canonical bytes for any order, batching, round trip through bytes, split and merge', () => {
    forSeeds(300, (r) => {
      const plan = [compileView(randomView(r), FIELDS), compileView(randomView(r), FIELDS)]
      const events = randomEvents(r, r.pick([2, 30, 150, 300]), 3)
      const whole = new EntityState(plan)
      feed(whole, plan, events)
      const bytes = stateBytes(whole)

      const anyOrder = new EntityState(plan)
      for (const event of shuffled(r, events)) {
        feed(anyOrder, plan, [event])
        if (r.chance(0.05)) anyOrder.settle()
      }
      expect(stateBytes(anyOrder), 'another order').toEqual(bytes)

      let paged = new EntityState(plan)
      for (const event of shuffled(r, events)) {
        feed(paged, plan, [event])
        if (r.chance(0.1)) paged = decodeState(new ByteReader(stateBytes(paged)), plan)
      }
      expect(stateBytes(paged), 'paged in and out').toEqual(bytes)

      const parts = [new EntityState(plan), new EntityState(plan), new EntityState(plan)]
      for (const event of shuffled(r, events)) feed(parts[event.shard] as EntityState, plan, [event])
      for (const part of shuffled(r, parts)) if (r.chance(0.3)) part.settle()
      const merged = new EntityState(plan)
      for (const part of shuffled(r, parts)) merged.merge(part)
      expect(stateBytes(merged), 'merged parts').toEqual(bytes)
      const [a, b, c] = parts as [EntityState, EntityState, EntityState]
      b.merge(c)
      a.merge(b)
      expect(stateBytes(a), 'merged the other way round').toEqual(bytes)
    })
  })
})
