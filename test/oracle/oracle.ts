import {
  type AggregateInput,
  aggregates,
  type FeatureSpec,
  type FieldType,
  type Scalar,
  type Value,
  type ViewSpec,
} from '../../src/engine/index.ts'
import { holds, naiveDecayed, naiveOrder } from '../../src/engine/naive.ts'
import { boundsOf, cellOf, powerOfTwo, tileOf } from './windows.ts'

/**
 * The naive truth: a value from the whole list of accepted events, by the words of docs/guarantees.md and nothing of the
 * engine but the plain definition that each aggregate gives of itself. Slow and plain on purpose; the engine is compared
 * with it, `exact: false` included.
 */
export interface OracleEvent {
  readonly time: number
  readonly availableAt: number
  readonly region: number
  readonly epoch: number
  readonly shard: number
  readonly seq: number
  readonly fields: Readonly<Record<string, Value>>
  /** It was taken back: it counts for rank and for a tile's bounds, and for no value. */
  readonly retracted?: boolean
}

export interface OracleValue {
  readonly value: Value
  readonly status: 'present' | 'empty' | 'partial' | 'expired' | 'error'
  readonly exact: boolean
  readonly reason?: string
}

export const inOrder = (a: OracleEvent, b: OracleEvent): number =>
  a.time - b.time || a.region - b.region || a.epoch - b.epoch || a.shard - b.shard || a.seq - b.seq

/** The greatest `min(event time, arrival)`. */
export const markOf = (events: readonly OracleEvent[]): number =>
  Math.max(0, ...events.map((e) => Math.min(e.time, e.availableAt)))

interface Selection {
  /** The rows of the window, in order, before `where`. */
  readonly rows: readonly OracleEvent[]
  readonly exact: boolean
  /** From when on the history must be complete for the value not to be partial. */
  readonly complete: number
  readonly limit?: boolean
}

/** One feature of one view at t, over the entity's events in that view. `mark` is the entity's. */
export function oracleValue(
  view: ViewSpec,
  feature: FeatureSpec,
  events: readonly OracleEvent[],
  mark: number,
  t: number,
  since: number,
  types: ReadonlyMap<string, FieldType>,
): OracleValue {
  const sorted = [...events].sort(inOrder)
  const isTail = feature.window.tailLimit !== undefined
  const { rows, exact, complete, limit } = isTail
    ? selectTail(feature, sorted, t)
    : selectTiled(view, feature, sorted, mark, t)
  const failed = (reason: string): OracleValue => ({ value: feature.default ?? null, status: 'error', exact, reason })
  if (limit) return failed('limit')
  const counted = newest(feature, rows)
  const found = valueOver(feature, counted, t, types)
  if (isFailure(found)) return failed(found.error)
  if (found !== undefined && isExpired(feature, counted, t))
    return { value: feature.default ?? emptyOf(feature), status: 'expired', exact }
  const status = complete < since ? 'partial' : found === undefined ? 'empty' : 'present'
  if (found === undefined) return { value: feature.default ?? emptyOf(feature), status, exact }
  return { value: found, status, exact }
}

/** Judged by the row that the value is of: the newest that has one, or with nulls the newest. */
function isExpired({ ttlMs, field = '', options }: FeatureSpec, rows: readonly OracleEvent[], t: number): boolean {
  if (ttlMs === undefined) return false
  const told = rows.filter((row) => options?.nulls === 'keep' || (row.fields[field] ?? null) !== null)
  return t - Math.max(...told.map((row) => row.time)) > ttlMs
}

const isFailure = (found: unknown): found is { readonly error: string } =>
  typeof found === 'object' && found !== null && Object.getPrototypeOf(found) === Object.prototype && 'error' in found

function admitted(feature: FeatureSpec, rows: readonly OracleEvent[]): OracleEvent[] {
  return rows.filter((e) => !e.retracted && (feature.where === undefined || holds(feature.where, e.fields)))
}

function newest(feature: FeatureSpec, rows: readonly OracleEvent[]): OracleEvent[] {
  const passing = admitted(feature, rows).sort(inOrder)
  return feature.window.kind === 'lastN' ? passing.slice(-feature.window.rows) : passing
}

