import { readBigint, writeBigint } from './bigint-bytes.ts'
import type { ByteReader } from './byte-reader.ts'
import type { ByteWriter } from './byte-writer.ts'
import { canonical, type Dyadic, plus, ZERO } from './dyadic.ts'

/**
 * Exact sums of any binary fractions side by side. Slower than `ExactSums` and without its bounds: for what two doubles
 * rarely hold (squares), or what has exponents of its own (weights by age).
 */
export class DyadicSums {
  private sums: Dyadic[] = []

  get length(): number {
    return this.sums.length
  }

  insert(at: number): void {
    this.sums.splice(at, 0, ZERO)
  }

  dropFirst(count: number): void {
    this.sums.splice(0, count)
  }

  clear(at: number): void {
    this.sums[at] = ZERO
  }

  at(at: number): Dyadic {
    return this.sums[at] as Dyadic
  }

  add(at: number, value: Dyadic): void {
    this.sums[at] = plus(this.sums[at] as Dyadic, value)
  }

  /** Adds the cells `[from, to)` of another. */
  addCells(at: number, other: DyadicSums, from: number, to: number): void {
    let sum = this.sums[at] as Dyadic
    for (let i = from; i < to; i++) sum = plus(sum, other.sums[i] as Dyadic)
    this.sums[at] = sum
  }

  /** Each sum in its one canonical form; exponents by their difference from the one before, since neighbours are alike. */
  encode(out: ByteWriter): void {
    let previous = 0
    for (const sum of this.sums) {
      const { mantissa, exponent } = canonical(sum)
      writeBigint(out, mantissa)
      if (mantissa === 0n) continue
      out.zigzag(exponent - previous)
      previous = exponent
    }
  }

  decode(bytes: ByteReader, length: number): void {
    this.sums = []
    let previous = 0
    for (let i = 0; i < length; i++) {
      const mantissa = readBigint(bytes)
      if (mantissa !== 0n) previous += bytes.zigzag()
      this.sums.push(mantissa === 0n ? ZERO : { mantissa, exponent: previous })
    }
  }
}
