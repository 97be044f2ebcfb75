import { describe, expect, it } from 'vitest'
import type { FeatureValue, ViewSpec } from '../../src/engine/index.ts'
import {
  compileView,
  decodeState,
  EntityState,
  layoutOf,
  stateBytes,
  type ViewPlan,
  ViewReader,
} from '../../src/engine/index.ts'
import { ByteReader, CorruptBytes } from '../../src/util/byte-reader.ts'
import { agrees } from '../oracle/agreement.ts'
import { markOf, type OracleEvent, oracleValue } from '../oracle/oracle.ts'
import { forSeeds, type Random } from '../support/random.ts'
import { FIELDS, randomEvents, randomView } from '../support/streams.ts'

function feed(state: EntityState, events: readonly OracleEvent[]): void {
  for (const event of events) {
    state.raiseMark(event.time, event.availableAt)
    const part = state.commit(event, event.seq)
    const fields = state.plan[0]?.fields ?? []
    state.apply(
      0,
      event.time,
      part,
      event.seq,
      fields.map((field) => event.fields[field.name] ?? null),
    )
  }
}

/** The same view with some features gone and others added. */
function changed(r: Random, spec: ViewSpec): ViewSpec {
  const kept = spec.features.filter(() => r.chance(0.6))
  const other = randomView(r)
  const added = other.features.map((feature) => ({ ...feature, name: `new_${feature.name}` }))
  const features = [...kept, ...added].sort(() => (r.chance(0.5) ? 1 : -1))
  return { ...spec, features, zones: { ...spec.zones, ...other.zones } }
}

function evolved(old: ViewPlan, state: EntityState, plan: ViewPlan): EntityState {
  return decodeState(new ByteReader(stateBytes(state)), [plan], (layout) =>
    layout === layoutOf(old) ? old : undefined,
  )
}

describe('a changed definition', () => {
  it('keeps the values of the features that stay, before and after new events', () => {
    let checks = 0
    forSeeds(300, (r) => {
      const spec = randomView(r)
      const next = changed(r, spec)
      const old = compileView(spec, FIELDS)
      const plan = compileView(next, FIELDS)
      const events = randomEvents(r, r.pick([5, 60, 250]))
      const cut = r.int(1, events.length)
      const before = new EntityState([old])
      feed(before, events.slice(0, cut))
      const state = evolved(old, before, plan)
      feed(state, events.slice(cut))
      state.settle()
      const t = markOf(events) + r.pick([0, 1, 60_000, 7_200_000])
      const out: FeatureValue[] = []
      new ViewReader(plan).read(
        state.views[0] ?? null,
        state.mark,
        t,
        plan.features.map(() => Number.NEGATIVE_INFINITY),
        out,
      )
      next.features.forEach((feature, i) => {
        if (feature.name.startsWith('new_')) return
        const want = oracleValue(next, feature, events, markOf(events), t, Number.NEGATIVE_INFINITY, FIELDS)
        const got = out[i] as FeatureValue
        expect(agrees(feature, got, want), `${JSON.stringify(feature.window)} ${feature.aggregate} at ${t}`).toBe(true)
        checks++
      })
    })
    expect(checks).toBeGreaterThan(300)
  })

  it('of a view with other keys starts empty, and an unknown layout is reported, not read', () => {
    const spec: ViewSpec = {
      ...randomView({ seed: 1, next: () => 0.5, int: (low) => low, chance: () => false, pick: (of) => of[0] as never }),
    }
    const old = compileView(spec, FIELDS)
    const state = new EntityState([old])
    feed(state, [{ time: 1e12, availableAt: 1e12, region: 1, epoch: 0, shard: 0, seq: 1, fields: {} }])
    const rekeyed = compileView({ ...spec, key: { user_id: 'account' } }, FIELDS)
    expect(evolved(old, state, rekeyed).views[0] ?? null).toBeNull()
    expect(() => decodeState(new ByteReader(stateBytes(state)), [rekeyed])).toThrow(CorruptBytes)
  })
})
