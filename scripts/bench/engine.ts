/** The pure core, in Node: one event in, one vector out, and what a long history does to both. */
import {
  decodeState,
  type EntityState,
  type FeatureValue,
  stateBytes,
  type ViewPlan,
  ViewReader,
} from '../../src/engine/index.ts'
import { Plan } from '../../src/plan/index.ts'
import { ByteReader } from '../../src/util/byte-reader.ts'
import { app } from './app/definitions.ts'
import { DAY_MS } from './data.ts'
import { cpuMicros } from './measure.ts'
import { naiveValue } from './naive.ts'
import { PrefixSums } from './prefix-sums.ts'
import type { BenchOptions, Result } from './rows.ts'
import { apply, END_MS, entityPlan, MONTH_MS, type Row, rowsOf, stateOf } from './states.ts'

const STATES = 64
/** A shard encodes a state that it holds after this many rows, one that it must decode first after a quarter. */
const HELD_ROWS = 256
const TAIL_ROWS = 64
const MINUTE_MS = 60_000

/** A month of an entity, and the events that come next. */
interface History {
  readonly state: EntityState
  readonly rows: readonly Row[]
}

export async function* engine({ quick, say }: BenchOptions): AsyncGenerator<Result> {
  const steady = histories('user', STATES, 30 * 50, MONTH_MS)
  const held = applyMicros(steady)
  yield {
    name: 'engine.apply_us',
    value: held.us,
    unit: 'us',
    note:
      `${STATES} states of 50 events a day for 30 days, settled and encoded every ${HELD_ROWS} rows as a shard does with one it ` +
      `holds; without encoding ${held.bareUs.toFixed(2)}; decoded and encoded for ${TAIL_ROWS} rows, when it holds none, ${coldMicros(steady).toFixed(2)}`,
  }

  const wide = histories('account', STATES, 30 * 50, MONTH_MS)
  const [view] = entityPlan('account')
  if (view === undefined) throw new Error('the bench definitions lack a view of account')
  const readUs = readMicros(view, wide)
  yield {
    name: 'engine.read_us',
    value: readUs,
    unit: 'us',
    noop: naiveMicros(view, wide),
    note: `20 features in 5 windows of ${STATES} states of 50 events a day for 30 days; the no-op scans all events for each`,
  }

  yield* bySize(quick, say)
}

/** The same month with ever more events in it: what must not grow. */
async function* bySize(quick: boolean, say: BenchOptions['say']): AsyncGenerator<Result> {
  const sizes = [10, 100, 1_000, 100_000, ...(quick ? [] : [1_000_000])] as const
  const reads: number[] = []
  const applies: number[] = []
  const naives: number[] = []
  for (const events of sizes) {
    say(`engine: states of ${events.toLocaleString('en')} events`)
    const count = events > 10_000 ? 4 : STATES
    const [view] = entityPlan('account')
    if (view === undefined) throw new Error('the bench definitions lack a view of account')
    const wide = histories('account', count, events, MONTH_MS)
    const readUs = readMicros(view, wide)
    const naiveUs = naiveMicros(view, wide, events > 10_000 ? 1 : 64)
    const { sums, micros } = prefixMicros(view, wide)
    reads.push(readUs)
    naives.push(naiveUs)
    yield {
      name: `engine.read_us.${events}`,
      value: readUs,
      unit: 'us',
      noop: naiveUs,
      note:
        `20 features, ${events.toLocaleString('en')} events an entity in 30 days; the no-op scans; prefix-sum arrays, for the ${sums} of them that are ` +
        `made of sums, take ${micros.toFixed(1)} us and ${((events * 8 * 8) / 1024).toFixed(0)} KiB an entity`,
    }
    const narrow = histories('user', count, events, MONTH_MS)
    const { us, bareUs } = applyMicros(narrow)
    applies.push(us)
    const bytes = narrow.map(({ state }) => stateBytes(state).length)
    yield {
      name: `engine.apply_us.${events}`,
      value: us,
      unit: 'us',
      note:
        `8 features, ${events.toLocaleString('en')} events an entity in 30 days, encoded every ${HELD_ROWS} rows; without encoding ${bareUs.toFixed(2)}; ` +
        `canonical bytes ${Math.round(bytes.reduce((a, b) => a + b, 0) / bytes.length).toLocaleString('en')}`,
    }
  }
  const scale = `${sizes.at(-1)?.toLocaleString('en')} events an entity over 100, both in 30 days`
  const ratio = (values: readonly number[]) => (values.at(-1) ?? Number.NaN) / (values[1] ?? Number.NaN)
  yield {
    name: 'engine.read_growth',
    value: ratio(reads),
    unit: 'x',
    noop: ratio(naives),
    note: `${scale}; the no-op scans`,
  }
  yield { name: 'engine.apply_growth', value: ratio(applies), unit: 'x', note: `${scale}, encoding included` }
}

