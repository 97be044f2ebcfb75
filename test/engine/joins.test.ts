import { describe, expect, it } from 'vitest'
import {
  compileView,
  decodeState,
  type EntityPlan,
  EntityState,
  explain,
  type FeatureValue,
  oldestReadable,
  reachOf,
  stateBytes,
  type ViewPlan,
  type ViewSpec,
} from '../../src/engine/index.ts'
import { ByteReader } from '../../src/util/byte-reader.ts'
import { agrees, readAll } from '../oracle/agreement.ts'
import { joinedBefore, oracleJoinValue, type SideEvent } from '../oracle/joins.ts'
import { markOf } from '../oracle/oracle.ts'
import { JOIN_TYPES, type JoinView, keptOf, PAIR_TYPES, randomJoinView, randomSides } from '../support/joins.ts'
import { forSeeds, type Random } from '../support/random.ts'
import { shuffled } from '../support/streams.ts'

interface SideStep {
  readonly event: SideEvent
  readonly sign: 1 | -1
}

function take(state: EntityState, { event, sign }: SideStep): void {
  state.raiseMark(event.time, event.availableAt)
  const part = state.commit(event, event.seq)
  state.plan.forEach((view, i) => {
    const values = keptOf(view, event)
    if (sign === 1) state.apply(i, event.time, part, event.seq, values)
    else state.retract(i, event.time, part, event.seq, values)
  })
}

/** Rows of both sides; some are taken back, now and then before they come. */
function randomSideSteps(r: Random, events: readonly SideEvent[], retractions: number): SideStep[] {
  const steps: SideStep[] = events.map((event) => ({ event, sign: 1 }))
  for (const event of events) {
    if (r.chance(retractions)) steps.splice(r.int(0, steps.length), 0, { event, sign: -1 })
  }
  return steps
}

function eventsOf(steps: readonly SideStep[]): SideEvent[] {
  const gone = new Set(steps.filter(({ sign }) => sign === -1).map(({ event }) => event))
  return steps
    .filter(({ sign }) => sign === 1)
    .map(({ event }) => (gone.has(event) ? { ...event, retracted: true } : event))
}

/** At and around the mark, behind it, and where a window begins or ends at an event, at its time + within, or beside it. */
function readTimes(r: Random, events: readonly SideEvent[], view: JoinView): number[] {
  const mark = markOf(events)
  const oldest = mark - view.allowedLatenessMs
  const times = [mark, mark + 1, oldest, mark + r.int(0, 1e8), mark - r.int(0, view.allowedLatenessMs)]
  for (let i = 0; i < 6; i++) {
    const reach = reachOf(r.pick(view.features).window, view.zones)
    const lag = r.pick([0, view.join.withinMs])
    times.push(r.pick(events).time + lag + (reach === Infinity ? 0 : r.pick([reach, 0])) + r.pick([0, 1, -1, 40]))
  }
  return times.map((t) => Math.max(t, oldest))
}

/** Pages the state out and in, or not. */
function perhapsPaged(r: Random, state: EntityState, plan: EntityPlan): EntityState {
  if (r.chance(0.95)) return state
  readAll(state, plan, state.mark)
  return decodeState(new ByteReader(stateBytes(state)), plan)
}

