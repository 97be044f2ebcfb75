import type { ByteReader } from '../../util/byte-reader.ts'
import type { ByteWriter } from '../../util/byte-writer.ts'
import type { AccumulatorSpec, Aggregate, Column } from '../aggregate.ts'
import { presentOf } from '../naive.ts'
import type { Rows } from '../rows.ts'
import type { Predicate } from '../spec.ts'
import { filteredBy } from './input.ts'

/** Counts rows, or the rows where a field is not null. */
export class CountColumn implements Column {
  private readonly field: number | null
  counts: number[] = []

  constructor(field: number | null) {
    this.field = field
  }

  get length(): number {
    return this.counts.length
  }

  insert(at: number): void {
    this.counts.splice(at, 0, 0)
  }

  dropFirst(count: number): void {
    this.counts.splice(0, count)
  }

  clear(at: number): void {
    this.counts[at] = 0
  }

  update(at: number, rows: Rows, from: number, to: number, mask: Uint8Array | null): void {
    this.counts[at] = (this.counts[at] as number) + this.countOf(rows, from, to, mask)
  }

  retract(at: number, rows: Rows, from: number, to: number, mask: Uint8Array | null): void {
    this.counts[at] = (this.counts[at] as number) - this.countOf(rows, from, to, mask)
  }

  private countOf(rows: Rows, from: number, to: number, mask: Uint8Array | null): number {
    const values = this.field === null ? null : rows.fields[this.field]
    if (values === null && mask === null) return to - from
    let count = 0
    for (let i = from; i < to; i++) if ((mask === null || mask[i] === 1) && values?.[i] !== null) count++
    return count
  }

  merge(at: number, other: CountColumn, from: number, to: number): void {
    let count = this.counts[at] as number
    for (let i = from; i < to; i++) count += other.counts[i] as number
    this.counts[at] = count
  }

  /** A count below zero, of a row that was taken back before it came, counts down from 2^53. */
  encode(out: ByteWriter): void {
    for (const count of this.counts) out.varint(count < 0 ? count + MODULUS : count)
  }

  decode(bytes: ByteReader, length: number): void {
    const counts: number[] = []
    for (let i = 0; i < length; i++) {
      const coded = bytes.varint()
      counts.push(coded < MODULUS / 2 ? coded : coded - MODULUS)
    }
    this.counts = counts
  }
}

/** Above half of it a stored count is negative. Counts themselves were always stored as they are. */
const MODULUS = 2 ** 53

/** The accumulator of `count`; `avg` and `rate` keep it too, and share it when field and filter are the same. */
export function countOf(field: string | undefined, where: Predicate | undefined): AccumulatorSpec {
  return {
    kind: 'count',
    ...(field !== undefined && { field }),
    ...filteredBy(where),
    create: (placeOf) => new CountColumn(field === undefined ? null : placeOf(field)),
  }
}

/** How many rows are in the window; `count(f)` leaves out those where f is null. */
export const count: Aggregate = {
  name: 'count',
  takes: 'optional field',
  prepare: ({ field, where }) => ({
    resultType: 'int',
    empty: 0,
    accumulators: [countOf(field, where)],
    finalise([column], [at = 0]) {
      const value = (column as CountColumn).counts[at] as number
      return { value, isEmpty: value <= 0 }
    },
    decay: ([count = 0]) => count,
  }),
  naive: (rows, { field }) => (field === undefined ? rows.length : presentOf(rows, field).length) || undefined,
  doc: {
    summary: 'the number of rows; with a field, of rows where it is not null',
    empty: '0',
    result: 'int',
    retracts: 'subtracts one',
    exactness: 'exact',
    example: "count().where(e.type.eq('click')).over('5m')",
  },
}