/** The newest R rows as they are, older ones in tiles that are counted whole or not at all. */
function selectTiled(
  view: ViewSpec,
  feature: FeatureSpec,
  sorted: readonly OracleEvent[],
  mark: number,
  t: number,
): Selection {
  const { window } = feature
  const kept = sorted.slice(Math.max(0, sorted.length - view.exactRows))
  const folded = sorted.slice(0, sorted.length - kept.length)
  const tiles = new Map<string, OracleEvent[]>()
  for (const event of folded) {
    const key = tileKey(view, feature, event.time, mark)
    tiles.set(key, [...(tiles.get(key) ?? []), event])
  }
  const stretches = [...tiles.values(), ...kept.map((event) => [event])].map((rows) => ({
    rows,
    first: Math.min(...rows.map((e) => e.time)),
    last: Math.max(...rows.map((e) => e.time)),
  }))
  let [start, end] = boundsOf(window, t)
  let exact = true
  const before = stretches.filter(({ first, last }) => {
    if (first < end && last >= end) exact = false
    return last < end
  })
  let complete = start
  if (window.kind === 'session') {
    const session = lastSession(before, window.gapMs)
    if (session === undefined || session.last < start) return { rows: [], exact, complete }
    if (session.last - session.first > window.maxMs) return { rows: [], exact, complete, limit: true }
    start = session.first
    complete = start - window.gapMs
  }
  const inside = before.filter(({ first, last }) => {
    if (first < start && last >= start) exact = false
    return last >= start
  })
  return { rows: inside.flatMap(({ rows }) => rows), exact, complete }
}

/** The rows within the gap of each other, from the newest back. */
function lastSession(stretches: readonly { first: number; last: number }[], gapMs: number) {
  const newestFirst = [...stretches].sort((a, b) => b.last - a.last)
  const [newest] = newestFirst
  if (newest === undefined) return undefined
  const session = { first: newest.first, last: newest.last }
  for (const { first, last } of newestFirst) {
    if (session.first - last > gapMs) break
    session.first = Math.min(session.first, first)
  }
  return session
}

function tileKey(view: ViewSpec, { window }: FeatureSpec, time: number, mark: number): string {
  const tile = tileOf(window)
  const fine = powerOfTwo(view.allowedLatenessMs / 128)
  const [cell, cellEnd] = cellOf(window, time)
  const place = (size: number) => `${size}:${size === Infinity ? 0 : Math.floor(time / size)}:${cell}`
  if (tile <= fine) return place(tile)
  const fineEnd = Math.min((Math.floor(time / fine) + 1) * fine, cellEnd)
  return fineEnd <= mark - view.allowedLatenessMs ? place(tile) : place(fine)
}

/** The newest rows alone, with `tail: 'exact'`; those that are kept nowhere make a window that may hold them an error. */
function selectTail(feature: FeatureSpec, sorted: readonly OracleEvent[], t: number): Selection {
  const { window } = feature
  const limit = window.tailLimit ?? 0
  const kept = sorted.slice(Math.max(0, sorted.length - limit))
  let [start, end] = boundsOf(window, t)
  let complete = start
  const lost = sorted[sorted.length - limit - 1]?.time ?? -Infinity
  const before = kept.filter((e) => e.time < end)
  if (window.kind === 'session') {
    const stretches = before.filter((e) => !e.retracted).map(({ time }) => ({ first: time, last: time }))
    const session = lastSession(stretches, window.gapMs)
    if (session === undefined || session.last < start) {
      return { rows: [], exact: true, complete, limit: session === undefined && lost >= start }
    }
    const isLost = session.first - lost <= window.gapMs
    if (session.last - session.first > window.maxMs || isLost) return { rows: [], exact: true, complete, limit: true }
    start = session.first
    complete = start - window.gapMs
  } else if (lost > -Infinity && lost >= start) {
    const enough = window.kind === 'lastN' && admitted(feature, before).length >= window.rows
    if (!enough) return { rows: [], exact: true, complete, limit: true }
  }
  return { rows: before.filter((e) => e.time >= start), exact: true, complete }
}

