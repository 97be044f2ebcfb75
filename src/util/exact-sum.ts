import { type Dyadic, dyadicOf, LEAST_EXPONENT, plus } from './dyadic.ts'
import { roundFraction } from './round-fraction.ts'

/**
 * Exact sums of doubles, independent of order. A sum is held as `hi + lo` with `hi` the sum rounded to a double and `lo`
 * the exact rest, as long as the rest is itself a double: error-free transformation by Knuth's TwoSum (The Art of Computer
 * Programming 2, 4.2.2; Shewchuk 1997). What does not fit moves to one integer that counts units of 2^-1074, of which
 * every finite double is a multiple, and back when it fits again: so the pair is a function of the exact sum alone.
 */

/** A finite double as a count of units of 2^-1074. */
export function toUnits(value: number): bigint {
  const { mantissa, exponent } = dyadicOf(value)
  return mantissa << BigInt(exponent - LEAST_EXPONENT)
}

/** `numerator / denominator` units rounded once to a double, ties to even; infinite when it is too large. */
export const roundUnits = (numerator: bigint, denominator = 1n): number =>
  roundFraction(numerator, denominator, LEAST_EXPONENT)

/** The state of many sums side by side. Cell values are read through `round`, `average` and `encode`-ready `terms`. */
export class ExactSums {
  hi: number[] = []
  lo: number[] = []
  /** Cells that two doubles cannot hold, by index; rare, so a sparse map. */
  private units: Map<number, bigint> | null = null

  insert(at: number): void {
    this.hi.splice(at, 0, 0)
    this.lo.splice(at, 0, 0)
    if (this.units) this.shiftUnits(at, 1)
  }

  dropFirst(count: number): void {
    this.hi.splice(0, count)
    this.lo.splice(0, count)
    if (this.units) this.shiftUnits(count, -count)
  }

  private shiftUnits(from: number, by: number): void {
    const moved = new Map<number, bigint>()
    for (const [at, units] of this.units ?? []) {
      if (at >= from) moved.set(at + by, units)
      else if (by > 0) moved.set(at, units)
    }
    this.units = moved.size > 0 ? moved : null
  }

  clear(at: number): void {
    this.hi[at] = 0
    this.lo[at] = 0
    this.units?.delete(at)
  }

  /** Adds a finite double to cell `at`. */
  add(at: number, value: number): void {
    if (this.units?.has(at) || !this.addPair(at, value)) this.addUnits(at, toUnits(value))
  }

  /** Adds to the two doubles of a cell; false, and nothing done, when they cannot hold the sum. */
  private addPair(at: number, value: number): boolean {
    const hi = this.hi[at] as number
    const lo = this.lo[at] as number
    // TwoSum of hi and value, then of lo and its error: while that second error is zero, nothing was lost.
    const s = hi + value
    const b = s - hi
    const error = hi - (s - b) + (value - b)
    const c = lo + error
    const d = c - lo
    const sum = s + c
    // An infinite sum less itself is NaN: the cheapest test for both.
    if (lo - (c - d) + (error - d) !== 0 || sum - sum !== 0) return false
    const e = sum - s
    this.hi[at] = sum
    // Plus zero: a rest of -0 would show in the bytes.
    this.lo[at] = s - (sum - e) + (c - e) + 0
    return true
  }

  /**
   * Adds the values `[from, to)` that the mask admits, nulls left out: `addPair` for many, written out with the sum in two
   * variables, since folding and reading spend their time here.
   */
  addValues(at: number, values: readonly unknown[], from: number, to: number, mask: Uint8Array | null): void {
    let hi = this.hi[at] as number
    let lo = this.lo[at] as number
    const isWide = this.units?.has(at) ?? false
    for (let i = from; i < to; i++) {
      if (mask !== null && mask[i] === 0) continue
      const value = values[i]
      if (typeof value === 'number' && !isWide) {
        const s = hi + value
        const b = s - hi
        const error = hi - (s - b) + (value - b)
        const c = lo + error
        const d = c - lo
        const sum = s + c
        if (lo - (c - d) + (error - d) === 0 && sum - sum === 0) {
          const e = sum - s
          hi = sum
          lo = s - (sum - e) + (c - e) + 0
          continue
        }
      }
      if (value === null) continue
      this.hi[at] = hi
      this.lo[at] = lo
      if (typeof value === 'number') this.add(at, value)
      else this.addInteger(at, value as bigint)
      if (!isWide && this.units?.has(at)) {
        this.addValues(at, values, i + 1, to, mask)
        return
      }
      hi = this.hi[at] as number
      lo = this.lo[at] as number
    }
    if (isWide) return
    this.hi[at] = hi
    this.lo[at] = lo
  }

  /** Adds an integer of any size exactly: it splits into as many doubles as it takes. */
  addInteger(at: number, value: bigint): void {
    let rest = value
    while (rest !== 0n) {
      const high = Number(rest)
      this.add(at, high)
      rest -= BigInt(high)
    }
  }

  /** Adds the cells `[from, to)` of another. */
  addCells(at: number, other: ExactSums, from: number, to: number): void {
    let i = from
    while (i < to) {
      if (!this.units && !other.units) i = this.addPairs(at, other, i, to)
      if (i < to) this.addCell(at, other, i++)
    }
  }

