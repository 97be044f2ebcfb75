import type { FeatureSpec, FieldType, Predicate, Value, ViewSpec } from '../../src/engine/index.ts'

/**
 * The naive truth: a value from the whole list of accepted events, by the words of docs/guarantees.md and nothing of the
 * engine. Slow and plain on purpose; the engine is compared with it, `exact: false` included.
 */
export interface OracleEvent {
  readonly time: number
  readonly availableAt: number
  readonly region: number
  readonly epoch: number
  readonly shard: number
  readonly seq: number
  readonly fields: Readonly<Record<string, Value>>
}

export interface OracleValue {
  readonly value: Value
  readonly status: 'present' | 'empty' | 'partial' | 'error'
  readonly exact: boolean
}

export const inOrder = (a: OracleEvent, b: OracleEvent): number =>
  a.time - b.time || a.region - b.region || a.epoch - b.epoch || a.shard - b.shard || a.seq - b.seq

/** The greatest `min(event time, arrival)`. */
export const markOf = (events: readonly OracleEvent[]): number =>
  Math.max(0, ...events.map((e) => Math.min(e.time, e.availableAt)))

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
  const width = feature.window.kind === 'lifetime' ? Infinity : feature.window.widthMs
  const delay = feature.window.kind === 'lifetime' ? 0 : feature.window.delayMs
  const end = t - delay
  const start = end - width
  const kept = sorted.slice(Math.max(0, sorted.length - view.exactRows))
  const folded = sorted.slice(0, sorted.length - kept.length)

  const tiles = new Map<string, OracleEvent[]>()
  for (const event of folded) {
    const key = tileOf(event.time, width, view.allowedLatenessMs, mark)
    tiles.set(key, [...(tiles.get(key) ?? []), event])
  }
  let exact = true
  const inside = kept.filter((e) => e.time >= start && e.time < end)
  for (const rows of tiles.values()) {
    const first = Math.min(...rows.map((e) => e.time))
    const last = Math.max(...rows.map((e) => e.time))
    if (first < end && last >= end) exact = false
    else if (first < start && last >= start) {
      exact = false
      inside.push(...rows)
    } else if (first >= start && last < end) inside.push(...rows)
  }
  const rows = inside.filter((e) => feature.where === undefined || holds(feature.where, e.fields)).sort(inOrder)
  const found = naive(feature, rows, types.get(feature.field ?? ''))
  if (found === 'overflow') return { value: feature.default ?? null, status: 'error', exact }
  const partial = start < since
  if (found === undefined) {
    const empty = feature.aggregate === 'count' ? 0 : null
    return { value: feature.default ?? empty, status: partial ? 'partial' : 'empty', exact }
  }
  return { value: found, status: partial ? 'partial' : 'present', exact }
}

const powerOfTwo = (most: number): number => 2 ** Math.floor(Math.log2(most))

function tileOf(time: number, width: number, lateness: number, mark: number): string {
  const tile = width === Infinity ? Infinity : powerOfTwo(width / 128)
  const fine = powerOfTwo(lateness / 128)
  const place = (size: number) => `${size}:${size === Infinity ? 0 : Math.floor(time / size)}`
  if (tile <= fine) return place(tile)
  const fineEnd = (Math.floor(time / fine) + 1) * fine
  return fineEnd <= mark - lateness ? place(tile) : place(fine)
}

export function holds(predicate: Predicate, fields: Readonly<Record<string, Value>>): boolean {
  switch (predicate.op) {
    case 'and':
      return predicate.of.every((p) => holds(p, fields))
    case 'or':
      return predicate.of.some((p) => holds(p, fields))
    case 'not':
      return !holds(predicate.of, fields)
  }
  const value = fields[predicate.field] ?? null
  if (predicate.op === 'isNull') return value === null
  if (predicate.op === 'notNull') return value !== null
  if (value === null) return false
  switch (predicate.op) {
    case 'eq':
      return value === predicate.value
    case 'ne':
      return value !== predicate.value
    case 'gt':
      return codePoints(value) > codePoints(predicate.value)
    case 'gte':
      return codePoints(value) >= codePoints(predicate.value)
    case 'lt':
      return codePoints(value) < codePoints(predicate.value)
    case 'lte':
      return codePoints(value) <= codePoints(predicate.value)
    case 'in':
      return predicate.values.includes(value)
    case 'between':
      return codePoints(value) >= codePoints(predicate.low) && codePoints(value) <= codePoints(predicate.high)
    case 'prefix':
      return String(value).startsWith(predicate.value)
  }
}