type Found = Value | undefined | { readonly error: string }

function valueOver(
  feature: FeatureSpec,
  rows: readonly OracleEvent[],
  t: number,
  types: ReadonlyMap<string, FieldType>,
): Found {
  const { groupBy } = feature
  if (groupBy === undefined) return plainValue(feature, rows, t, types)
  const keys = [...new Set(rows.map((e) => e.fields[groupBy.field] ?? null))].filter((key) => key !== null) as Scalar[]
  // -0 and 0 are one key, and a Set takes them for one.
  if (keys.length > groupBy.max) return { error: 'cap' }
  const map: Record<string, Value> = Object.create(null)
  for (const key of keys.sort(naiveOrder)) {
    const own = plainValue(
      feature,
      rows.filter((e) => e.fields[groupBy.field] === key),
      t,
      types,
    )
    if (isFailure(own)) return own
    if (own !== undefined) map[keyText(key, types.get(groupBy.field))] = own
  }
  return Object.keys(map).length === 0 ? undefined : map
}

function keyText(key: Scalar, type: FieldType | undefined): string {
  const scale = /^decimal\((\d+)\)$/.exec(type ?? '')?.[1]
  if (scale === undefined || Number(scale) === 0) return String(key === 0 ? 0 : key)
  const digits = String(key)
    .replace('-', '')
    .padStart(Number(scale) + 1, '0')
  const sign = String(key).startsWith('-') ? '-' : ''
  return `${sign}${digits.slice(0, -Number(scale))}.${digits.slice(-Number(scale))}`
}

function plainValue(
  feature: FeatureSpec,
  rows: readonly OracleEvent[],
  t: number,
  types: ReadonlyMap<string, FieldType>,
): Found {
  const { window } = feature
  if (window.kind === 'decayed') {
    return decayedValue(feature, rows, t, window.halfLifeMs, types.get(feature.field ?? ''))
  }
  const { field, orderBy, matches } = feature
  const input: AggregateInput = {
    ...(field !== undefined && { field }),
    ...(orderBy !== undefined && { orderBy }),
    ...(matches !== undefined && { matches }),
    options: feature.options ?? {},
    typeOf: (name) => types.get(name) ?? 'string',
  }
  return aggregates[feature.aggregate]?.naive(rows, input, { t }) as Found
}

/** The weighted sums that count, sum, avg and rate are made of. */
function decayedValue(
  feature: FeatureSpec,
  rows: readonly OracleEvent[],
  t: number,
  halfLifeMs: number,
  type: FieldType | undefined,
): Found {
  const { field, matches } = feature
  const total = (of: readonly OracleEvent[], weigh: (e: OracleEvent) => number) =>
    naiveDecayed(
      of.map((e) => ({ time: e.time, value: weigh(e) })),
      halfLifeMs,
      t,
    )
  const present = field === undefined ? rows : rows.filter((e) => (e.fields[field] ?? null) !== null)
  if (present.length === 0) return undefined
  const number = (e: OracleEvent) => Number(e.fields[field ?? ''] ?? 0)
  const perOne = 10 ** Number(/^decimal\((\d+)\)$/.exec(type ?? '')?.[1] ?? 0)
  const count = total(present, () => 1)
  const byName: Record<string, () => number> = {
    count: () => count,
    sum: () => total(present, number) / perOne,
    avg: () => total(present, number) / perOne / count,
    rate: () =>
      total(
        rows.filter((e) => matches !== undefined && holds(matches, e.fields)),
        () => 1,
      ) / count,
  }
  const value = byName[feature.aggregate]?.()
  if (value === undefined) throw new Error(`the oracle knows no decayed ${feature.aggregate}`)
  return Number.isFinite(value) ? value : { error: 'overflow' }
}

function emptyOf({ aggregate, groupBy }: FeatureSpec): Value {
  if (groupBy !== undefined) return Object.create(null)
  if (['count', 'countDistinct', 'approxCountDistinct'].includes(aggregate)) return 0
  return ['lastN', 'topK', 'bottomK'].includes(aggregate) ? [] : null
}