/** Prefix-sum arrays, for those of the 20 features that are made of sums. */
function prefixMicros(view: ViewPlan, all: readonly History[]): { readonly sums: number; readonly micros: number } {
  const features = twenty(view).flatMap(({ spec }) => (PrefixSums.canRead(spec) ? [spec] : []))
  const arrays = all.map(({ rows }) => new PrefixSums(view, rows, features))
  const work = (index: number) => {
    const sums = arrays[index % arrays.length]
    for (const feature of features) sums?.read(feature, timeOf(index))
  }
  return { sums: features.length, micros: cpuMicros(work, 10_000) }
}

function histories(entity: 'user' | 'account', count: number, events: number, spanMs: number): History[] {
  const plan = entityPlan(entity)
  return Array.from({ length: count }, (_, seed) => {
    const rows = rowsOf(plan, events, spanMs, seed)
    return { state: stateOf(plan, rows), rows }
  })
}

/** Goes on with histories at the pace that they had; all of them in turn. */
function applyMicros(all: readonly History[]): { readonly us: number; readonly bareUs: number } {
  const measure = (finish: (state: EntityState) => void) => {
    // Of its own, for the states grow.
    const states = all.map(({ state }) => state.clone())
    const steps = all.map(({ rows }) => MONTH_MS / rows.length)
    return cpuMicros((index) => {
      const at = index % all.length
      const turn = Math.floor(index / all.length)
      const state = states[at]
      const rows = all[at]?.rows
      const row = rows?.[turn % rows.length]
      if (state === undefined || row === undefined) return
      apply(state, { timeMs: END_MS + Math.floor(turn * (steps[at] ?? 0)), values: row.values }, 10_000_000 + turn)
      if ((turn + at) % HELD_ROWS === 0) finish(state)
    }, 64 * HELD_ROWS)
  }
  return { us: measure((state) => void stateBytes(state)), bareUs: measure((state) => state.settle()) }
}

/** As a shard does with an entity that is not held: decode, take in the tail, encode. */
function coldMicros(all: readonly History[]): number {
  const plan = entityPlan('user')
  const bytes = all.map(({ state }) => stateBytes(state))
  return (
    cpuMicros((index) => {
      const at = index % all.length
      const stored = bytes[at]
      if (stored === undefined) return
      const state = decodeState(new ByteReader(stored), plan)
      for (let row = 0; row < TAIL_ROWS; row++) {
        const timeMs = END_MS + Math.floor((row * MONTH_MS) / 1500)
        apply(state, { timeMs, values: all[at]?.rows[row]?.values ?? [] }, 10_000_000 + row)
      }
      stateBytes(state)
    }, 256) / TAIL_ROWS
  )
}

/** The 20 features of the service, by their plans. */
function twenty(view: ViewPlan) {
  const service = new Plan(app.definitions.spec).service('wide20')
  const names = new Set(service?.features.map((feature) => feature.shortName))
  return view.features.filter((feature) => names.has(feature.spec.name))
}

function readMicros(view: ViewPlan, all: readonly History[]): number {
  const reader = new ViewReader(view, twenty(view))
  const since = new Float64Array(view.features.length).fill(Number.NEGATIVE_INFINITY)
  const out: FeatureValue[] = []
  return cpuMicros((index) => {
    const state = all[index % all.length]?.state
    reader.read(state?.views[0] ?? null, state?.mark ?? 0, timeOf(index), since, out)
  }, 10_000)
}

function naiveMicros(view: ViewPlan, all: readonly History[], calls = 64): number {
  const features = twenty(view)
  const work = (index: number) => {
    const rows = all[index % all.length]?.rows ?? []
    for (const { spec } of features) naiveValue(view, spec, rows, timeOf(index))
  }
  return cpuMicros(work, calls, 3)
}

/** Times of requests within the hour that follows: windows begin and end at many places among the tiles. */
const timeOf = (index: number): number => END_MS + (index % STATES) * MINUTE_MS

/** For the state part: the bytes of entities of so many events in a month. */
export function meanBytes(count: number, events: number): number {
  const all = histories('user', count, events, MONTH_MS)
  return all.reduce((sum, { state }) => sum + stateBytes(state).length, 0) / count
}

export const MONTH_DAYS = MONTH_MS / DAY_MS
