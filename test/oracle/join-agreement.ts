import {
  compileView,
  decodeState,
  type EntityPlan,
  EntityState,
  type FeatureValue,
  reachOf,
  stateBytes,
} from '../../src/engine/index.ts'
import { ByteReader } from '../../src/util/byte-reader.ts'
import { JOIN_TYPES, type JoinView, keptOf, PAIR_TYPES, randomJoinView, randomSides } from '../support/joins.ts'
import type { Random } from '../support/random.ts'
import { agrees, readAll } from './agreement.ts'
import { oracleJoinValue, type SideEvent } from './joins.ts'
import { markOf } from './oracle.ts'

/** A row of a side that comes, or is taken back. */
export interface SideStep {
  readonly event: SideEvent
  readonly sign: 1 | -1
}

/** Takes one step into a state that has views over a join. */
export function takeSide(state: EntityState, { event, sign }: SideStep): void {
  state.raiseMark(event.time, event.availableAt)
  const part = state.commit(event, event.seq)
  state.plan.forEach((view, i) => {
    const values = keptOf(view, event)
    if (sign === 1) state.apply(i, event.time, part, event.seq, values)
    else state.retract(i, event.time, part, event.seq, values)
  })
}

/** Rows of both sides; some are taken back, now and then before they come. */
export function randomSideSteps(r: Random, events: readonly SideEvent[], retractions: number): SideStep[] {
  const steps: SideStep[] = events.map((event) => ({ event, sign: 1 }))
  for (const event of events) {
    if (r.chance(retractions)) steps.splice(r.int(0, steps.length), 0, { event, sign: -1 })
  }
  return steps
}

/** The events of these steps as the oracle wants them. */
export function sideEventsOf(steps: readonly SideStep[]): SideEvent[] {
  const gone = new Set(steps.filter(({ sign }) => sign === -1).map(({ event }) => event))
  return steps
    .filter(({ sign }) => sign === 1)
    .map(({ event }) => (gone.has(event) ? { ...event, retracted: true } : event))
}

/** Pages the state out and in, or not. */
export function perhapsPaged(r: Random, state: EntityState, plan: EntityPlan): EntityState {
  if (r.chance(0.95)) return state
  readAll(state, plan, state.mark)
  return decodeState(new ByteReader(stateBytes(state)), plan)
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

/** One random join with its stream: how the engine and the oracle compare. */
export function compareJoin(r: Random): {
  readonly statuses: readonly string[]
  readonly mismatches: readonly string[]
} {
  const view = randomJoinView(r)
  const plan = [compileView(view, JOIN_TYPES)]
  const steps = randomSideSteps(r, randomSides(r, r.pick([2, 10, 40, 120]), view.join), r.pick([0, 0, 0.3]))
  let state = new EntityState(plan)
  for (const step of steps) {
    takeSide(state, step)
    state = perhapsPaged(r, state, plan)
  }
  const events = sideEventsOf(steps)
  const since = r.chance(0.3) ? r.pick(events).time + r.pick([0, 1, view.join.withinMs]) : Number.NEGATIVE_INFINITY
  const statuses: string[] = []
  const mismatches: string[] = []
  for (const t of readTimes(r, events, view)) {
    const read = readAll(state, plan, t, since)
    view.features.forEach((feature, i) => {
      const want = oracleJoinValue(view, feature, events, markOf(events), t, since, PAIR_TYPES)
      const got = read[i] as FeatureValue
      statuses.push(`${want.status}${want.reason ? ` ${want.reason}` : ''}`)
      if (agrees(feature, got, want)) return
      mismatches.push(
        `join ${shown(view.join)}, ${view.exactRows} rows, ${steps.length} steps\nfeature ${shown(feature)} at ${t}\n` +
          `engine ${shown(got)}\noracle ${shown(want)}`,
      )
    })
  }
  return { statuses, mismatches }
}

const shown = (value: unknown) =>
  JSON.stringify(value, (_, v: unknown) =>
    typeof v === 'bigint' ? `${v}n` : v instanceof Float32Array ? [...v] : Object.is(v, -0) ? '-0' : v,
  )
