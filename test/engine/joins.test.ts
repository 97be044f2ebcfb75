import { describe, expect, it } from 'vitest'
import {
  compileView,
  EntityState,
  explain,
  oldestReadable,
  stateBytes,
  type ViewPlan,
  type ViewSpec,
} from '../../src/engine/index.ts'
import { readAll } from '../oracle/agreement.ts'
import {
  compareJoin,
  perhapsPaged,
  randomSideSteps,
  type SideStep,
  sideEventsOf,
  takeSide,
} from '../oracle/join-agreement.ts'
import { joinedBefore } from '../oracle/joins.ts'
import { markOf } from '../oracle/oracle.ts'
import { JOIN_TYPES, randomJoinView, randomSides } from '../support/joins.ts'
import { forSeeds } from '../support/random.ts'
import { shuffled } from '../support/streams.ts'

describe('features over an interval join', () => {
  it('are the oracle value, status and reason for random joins, streams, retractions and read times', () => {
    const seen = new Map<string, number>()
    forSeeds(1_200, (r) => {
      const { statuses, mismatches } = compareJoin(r)
      expect(mismatches).toEqual([])
      for (const status of statuses) seen.set(status, (seen.get(status) ?? 0) + 1)
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
      for (const step of steps) takeSide(whole, step)
      const bytes = stateBytes(whole)

      let anyOrder = new EntityState(plan)
      for (const step of shuffled(r, steps)) {
        takeSide(anyOrder, step)
        anyOrder = perhapsPaged(r, anyOrder, plan)
      }
      expect(stateBytes(anyOrder)).toEqual(bytes)

      const parts = [new EntityState(plan), new EntityState(plan), new EntityState(plan)]
      for (const step of shuffled(r, steps)) takeSide(parts[step.event.shard] as EntityState, step)
      const merged = new EntityState(plan)
      for (const part of shuffled(r, parts)) merged.merge(part)
      expect(stateBytes(merged)).toEqual(bytes)
      const t = markOf(sideEventsOf(steps)) + r.int(0, 100_000)
      expect(readAll(merged, plan, t)).toEqual(readAll(whole, plan, t))
    })
  })

  it('are explained by the joined rows that they were computed from, with both commits of each', () => {
    forSeeds(150, (r) => {
      const view = { ...randomJoinView(r), exactRows: 1_000 }
      const state = new EntityState([compileView(view, JOIN_TYPES)])
      const events = randomSides(r, 40, view.join)
      for (const event of events) takeSide(state, { event, sign: 1 })
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
      for (const step of [row('right', right, 1), row('left', START + WITHIN_MS, 2)]) takeSide(state, step)
      const t = told + WIDTH_MS
      takeSide(state, row('right', t + LATENESS_MS, 3))
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
