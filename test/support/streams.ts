import type { FeatureSpec, FieldType, Predicate, Value, ViewSpec } from '../../src/engine/index.ts'
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
])

const WINDOWS_MS = [128, 1_000, 10_000, 60_000, 300_000, 3_600_000, 21_600_000, 86_400_000]
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
  ]
  if (depth < 2 && r.chance(0.25)) {
    if (r.chance(0.3)) return { op: 'not', of: randomPredicate(r, depth + 1) }
    return { op: r.pick(['and', 'or']), of: [randomPredicate(r, depth + 1), randomPredicate(r, depth + 1)] }
  }
  return r.pick(leaf)()
}

function randomFeature(r: Random, name: string, windows: readonly number[]): FeatureSpec {
  const aggregate = r.pick(['count', 'sum', 'avg', 'min', 'max', 'latest', 'rate'])
  const field =
    aggregate === 'rate' || (aggregate === 'count' && r.chance(0.5))
      ? undefined
      : aggregate === 'sum' || aggregate === 'avg'
        ? r.pick(['amount', 'units', 'account'])
        : aggregate === 'min' || aggregate === 'max'
          ? r.pick(['amount', 'units', 'account', 'kind', 'seen'])
          : r.pick([...FIELDS.keys()])
  const lifetime = r.chance(0.2)
  return {
    name,
    aggregate,
    ...(field !== undefined && { field }),
    ...(aggregate === 'rate' && { matches: randomPredicate(r) }),
    ...(aggregate === 'latest' && r.chance(0.3) && { nulls: 'keep' as const }),
    ...(r.chance(0.4) && { where: randomPredicate(r) }),
    window: lifetime
      ? { kind: 'lifetime' }
      : { kind: 'sliding', widthMs: r.pick(windows), delayMs: r.chance(0.15) ? r.pick(WINDOWS_MS) : 0 },
  }
}

export function randomView(r: Random): ViewSpec {
  const windows = Array.from({ length: r.int(1, 4) }, () => r.pick(WINDOWS_MS))
  return {
    name: 'random_view',
    entity: 'user',
    source: 'activity',
    key: { user_id: 'uid' },
    features: Array.from({ length: r.int(1, 8) }, (_, i) => randomFeature(r, `f${i}`, windows)),
    exactRows: r.pick([1, 2, 5, 16, 128]),
    allowedLatenessMs: r.pick([128, 5_000, 300_000]),
    since: 'beginning',
  }
}

const START = Date.UTC(2026, 0, 1)

/** Events of one entity in the order of their commits: bursts, gaps, ties, late ones, a clock that runs ahead. */
export function randomEvents(r: Random, count: number, shards = 1): OracleEvent[] {
  const span = r.pick([1_000, 60_000, 3_600_000, 86_400_000 * 3])
  const seqs = Array.from({ length: shards }, () => 0)
  let clock = START
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

export function randomFields(r: Random): Record<string, Value> {
  const orNull = (value: Value): Value => (r.chance(0.1) ? null : value)
  return {
    kind: orNull(r.pick(KINDS)),
    amount: orNull(r.chance(0.3) ? r.pick(HOSTILE_AMOUNTS) : Math.round(r.next() * 1e5) / 100),
    units: orNull(r.chance(0.05) ? Number.MAX_SAFE_INTEGER : r.int(-4, 4)),
    account: orNull(r.chance(0.1) ? 2n ** 63n - 1n : BigInt(r.int(-9, 9))),
    ok: orNull(r.chance(0.5)),
    seen: orNull(START + r.int(0, 1e6)),
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
