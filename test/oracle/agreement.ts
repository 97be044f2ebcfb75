import {
  compileView,
  decodeState,
  type EntityPlan,
  EntityState,
  type FeatureSpec,
  type FeatureValue,
  reachOf,
  stateBytes,
  type Value,
  ViewReader,
  type ViewSpec,
} from '../../src/engine/index.ts'
import { ByteReader } from '../../src/util/byte-reader.ts'
import type { Random } from '../support/random.ts'
import { eventsOf, FIELDS, randomEvents, randomSteps, randomView, type Step } from '../support/streams.ts'
import { markOf, type OracleEvent, type OracleValue, oracleValue } from './oracle.ts'

/** One case to compare: a view, the steps of an entity's stream, and when to read. */
export interface Case {
  readonly view: ViewSpec
  readonly steps: readonly Step[]
  readonly times: readonly number[]
  /** After which of the steps the state is read and paged out and in, too. */
  readonly disturbed: readonly number[]
}

export interface Mismatch {
  readonly feature: FeatureSpec
  readonly t: number
  readonly got: FeatureValue | string
  readonly want: OracleValue
}

/** A random case; one in three is a table's. */
export function randomCase(r: Random): Case {
  const isTable = r.chance(0.33)
  const view = randomView(r, isTable)
  const events = randomEvents(r, r.chance(0.03) ? 800 : r.pick([1, 5, 30, 60, 200]), r.pick([1, 1, 3]))
  const steps = randomSteps(r, events, isTable ? r.pick([0.1, 0.5]) : 0)
  const disturbed = Array.from({ length: r.int(0, 3) }, () => r.int(0, steps.length))
  return { view, steps, times: readTimes(r, eventsOf(steps), view), disturbed }
}

/**
 * Reads at and around the mark, behind it, and long after. Most are such that a window of the view begins or ends at an
 * event or beside it: there is where tiles are in doubt.
 */
function readTimes(
  r: Random,
  events: readonly OracleEvent[],
  { features, allowedLatenessMs, zones }: ViewSpec,
): number[] {
  const mark = markOf(events)
  const oldest = mark - allowedLatenessMs
  const times = [mark, mark + 1, oldest, mark + r.int(0, 1e8), mark - r.int(0, allowedLatenessMs)]
  for (let i = 0; i < 5; i++) {
    const { ttlMs, window } = r.pick(features)
    const reach = ttlMs !== undefined && r.chance(0.5) ? ttlMs : reachOf(window, zones)
    const beside = r.pick([0, 1, -1, 40, 1_000])
    times.push(r.pick(events).time + (reach === Infinity ? r.pick([0, 1_000, 3_600_000]) : reach) + beside)
  }
  return times.map((t) => Math.max(t, oldest))
}

/** Takes one step into a state that has a view of these events. */
export function take(state: EntityState, plan: EntityPlan, { event, sign }: Step): void {
  state.raiseMark(event.time, event.availableAt)
  const part = state.commit({ region: event.region, epoch: event.epoch, shard: event.shard }, event.seq)
  plan.forEach((view, i) => {
    const values = view.fields.map((field) => event.fields[field.name] ?? null)
    if (sign === 1) state.apply(i, event.time, part, event.seq, values)
    else state.retract(i, event.time, part, event.seq, values)
  })
}

/** All features of the first view, whose history is complete from `since` on. */
export function readAll(
  state: EntityState,
  plan: EntityPlan,
  t: number,
  since = Number.NEGATIVE_INFINITY,
): FeatureValue[] {
  state.settle()
  const [view] = plan
  if (view === undefined) throw new Error('no view')
  const out: FeatureValue[] = []
  const sinces = view.features.map(() => since)
  new ViewReader(view).read(state.views[0] ?? null, state.mark, t, sinces, out)
  return out
}

export interface Comparison {
  readonly checks: number
  readonly mismatches: readonly Mismatch[]
  /** The status of each value, with its reason. */
  readonly statuses: readonly string[]
}

/** Where the engine and the oracle differ; also counts what was compared. */
export function compare({ view, steps, times, disturbed }: Case): Comparison {
  const plan = [compileView(view, FIELDS)]
  let state = new EntityState(plan)
  steps.forEach((step, i) => {
    if (disturbed.includes(i)) {
      readAll(state, plan, state.mark)
      state = decodeState(new ByteReader(stateBytes(state)), plan)
    }
    take(state, plan, step)
  })
  const events = eventsOf(steps)
  const mark = markOf(events)
  const mismatches: Mismatch[] = []
  const statuses: string[] = []
  for (const t of times) {
    const read = readAll(state, plan, t)
    view.features.forEach((feature, i) => {
      const want = oracleValue(view, feature, events, mark, t, Number.NEGATIVE_INFINITY, FIELDS)
      const got = read[i] as FeatureValue
      statuses.push(`${want.status}${want.reason ? ` ${want.reason}` : ''}${want.exact ? '' : ' inexact'}`)
      if (!agrees(feature, got, want)) mismatches.push({ feature, t, got, want })
    })
  }
  return { checks: statuses.length, mismatches, statuses }
}

/** Estimates must say so and be within their bound; everything else is the same to the last bit. */
export function agrees(feature: FeatureSpec, got: FeatureValue, want: OracleValue): boolean {
  if (got.status !== want.status || got.reason !== want.reason) return false
  const isEstimate = ESTIMATES.includes(feature.aggregate) && got.status !== 'error'
  if (!isEstimate) return got.exact === want.exact && same(got.value, want.value)
  if (got.exact && !want.exact) return false
  return feature.groupBy === undefined
    ? isWithin(feature, got, want.value)
    : Object.keys(got.value as object).join() === Object.keys(want.value as object).join()
}

/** Aggregates whose values are, or become, estimates. */
export const ESTIMATES = ['approxCountDistinct', 'quantile', 'countDistinct']

function isWithin(feature: FeatureSpec, { value, exact, status }: FeatureValue, want: Value): boolean {
  // With nothing in the window there is nothing to estimate, also where the history is not complete.
  if (status === 'empty' || want === null || (status === 'partial' && exact)) return same(value, want)
  const [got, truth] = [Number(value), Number(want)]
  switch (feature.aggregate) {
    case 'countDistinct': {
      const most = Number(feature.options?.max)
      if (truth <= most) return same(value, want)
      return !exact && got >= most - 1 && (most < 100 || Math.abs(got - truth) < truth * 0.5)
    }
    case 'approxCountDistinct':
      // Five standard errors; and of few values some may well fall to one register: five more of sixty do once in 200,000.
      return !exact && Math.abs(got - truth) <= Math.max(6, 0.08 * truth)
    default: {
      // A rounding of its own: the bucket's middle is a double.
      const bound = Math.abs(truth) * Number(feature.options?.accuracy) * (1 + 1e-9)
      return !exact && Math.abs(got - truth) <= bound
    }
  }
}

/** The same to the last bit; numbers of one list or map too. */
export function same(a: Value, b: Value): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b)
  const [left, right] = [Object.entries(a), Object.entries(b)]
  return (
    left.length === right.length &&
    left.every(([key, value], i) => key === right[i]?.[0] && same(value as Value, right[i]?.[1] as Value))
  )
}
