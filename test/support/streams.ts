import { zoneSpec } from '../../src/define/time-zones.ts'
import {
  type Aggregate,
  aggregates,
  type FeatureSpec,
  type FieldType,
  type OptionRule,
  type Predicate,
  type Value,
  type ViewSpec,
  type WindowSpec,
} from '../../src/engine/index.ts'
import type { OracleEvent } from '../oracle/oracle.ts'
import type { Random } from './random.ts'

/** Random views and streams of events, for properties of the engine and of everything built on it. */

export const FIELDS: ReadonlyMap<string, FieldType> = new Map([
  ['kind', 'string'],
  ['amount', 'float64'],
  ['units', 'int'],
  ['account', 'int64'],
  ['ok', 'bool'],
  ['seen', 'timestamp'],
  ['price', 'decimal(2)'],
  ['tags', 'list(string)'],
  ['embedding', 'vector(3)'],
])

const WINDOWS_MS = [128, 1_000, 10_000, 60_000, 300_000, 3_600_000, 21_600_000, 86_400_000, 7 * 86_400_000]
const HOSTILE_AMOUNTS = [0, -0, 0.1, -0.1, 1e308, -1e308, 5e-324, 1e16, 1, -1, 2 ** 53, 1e-300, 12.34]
const KINDS = ['', 'a', 'click', 'view', '\u{1f600}', '\uffee', 'clicks']

export function randomPredicate(r: Random, depth = 0): Predicate {
  const leaf: (() => Predicate)[] = [
    () => ({ op: r.pick(['eq', 'ne', 'lt', 'gte']), field: 'kind', value: r.pick(KINDS) }),
    () => ({ op: 'in', field: 'kind', values: [r.pick(KINDS), r.pick(KINDS)] }),
    () => ({ op: 'prefix', field: 'kind', value: 'click' }),
    () => ({ op: r.pick(['gt', 'lte', 'eq']), field: 'units', value: r.int(-3, 3) }),
    () => ({ op: 'between', field: 'amount', low: -1, high: r.next() * 10 }),
    () => ({ op: r.pick(['isNull', 'notNull']), field: r.pick(['amount', 'kind', 'ok']) }),
    () => ({ op: 'eq', field: 'ok', value: r.chance(0.5) }),
    () => ({ op: 'gt', field: 'account', value: BigInt(r.int(-5, 5)) }),
    () => ({ op: r.pick(['lt', 'gte']), field: 'price', value: BigInt(r.int(-1_000, 1_000)) }),
  ]
  if (depth < 2 && r.chance(0.25)) {
    if (r.chance(0.3)) return { op: 'not', of: randomPredicate(r, depth + 1) }
    return { op: r.pick(['and', 'or']), of: [randomPredicate(r, depth + 1), randomPredicate(r, depth + 1)] }
  }
  return r.pick(leaf)()
}

const GROUPS = ['kind', 'units', 'account', 'ok', 'price']
/** With midnights that are skipped, offsets of minutes, and half an hour of summer time. */
export const ZONES = [
  'Europe/Berlin',
  'America/New_York',
  'Australia/Lord_Howe',
  'Asia/Beirut',
  'Africa/Casablanca',
  'America/Santiago',
  'Asia/Kathmandu',
]

/** What an aggregate is given, at random, by what it says that it takes: a new one needs nothing here. */
function randomArguments(r: Random, aggregate: Aggregate): Partial<FeatureSpec> {
  for (;;) {
    const field = { field: r.pick([...FIELDS.keys()]) }
    const input = {
      nothing: {},
      'optional field': r.chance(0.5) ? {} : field,
      field,
      predicate: { matches: randomPredicate(r) },
      'field and order': { ...field, orderBy: r.pick([...FIELDS.keys()]) },
    }[aggregate.takes]
    const options = Object.fromEntries(
      Object.entries(aggregate.options ?? {}).flatMap(([name, rule]) => {
        const value = randomOption(r, rule)
        return value === undefined ? [] : [[name, value]]
      }),
    )
    const typeOf = (name: string): FieldType => FIELDS.get(name) as FieldType
    if ('error' in aggregate.prepare({ ...input, options, typeOf })) continue
    return { ...input, ...(Object.keys(options).length > 0 && { options }) }
  }
}

