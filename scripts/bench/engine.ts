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

  const many = quick ? 100_000 : 1_000_000
  say(`engine: states of ${many} events`)
  const long = histories('account', 4, many, MONTH_MS)
  const short = histories('account', STATES, 100, MONTH_MS)
  const [longUs, shortUs] = [readMicros(view, long), readMicros(view, short)]
  const scale = `${many} events an entity over 100, both in 30 days`
  yield {
    name: 'engine.read_growth',
    value: longUs / shortUs,
    unit: 'x',
    noop: naiveMicros(view, long, 1) / naiveMicros(view, short),
    note: `${scale}: ${longUs.toFixed(1)} us over ${shortUs.toFixed(1)}; 4 long states at 64 times each; the no-op scans`,
  }
  const longApply = applyMicros(histories('user', 4, many, MONTH_MS)).us
  const shortApply = applyMicros(histories('user', STATES, 100, MONTH_MS)).us
  yield {
    name: 'engine.apply_growth',
    value: longApply / shortApply,
    unit: 'x',
    note: `${scale}: ${longApply.toFixed(2)} us over ${shortApply.toFixed(2)}, encoding included`,
  }
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