describe('features over an interval join', () => {
  it('are the oracle value, status and reason for random joins, streams, retractions and read times', () => {
    const seen = new Map<string, number>()
    forSeeds(1_200, (r) => {
      const view = randomJoinView(r)
      const plan = [compileView(view, JOIN_TYPES)]
      const steps = randomSideSteps(r, randomSides(r, r.pick([2, 10, 40, 120]), view.join), r.pick([0, 0, 0.3]))
      let state = new EntityState(plan)
      for (const step of steps) {
        take(state, step)
        state = perhapsPaged(r, state, plan)
      }
      const events = eventsOf(steps)
      const since = r.chance(0.3) ? r.pick(events).time + r.pick([0, 1, view.join.withinMs]) : Number.NEGATIVE_INFINITY
      for (const t of readTimes(r, events, view)) {
        const read = readAll(state, plan, t, since)
        view.features.forEach((feature, i) => {
          const want = oracleJoinValue(view, feature, events, markOf(events), t, since, PAIR_TYPES)
          const got = read[i] as FeatureValue
          const what = `${feature.name} ${feature.aggregate} at ${t}: ${shown(got)} instead of ${shown(want)}`
          expect(agrees(feature, got, want), what).toBe(true)
          const key = `${want.status} ${want.reason ?? ''}`.trim()
          seen.set(key, (seen.get(key) ?? 0) + 1)
        })
      }
    })
    for (const status of ['present', 'empty', 'partial', 'error limit', 'error cap'])
      expect(seen.get(status), status).toBeGreaterThan(100)
  })

  it('have the same state for any order, batching, split and merge of what came', () => {
    forSeeds(200, (r) => {
      const view = randomJoinView(r)
      const plan = [compileView(view, JOIN_TYPES)]
      const steps = randomSideSteps(r, randomSides(r, r.pick([5, 60, 150]), view.join, 3), r.pick([0, 0.3]))
      const whole = new EntityState(plan)
      for (const step of steps) take(whole, step)
      const bytes = stateBytes(whole)

      let anyOrder = new EntityState(plan)
      for (const step of shuffled(r, steps)) {
        take(anyOrder, step)
        anyOrder = perhapsPaged(r, anyOrder, plan)
      }
      expect(stateBytes(anyOrder)).toEqual(bytes)

      const parts = [new EntityState(plan), new EntityState(plan), new EntityState(plan)]
      for (const step of shuffled(r, steps)) take(parts[step.event.shard] as EntityState, step)
      const merged = new EntityState(plan)
      for (const part of shuffled(r, parts)) merged.merge(part)
      expect(stateBytes(merged)).toEqual(bytes)
      const t = markOf(eventsOf(steps)) + r.int(0, 100_000)
      expect(readAll(merged, plan, t)).toEqual(readAll(whole, plan, t))
    })
  })

  it('are explained by the joined rows that they were computed from, with both commits of each', () => {
    forSeeds(150, (r) => {
      const view = { ...randomJoinView(r), exactRows: 1_000 }
      const state = new EntityState([compileView(view, JOIN_TYPES)])
      const events = randomSides(r, 40, view.join)
      for (const event of events) take(state, { event, sign: 1 })
      if (!view.features.some((feature) => feature.name === 'pairs')) return
      const index = view.features.findIndex((feature) => feature.name === 'pairs')
      const t = markOf(events) + r.pick([0, 1, view.join.withinMs + 1])
      const told = explain(state, 0, index, t, Number.NEGATIVE_INFINITY)
      if (told.value.status === 'error') return
      const rows = joinedBefore(view.join, events, t).filter((row) => row.time >= t - 3_600_000)
      expect(told.rows.map(({ timeMs }) => timeMs)).toEqual(rows.map(({ time }) => time))
      expect(told.value.value).toBe(rows.length)
      for (const { joined, timeMs } of told.rows) {
        const sides = [joined?.left, joined?.right].flatMap((side) => (side ? [side] : []))
        for (const { commit, timeMs: at } of sides) {
          expect(events.find((event) => event.seq === commit.seq)?.time).toBe(at)
        }
        const known = joined?.right
          ? Math.max(...sides.map((side) => side.timeMs))
          : (joined?.left.timeMs ?? 0) + view.join.withinMs
        expect(known).toBe(timeMs)
      }
    })
  })
})

describe('what a join keeps', () => {
  const START = Date.UTC(2026, 0, 1)
  const WITHIN_MS = 60_000
  const WIDTH_MS = 1_280
  const LATENESS_MS = 128_000

  it.each(['any', 'left-first'] as const)(
    'reaches back to what decides about the oldest row of a window at the oldest read (%s)',
    (order) => {
      const view: ViewSpec = {
        name: 'v',
        entity: 'user',
        source: 'shown_clicked',
        key: {},
        inputs: [
          { name: 'left', source: 'shown', key: { user_id: 'uid' } },
          { name: 'right', source: 'clicked', key: { user_id: 'user' } },
        ],
        join: { on: [], withinMs: WITHIN_MS, order, maxPairs: 100 },
        features: [
          {
            name: 'unmatched',
            aggregate: 'count',
            where: { op: 'eq', field: 'matched', value: false },
            window: { kind: 'sliding', widthMs: WIDTH_MS, delayMs: 0 },
          },
        ],
        exactRows: 100,
        allowedLatenessMs: LATENESS_MS,
      }
      const plan = [compileView(view, JOIN_TYPES)]
      const state = new EntityState(plan)
      const row = (side: 'left' | 'right', time: number, seq: number): SideStep => ({
        event: { side, time, availableAt: time, region: 1, epoch: 0, shard: 0, seq, fields: {} },
        sign: 1,
      })
      // The left would be told unmatched at its time + within, but for a right that is as long before it.
      const told = START + 2 * WITHIN_MS
      const right = order === 'any' ? START : START + WITHIN_MS
      for (const step of [row('right', right, 1), row('left', START + WITHIN_MS, 2)]) take(state, step)
      const t = told + WIDTH_MS
      take(state, row('right', t + LATENESS_MS, 3))
      expect(state.mark - LATENESS_MS).toBe(t)
      expect(readAll(state, plan, t)[0]).toMatchObject({ value: 0, status: 'empty' })
      const oldest = oldestReadable(plan[0] as ViewPlan, state.mark)
      expect(oldest).toBeLessThanOrEqual(right)
      // And not much further: a hundredth of it, for rows leave in steps.
      expect(right - oldest).toBeLessThan(3 * WITHIN_MS * 0.02)
      expect(state.views[0]?.rows.length).toBe(3)
    },
  )
})

const shown = (value: unknown) => JSON.stringify(value, (_, v: unknown) => (typeof v === 'bigint' ? `${v}n` : v))