/** Small numbers mostly: caps are there to be met. */
function randomOption(r: Random, rule: OptionRule): string | number | boolean | undefined {
  switch (rule.kind) {
    case 'integer':
      return Math.min(rule.most, Math.max(rule.least, r.pick([1, 2, 5, 20, rule.default ?? 20])))
    case 'fraction':
      return r.pick([rule.default ?? 0.01, rule.below / 2])
    case 'ratio':
      return r.pick([0, 0.01, 0.5, 0.9, 1])
    case 'choice':
      return r.chance(0.4) ? rule.default : r.pick(rule.of)
    case 'flag':
      return r.chance(0.5) ? true : undefined
  }
}

function randomWindow(r: Random, aggregate: string, windows: readonly number[]): WindowSpec {
  const delayMs = r.chance(0.2) ? r.pick(WINDOWS_MS) : 0
  const value = r.pick(['closed', 'running'] as const)
  const kinds: (() => WindowSpec)[] = [
    () => ({ kind: 'sliding', widthMs: r.pick(windows), delayMs }),
    () => ({ kind: 'sliding', widthMs: r.pick(windows), delayMs: 0 }),
    () => ({ kind: 'lifetime' }),
    () => ({ kind: 'lastN', rows: r.pick([1, 2, 7, 50]) }),
    () => {
      const widthMs = r.pick(WINDOWS_MS)
      return { kind: 'tumbling', widthMs, offsetMs: r.chance(0.3) ? r.int(0, widthMs - 1) : 0, delayMs, value }
    },
    () => ({
      kind: 'calendar',
      unit: r.pick(['hour', 'day', 'week', 'month'] as const),
      zone: r.pick(ZONES),
      offsetMs: r.chance(0.2) ? r.pick([1, 30 * 60_000]) : 0,
      delayMs,
      value,
    }),
    () => {
      const gapMs = r.pick([1, 50, 1_000, 60_000, 1_800_000])
      const maxMs = gapMs * r.pick([1, 10, 100])
      return { kind: 'session', gapMs, maxMs, keepLastMs: gapMs * r.pick([1, 20]), value: r.pick(['last', 'open']) }
    },
  ]
  if (['count', 'sum', 'avg', 'rate'].includes(aggregate) && r.chance(0.15)) {
    return { kind: 'decayed', halfLifeMs: r.pick([1_000, 60_000, 3_600_000]) }
  }
  return r.pick(kinds)()
}

/** Whether a feature can take a folded row back; over a table the others need a tail. */
function canRetract(aggregate: Aggregate, given: Partial<FeatureSpec>): boolean {
  const computation = aggregate.prepare({
    ...given,
    options: given.options ?? {},
    typeOf: (name) => FIELDS.get(name) as FieldType,
  })
  if ('error' in computation) throw new Error(computation.error)
  return computation.accumulators.every((accumulator) => accumulator.create(() => 0).retract !== undefined)
}

function randomFeature(r: Random, name: string, windows: readonly number[], isTable: boolean): FeatureSpec {
  const aggregate = r.pick(Object.values(aggregates))
  const given = randomArguments(r, aggregate)
  let window = randomWindow(r, aggregate.name, windows)
  const groupBy = r.chance(0.15) ? { field: r.pick(GROUPS), max: r.pick([2, 4, 50]) } : undefined
  const canFold = canRetract(aggregate, given) && !groupBy && !['session', 'lastN'].includes(window.kind)
  if (r.chance(0.15) || (isTable && !canFold)) window = { ...window, tailLimit: r.pick([1, 5, 40, 300]) }
  return {
    name,
    aggregate: aggregate.name,
    ...given,
    ...(r.chance(0.35) && { where: randomPredicate(r) }),
    ...(groupBy !== undefined && { groupBy }),
    ...(aggregate.name === 'latest' && groupBy === undefined && r.chance(0.5) && { ttlMs: r.pick(WINDOWS_MS) }),
    window,
  }
}

/** Of a table: every feature can take rows back. */
export function randomView(r: Random, isTable = false): ViewSpec {
  const windows = Array.from({ length: r.int(1, 4) }, () => r.pick(WINDOWS_MS))
  const features = Array.from({ length: r.int(1, 8) }, (_, i) => randomFeature(r, `f${i}`, windows, isTable))
  const zones = features.flatMap(({ window }) => (window.kind === 'calendar' ? [window.zone] : []))
  return {
    name: 'random_view',
    entity: 'user',
    source: 'activity',
    key: { user_id: 'uid' },
    features,
    ...(zones.length > 0 && { zones: Object.fromEntries(zones.map((zone) => [zone, zoneSpec(zone)])) }),
    exactRows: r.pick([1, 2, 5, 16, 128]),
    allowedLatenessMs: r.pick([128, 5_000, 300_000]),
    since: 'beginning',
  }
}

