import { exp2 } from '../util/exp2.ts'
import type { Predicate, Scalar, Value } from './spec.ts'

/**
 * The tools of the naive definitions: slow, plain, and (but for `exp2`) made of nothing that the engine computes with. Only the oracle and
 * the bench run them.
 */

/** One row as the naive definitions see it. Lists of them are in the order of (time, part, seq). */
export interface NaiveRow {
  /** Event time, ms. */
  readonly time: number
  readonly fields: Readonly<Record<string, Value>>
}

/** The values of a field, nulls included; null for no field. */
export const valuesOf = (rows: readonly NaiveRow[], field: string | undefined): Value[] =>
  rows.map((row) => (field === undefined ? null : (row.fields[field] ?? null)))

/** The values of a field that are not null. */
export const presentOf = (rows: readonly NaiveRow[], field: string | undefined): Scalar[] =>
  valuesOf(rows, field).filter((value): value is Scalar => value !== null)

/** Whether a row passes a filter. */
export function holds(predicate: Predicate, fields: Readonly<Record<string, Value>>): boolean {
  switch (predicate.op) {
    case 'and':
      return predicate.of.every((p) => holds(p, fields))
    case 'or':
      return predicate.of.some((p) => holds(p, fields))
    case 'not':
      return !holds(predicate.of, fields)
  }
  const value = (fields[predicate.field] ?? null) as Scalar | null
  if (predicate.op === 'isNull') return value === null
  if (predicate.op === 'notNull') return value !== null
  if (value === null) return false
  switch (predicate.op) {
    case 'eq':
      return value === predicate.value
    case 'ne':
      return value !== predicate.value
    case 'gt':
      return sortable(value) > sortable(predicate.value)
    case 'gte':
      return sortable(value) >= sortable(predicate.value)
    case 'lt':
      return sortable(value) < sortable(predicate.value)
    case 'lte':
      return sortable(value) <= sortable(predicate.value)
    case 'in':
      return predicate.values.includes(value)
    case 'between':
      return sortable(value) >= sortable(predicate.low) && sortable(value) <= sortable(predicate.high)
    case 'prefix':
      return String(value).startsWith(predicate.value)
  }
}

/** A string in a form whose UTF-16 order is code point order; anything else as it is. */
const sortable = (value: Scalar): Scalar =>
  typeof value === 'string'
    ? [...value].map((c) => (c.codePointAt(0) ?? 0).toString(16).padStart(6, '0')).join('')
    : value

/** The order of values: numbers with -0 before 0, texts by code point, false before true. */
export function naiveOrder(a: Scalar, b: Scalar): number {
  const x = sortable(a)
  const y = sortable(b)
  if (x === y) return Number(Object.is(b, -0)) - Number(Object.is(a, -0))
  return x < y ? -1 : 1
}

/** 2^-1074: every finite double is a whole multiple of it. */
const UNIT_BITS = 1074

/** A double or an integer as a count of 2^-1074. */
export function units(value: number | bigint): bigint {
  if (typeof value === 'bigint') return value << BigInt(UNIT_BITS)
  let exponent = UNIT_BITS
  let whole = value
  while (!Number.isInteger(whole)) {
    whole *= 2
    exponent -= 1
  }
  return BigInt(whole) << BigInt(exponent)
}

/** The exact sum as a count of 2^-1074. */
export const exactUnits = (values: readonly (number | bigint)[]): bigint =>
  values.reduce((sum: bigint, value) => sum + units(value), 0n)

/** The double nearest to a fraction (ties to even); infinite when it is too large. The denominator is positive. */
export function nearestDouble(numerator: bigint, denominator: bigint): number {
  if (numerator < 0n) return -nearestDouble(-numerator, denominator)
  return nearest((half) => half * denominator - (numerator << BigInt(UNIT_BITS + 1)))
}

/** The double nearest to the square root of a fraction (ties to even); infinite when it is too large. */
export const nearestRoot = (numerator: bigint, denominator: bigint): number =>
  nearest((half) => half * half * denominator - (numerator << BigInt(2 * UNIT_BITS + 2)))

/**
 * The double nearest to a number, by bisection over the doubles' own order. Of a count of 2^-1075 (half the least double, so
 * that what lies between two has a count too) `excess` says by its sign how it compares with the number.
 */
function nearest(excess: (half: bigint) => bigint): number {
  let low = 0n
  let high = 0x7ff0000000000000n
  while (high - low > 1n) {
    const middle = (low + high) / 2n
    if (excess(2n * units(fromBits(middle))) <= 0n) low = middle
    else high = middle
  }
  const below = units(fromBits(low))
  // What would follow the greatest double, if there were one: a number from half way on rounds to infinity.
  const above = high === 0x7ff0000000000000n ? 1n << BigInt(1024 + UNIT_BITS) : units(fromBits(high))
  const middle = excess(below + above)
  if (middle > 0n || (middle === 0n && (low & 1n) === 0n)) return fromBits(low)
  return high === 0x7ff0000000000000n ? Number.POSITIVE_INFINITY : fromBits(high)
}

function fromBits(bits: bigint): number {
  const view = new DataView(new ArrayBuffer(8))
  view.setBigUint64(0, bits)
  return view.getFloat64(0)
}

/** A weighted value of a decayed window; rows come in any order. */
export interface DecayingTerm {
  readonly time: number
  readonly value: number | bigint
}

/**
 * The total of a decayed window at t, by the rule of the design: each term is its value times `exp2` to the end of its cell
 * of the grid of half-lives, rounded; cells are added exactly and rounded once at the end of t's own cell; one factor leads
 * from there to t. Terms at or after t, and of cells 64 half-lives before that of t, are left out. The one tool that is the
 * engine's own is `exp2`, which defines the weights.
 */
export function naiveDecayed(terms: readonly DecayingTerm[], halfLifeMs: number, t: number): number {
  const cellOf = (time: number) => Math.floor(time / halfLifeMs)
  const toCellEnd = (time: number) => ((cellOf(time) + 1) * halfLifeMs - time) / halfLifeMs
  const inReach = terms.filter(({ time }) => time < t && cellOf(time) > cellOf(t) - 64)
  const total = inReach.reduce((sum, { time, value }) => {
    const term = Number(value) * exp2(-toCellEnd(time))
    return sum + (units(term) << BigInt(64 - (cellOf(t) - cellOf(time))))
  }, 0n)
  return nearestDouble(total, units(1) << 64n) * exp2(toCellEnd(t))
}