/** A string in a form whose UTF-16 order is code point order; anything else as it is. */
const codePoints = (value: Exclude<Value, null>): string | number | bigint | boolean =>
  typeof value === 'string'
    ? [...value].map((c) => (c.codePointAt(0) ?? 0).toString(16).padStart(6, '0')).join('')
    : value

/** The value over exactly these rows, in order; undefined when there is nothing. */
function naive(
  feature: FeatureSpec,
  rows: readonly OracleEvent[],
  type: FieldType | undefined,
): Value | undefined | 'overflow' {
  const values = rows.map((e) => (feature.field === undefined ? null : (e.fields[feature.field] ?? null)))
  const present = values.filter((v) => v !== null)
  switch (feature.aggregate) {
    case 'count': {
      const count = feature.field === undefined ? rows.length : present.length
      return count === 0 ? undefined : count
    }
    case 'sum':
      return present.length === 0 ? undefined : naiveSum(present as (number | bigint)[], type)
    case 'avg':
      return present.length === 0 ? undefined : divide(exactSum(present as (number | bigint)[]), BigInt(present.length))
    case 'min':
    case 'max': {
      const sign = feature.aggregate === 'min' ? 1 : -1
      return present.length === 0 ? undefined : [...present].sort((a, b) => sign * naiveOrder(a, b))[0]
    }
    case 'latest':
      return feature.nulls === 'keep' ? values.at(-1) : present.at(-1)
    case 'rate': {
      const matches = feature.matches
      if (rows.length === 0 || matches === undefined) return undefined
      return rows.filter((e) => holds(matches, e.fields)).length / rows.length
    }
  }
  throw new Error(`the oracle does not know ${feature.aggregate}`)
}

function naiveOrder(a: Exclude<Value, null>, b: Exclude<Value, null>): number {
  const x = codePoints(a)
  const y = codePoints(b)
  if (x === y) return Number(Object.is(b, -0)) - Number(Object.is(a, -0))
  return x < y ? -1 : 1
}

/** Doubles and integers as exact fractions of 2^1074. */
function exactSum(values: readonly (number | bigint)[]): bigint {
  let sum = 0n
  for (const value of values) sum += typeof value === 'bigint' ? value << 1074n : fraction(value)
  return sum
}

function fraction(value: number): bigint {
  let exponent = 1074
  let whole = value
  while (!Number.isInteger(whole)) {
    whole *= 2
    exponent -= 1
  }
  return BigInt(whole) << BigInt(exponent)
}

/** `numerator / (denominator * 2^1074)` as the nearest double, found by bisection over the doubles' own order. */
function divide(numerator: bigint, denominator: bigint): number {
  if (numerator < 0n) return -divide(-numerator, denominator)
  const view = new DataView(new ArrayBuffer(8))
  const fromBits = (bits: bigint): number => {
    view.setBigUint64(0, bits)
    return view.getFloat64(0)
  }
  let low = 0n
  let high = 0x7ff0000000000000n
  while (high - low > 1n) {
    const middle = (low + high) / 2n
    if (fraction(fromBits(middle)) * denominator <= numerator) low = middle
    else high = middle
  }
  if (high === 0x7ff0000000000000n)
    return numerator > fraction(Number.MAX_VALUE) * denominator ? Infinity : fromBits(low)
  const below = numerator - fraction(fromBits(low)) * denominator
  const above = fraction(fromBits(high)) * denominator - numerator
  if (below === above) return fromBits((low & 1n) === 0n ? low : high)
  return below < above ? fromBits(low) : fromBits(high)
}

function naiveSum(values: readonly (number | bigint)[], type: FieldType | undefined): Value | 'overflow' {
  const exact = exactSum(values)
  if (type === 'int') return Number.isSafeInteger(Number(exact >> 1074n)) ? Number(exact >> 1074n) : 'overflow'
  if (type === 'int64') {
    const sum = exact >> 1074n
    return BigInt.asIntN(64, sum) === sum ? sum : 'overflow'
  }
  const sum = divide(exact, 1n)
  return Number.isFinite(sum) ? sum + 0 : 'overflow'
}