const START = Date.UTC(2026, 0, 1)
/** Just before clocks change in one zone or another, and at the turn of a year and of a month. */
const STARTS = [
  START,
  START - 10_000,
  Date.UTC(2026, 2, 28, 21),
  Date.UTC(2026, 2, 29, 0, 55),
  Date.UTC(2026, 9, 24, 20),
  Date.UTC(2026, 9, 25, 0, 30),
  Date.UTC(2026, 3, 4, 14),
  Date.UTC(2026, 2, 8, 6),
  Date.UTC(2026, 10, 1, 5),
  Date.UTC(2026, 8, 6, 3),
  Date.UTC(2026, 1, 15, 1),
]

/** Events of one entity in the order of their commits: bursts, gaps, ties, late ones, a clock that runs ahead. */
export function randomEvents(r: Random, count: number, shards = 1): OracleEvent[] {
  const span = r.pick([1_000, 60_000, 3_600_000, 86_400_000 * 3, 86_400_000 * 45])
  const seqs = Array.from({ length: shards }, () => 0)
  let clock = r.pick(STARTS)
  return Array.from({ length: count }, () => {
    clock += r.chance(0.1) ? r.int(0, span) : r.chance(0.3) ? 0 : r.int(0, Math.ceil(span / count))
    const late = r.chance(0.15) ? r.int(0, span) : 0
    const ahead = r.chance(0.05) ? r.int(0, 300_000) : 0
    const shard = r.int(0, shards - 1)
    seqs[shard] = (seqs[shard] ?? 0) + 1
    return {
      time: clock - late + ahead,
      availableAt: clock,
      region: 1,
      epoch: 0,
      shard,
      seq: seqs[shard] ?? 0,
      fields: randomFields(r),
    }
  })
}

/** One step of a stream: a row that comes, or one that is taken back (with the values that it came with). */
export interface Step {
  readonly event: OracleEvent
  readonly sign: 1 | -1
}

/** A table's rows as they come and go: rows are taken back soon, late, or in another order than they came. */
export function randomSteps(r: Random, events: readonly OracleEvent[], retractions: number): Step[] {
  const steps: Step[] = events.map((event) => ({ event, sign: 1 }))
  for (const event of events) {
    if (!r.chance(retractions)) continue
    const at = steps.findIndex((step) => step.event === event)
    // Now and then before the row itself: another part's state may bring the row later.
    const place = r.chance(0.1) ? r.int(0, at) : r.int(at + 1, steps.length)
    steps.splice(place, 0, { event, sign: -1 })
  }
  return steps
}

/** The events of these steps as the oracle wants them. */
export function eventsOf(steps: readonly Step[]): OracleEvent[] {
  const gone = new Set(steps.filter((step) => step.sign === -1).map((step) => step.event))
  return steps
    .filter((step) => step.sign === 1)
    .map(({ event }) => (gone.has(event) ? { ...event, retracted: true } : event))
}

export function randomFields(r: Random): Record<string, Value> {
  const orNull = (value: Value): Value => (r.chance(0.1) ? null : value)
  return {
    kind: orNull(r.pick(KINDS)),
    amount: orNull(r.chance(0.3) ? r.pick(HOSTILE_AMOUNTS) : Math.round(r.next() * 1e5) / 100),
    units: orNull(r.chance(0.05) ? Number.MAX_SAFE_INTEGER : r.int(-4, 4)),
    account: orNull(r.chance(0.1) ? 2n ** 63n - 1n : BigInt(r.int(-9, 9))),
    ok: orNull(r.chance(0.5)),
    seen: orNull(START + r.int(0, 1e6)),
    price: orNull(r.chance(0.05) ? 10n ** 37n : BigInt(r.int(-2_000, 2_000))),
    tags: orNull(Array.from({ length: r.int(0, 3) }, () => r.pick(KINDS))),
    embedding: orNull(Float32Array.from({ length: 3 }, () => r.int(-4, 4) / 8)),
  }
}

export function shuffled<T>(r: Random, of: readonly T[]): T[] {
  const copy = [...of]
  for (let i = copy.length - 1; i > 0; i--) {
    const j = r.int(0, i)
    ;[copy[i], copy[j]] = [copy[j] as T, copy[i] as T]
  }
  return copy
}