  /**
   * `addPair` for many cells, written out with the sum in two variables: reads spend more time here than anywhere else.
   * Gives the first cell that two doubles could not take in.
   */
  private addPairs(at: number, other: ExactSums, from: number, to: number): number {
    const { hi: his, lo: los } = other
    let hi = this.hi[at] as number
    let lo = this.lo[at] as number
    let i = from
    for (; i < to; i++) {
      const value = his[i] as number
      const s = hi + value
      const b = s - hi
      const error = hi - (s - b) + (value - b)
      // The rests are small and alike, so their sum is nearly always a double too.
      const rest = los[i] as number
      const rests = lo + rest
      const r = rests - lo
      const c = rests + error
      const d = c - rests
      const sum = s + c
      const lost = Math.abs(lo - (rests - r) + (rest - r)) + Math.abs(rests - (c - d) + (error - d))
      if (lost !== 0 || sum - sum !== 0) break
      const e = sum - s
      lo = s - (sum - e) + (c - e) + 0
      hi = sum
    }
    this.hi[at] = hi
    this.lo[at] = lo
    return i
  }

  addCell(at: number, other: ExactSums, from: number): void {
    const units = other.units?.get(from)
    if (units !== undefined) this.addUnits(at, units)
    else {
      this.add(at, other.hi[from] as number)
      const lo = other.lo[from] as number
      if (lo !== 0) this.add(at, lo)
    }
  }

  private addUnits(at: number, units: bigint): void {
    this.setUnits(at, this.unitsOf(at) + units)
  }

  /** The exact sum in units of 2^-1074. */
  unitsOf(at: number): bigint {
    return this.units?.get(at) ?? toUnits(this.hi[at] as number) + toUnits(this.lo[at] as number)
  }

  /** Sets a cell from its exact sum, as two doubles if they can hold it. */
  setUnits(at: number, units: bigint): void {
    const hi = roundUnits(units)
    if (Number.isFinite(hi)) {
      const rest = units - toUnits(hi)
      const lo = roundUnits(rest)
      if (toUnits(lo) === rest) {
        this.hi[at] = hi
        this.lo[at] = lo
        this.units?.delete(at)
        return
      }
    }
    this.hi[at] = 0
    this.lo[at] = 0
    this.units ??= new Map()
    this.units.set(at, units)
  }

  /** Whether two doubles hold the cell (`hi`, `lo`), or it needs its units. */
  isWide(at: number): boolean {
    return this.units?.has(at) ?? false
  }

  /** The sum rounded once; infinite when it is beyond the range of a double. */
  round(at: number): number {
    const units = this.units?.get(at)
    return units === undefined ? (this.hi[at] as number) : roundUnits(units)
  }

  /** The sum exactly. */
  exactly(at: number): Dyadic {
    const units = this.units?.get(at)
    if (units !== undefined) return { mantissa: units, exponent: LEAST_EXPONENT }
    return plus(dyadicOf(this.hi[at] as number), dyadicOf(this.lo[at] as number))
  }

  /** The sum divided by `count` (at most 2^53), rounded once. */
  average(at: number, count: number): number {
    if (!this.isWide(at)) {
      const hi = this.hi[at] as number
      const lo = this.lo[at] as number
      if (lo === 0) return hi / count
      const quick = quotient(hi, lo, count)
      if (!Number.isNaN(quick)) return quick
    }
    return roundUnits(this.unitsOf(at), BigInt(count))
  }

  /** The sum as an integer; the cell must have taken in integers only. */
  integer(at: number): bigint {
    const units = this.units?.get(at)
    if (units !== undefined) return units >> BigInt(-LEAST_EXPONENT)
    return BigInt(this.hi[at] as number) + BigInt(this.lo[at] as number)
  }
}

const SPLITTER = 2 ** 27 + 1
/** Dekker's splitting loses bits near the ends of the exponent range; outside of this the exact division decides. */
const SPLIT_SAFE_MIN = 2 ** -900
const SPLIT_SAFE_MAX = 2 ** 900

/**
 * `(hi + lo) / count` rounded once, or NaN when the quick way cannot be sure. The quotient's rest is found exactly with
 * Dekker's product; if a rest larger or smaller by 2^-40 of itself rounds to the same double, so does the true one.
 */
function quotient(hi: number, lo: number, count: number): number {
  const first = hi / count
  const magnitude = Math.abs(first)
  if (!(magnitude > SPLIT_SAFE_MIN && magnitude < SPLIT_SAFE_MAX)) return Number.NaN
  const a = first * SPLITTER
  const ah = a - (a - first)
  const al = first - ah
  const b = count * SPLITTER
  const bh = b - (b - count)
  const bl = count - bh
  const product = first * count
  const error = al * bl - (product - ah * bh - al * bh - ah * bl)
  const rest = (hi - product - error + lo) / count
  const low = first + rest * (1 - 2 ** -40)
  const high = first + rest * (1 + 2 ** -40)
  return low === high ? low : Number.NaN
}
