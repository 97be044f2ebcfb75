import type { ByteReader } from '../../util/byte-reader.ts'
import type { ByteWriter } from '../../util/byte-writer.ts'
import { DyadicSums } from '../../util/dyadic-sums.ts'
import { ExactSums } from '../../util/exact-sum.ts'
import { exp2 } from '../../util/exp2.ts'
import { roundFraction } from '../../util/round-fraction.ts'
import type { AccumulatorSpec, Column, Computation } from '../aggregate.ts'
import type { Rows } from '../rows.ts'
import type { Value } from '../spec.ts'

/**
 * The sum of weighted values: `v * 2^(-(t - e) / h)`, on a grid of whole half-lives. A row of cell c (from c h to (c + 1) h)
 * adds `v * exp2(-((c + 1) h - e) / h)`, rounded once, times 2^c: the powers of two are exponents of exact sums, so that
 * cells of any age add up exactly. Source: semantics.md of the design, "decayed".
 */
class DecayedColumn implements Column {
  private readonly halfLifeMs: number
  private readonly field: number | null
  private readonly counts: boolean
  private readonly sums = new DyadicSums()
  /** The sum of the rows of one grid cell, in doubles while they hold it. */
  private readonly cellSum = new ExactSums()

  constructor(halfLifeMs: number, field: number | null, counts: boolean) {
    this.halfLifeMs = halfLifeMs
    this.field = field
    this.counts = counts
    this.cellSum.insert(0)
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
    this.take(at, rows, from, to, mask, 1)
  }

  retract(at: number, rows: Rows, from: number, to: number, mask: Uint8Array | null): void {
    this.take(at, rows, from, to, mask, -1)
  }

  private take(at: number, rows: Rows, from: number, to: number, mask: Uint8Array | null, sign: 1 | -1): void {
    const values = this.field === null ? null : (rows.fields[this.field] as Value[])
    const { halfLifeMs, cellSum } = this
    let cell = Number.NaN
    for (let i = from; i < to; i++) {
      const value = values === null ? 1 : (values[i] as number | bigint | null)
      if ((mask !== null && mask[i] === 0) || value === null) continue
      const time = rows.times[i] as number
      const ownCell = Math.floor(time / halfLifeMs)
      // Rows are in order, so those of a cell follow one another.
      if (ownCell !== cell) this.flush(at, cell)
      cell = ownCell
      const weight = exp2(-((cell + 1) * halfLifeMs - time) / halfLifeMs)
      cellSum.add(0, (this.counts ? sign : sign * Number(value)) * weight)
    }
    this.flush(at, cell)
  }

  private flush(at: number, cell: number): void {
    if (Number.isNaN(cell)) return
    const { mantissa, exponent } = this.cellSum.exactly(0)
    this.sums.add(at, { mantissa, exponent: exponent + cell })
    this.cellSum.clear(0)
  }

  merge(at: number, other: DecayedColumn, from: number, to: number): void {
    this.sums.addCells(at, other.sums, from, to)
  }

  /** The total at t: the exact sum as of the end of t's own cell, rounded once, times one factor from there to t. */
  total(at: number, t: number): number {
    const { halfLifeMs } = this
    const cell = Math.floor(t / halfLifeMs)
    const { mantissa, exponent } = this.sums.at(at)
    return roundFraction(mantissa, 1n, exponent - cell) * exp2(((cell + 1) * halfLifeMs - t) / halfLifeMs)
  }

  encode(out: ByteWriter): void {
    this.sums.encode(out)
  }

  decode(bytes: ByteReader, length: number): void {
    this.sums.decode(bytes, length)
  }
}

function decayedAccumulator(inner: AccumulatorSpec, halfLifeMs: number): AccumulatorSpec {
  const { field } = inner
  return {
    ...inner,
    kind: `decayed(${halfLifeMs}):${inner.kind}`,
    create: (placeOf) => {
      const place = field === undefined ? null : placeOf(field)
      return new DecayedColumn(halfLifeMs, place, inner.kind === 'count')
    },
  }
}

/**
 * The computation of a decayed window: every row weighs `2^-(its age in half-lives)`. Takes what is made of counts and sums
 * and says by `decay` what to do with weighted ones; its first accumulator must be the count that tells emptiness. A read
 * feeds only cells less than 64 half-lives before that of t. The value is a float64 whatever the field is.
 */
export function decayed(inner: Computation, halfLifeMs: number): Computation | { readonly error: string } {
  const { decay, accumulators, empty } = inner
  if (decay === undefined || accumulators.some(({ kind }) => kind !== 'count' && kind !== 'sum')) {
    return { error: 'it has no meaning when rows have weights: in a decayed window take count, sum, avg or rate' }
  }
  return {
    resultType: 'float64',
    empty,
    accumulators: accumulators.map((accumulator) => decayedAccumulator(accumulator, halfLifeMs)),
    finalise(columns, at, { t }) {
      const totals = columns.map((column, i) => (column as DecayedColumn).total(at[i] ?? 0, t))
      if ((totals[0] ?? 0) <= 0) return { value: empty, isEmpty: true }
      const value = decay(totals)
      return Number.isFinite(value) ? { value, isEmpty: false } : { error: 'overflow' }
    },
  }
}
