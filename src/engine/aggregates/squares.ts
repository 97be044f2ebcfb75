import type { ByteReader } from '../../util/byte-reader.ts'
import type { ByteWriter } from '../../util/byte-writer.ts'
import { dyadicOf } from '../../util/dyadic.ts'
import { DyadicSums } from '../../util/dyadic-sums.ts'
import type { AccumulatorSpec, Column } from '../aggregate.ts'
import type { Rows } from '../rows.ts'
import type { Predicate, Value } from '../spec.ts'
import { filteredBy } from './input.ts'

/** The greatest whole number whose square a double surely counts. */
const MOST_ROOT = 2 ** 26

/**
 * Sums the squares of a numeric field exactly. A square has twice the digits of its number, so that the sum of a few fills
 * more than two doubles: it is kept as one integer with an exponent.
 */
export class SquaresColumn implements Column {
  private readonly field: number
  readonly sums = new DyadicSums()

  constructor(field: number) {
    this.field = field
  }

  get length(): number {
    return this.sums.length
  }

  insert(at: number): void {
    this.sums.insert(at)
  }

  dropFirst(count: number): void {
    this.sums.dropFirst(count)
  }

  clear(at: number): void {
    this.sums.clear(at)
  }

  update(at: number, rows: Rows, from: number, to: number, mask: Uint8Array | null): void {
    this.take(at, rows, from, to, mask, 1n)
  }

  retract(at: number, rows: Rows, from: number, to: number, mask: Uint8Array | null): void {
    this.take(at, rows, from, to, mask, -1n)
  }

  private take(at: number, rows: Rows, from: number, to: number, mask: Uint8Array | null, sign: bigint): void {
    const values = rows.fields[this.field] as Value[]
    // Small whole numbers are summed as numbers while that is exact: most counts and amounts in cents are such.
    let small = 0
    for (let i = from; i < to; i++) {
      if (mask !== null && mask[i] === 0) continue
      const value = values[i]
      if (typeof value === 'number') {
        const square = value * value
        if (Number.isInteger(value) && Math.abs(value) <= MOST_ROOT && small + square <= Number.MAX_SAFE_INTEGER) {
          small += square
        } else {
          const { mantissa, exponent } = dyadicOf(value)
          this.sums.add(at, { mantissa: sign * mantissa * mantissa, exponent: 2 * exponent })
        }
      } else if (typeof value === 'bigint') this.sums.add(at, { mantissa: sign * value * value, exponent: 0 })
    }
    if (small !== 0) this.sums.add(at, { mantissa: sign * BigInt(small), exponent: 0 })
  }

  merge(at: number, other: SquaresColumn, from: number, to: number): void {
    this.sums.addCells(at, other.sums, from, to)
  }

  encode(out: ByteWriter): void {
    this.sums.encode(out)
  }

  decode(bytes: ByteReader, length: number): void {
    this.sums.decode(bytes, length)
  }
}

/** The accumulator that variance and stddev share. */
export function squaresOf(field: string, where: Predicate | undefined): AccumulatorSpec {
  return { kind: 'squares', field, ...filteredBy(where), create: (placeOf) => new SquaresColumn(placeOf(field)) }
}
