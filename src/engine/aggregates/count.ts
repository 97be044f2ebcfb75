import type { ByteReader } from '../../util/byte-reader.ts'
import type { ByteWriter } from '../../util/byte-writer.ts'
import type { AccumulatorSpec, Aggregate, Column } from '../aggregate.ts'
import type { Rows } from '../rows.ts'
import type { Predicate } from '../spec.ts'

const NO_FIELD = -1

/** Counts rows, or the rows where a field is not null. */
export class CountColumn implements Column {
  private readonly field: number
  counts: number[] = []

  constructor(field: number) {
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
    const values = this.field === NO_FIELD ? null : rows.fields[this.field]
    if (values === null && mask === null) {
      this.counts[at] = (this.counts[at] as number) + to - from
      return
    }
    let count = this.counts[at] as number
    for (let i = from; i < to; i++) if ((mask === null || mask[i] === 1) && values?.[i] !== null) count++
    this.counts[at] = count
  }

  merge(at: number, other: CountColumn, from: number, to: number): void {
    let count = this.counts[at] as number
    for (let i = from; i < to; i++) count += other.counts[i] as number
    this.counts[at] = count
  }

  encode(out: ByteWriter): void {
    for (const count of this.counts) out.varint(count)
  }

  decode(bytes: ByteReader, length: number): void {
    const counts: number[] = []
    for (let i = 0; i < length; i++) counts.push(bytes.varint())
    this.counts = counts
  }
}

/** The accumulator of `count`; `avg` and `rate` keep it too, and share it when field and filter are the same. */
export function countOf(field: string | undefined, where: Predicate | undefined): AccumulatorSpec {
  return {
    kind: 'count',
    ...(field !== undefined && { field }),
    ...(where !== undefined && { where }),
    create: (fieldIndex) => new CountColumn(fieldIndex),
  }
}

/** How many rows are in the window; `count(f)` leaves out those where f is null. */
export const count: Aggregate = {
  name: 'count',
  takes: 'optional field',
  resultType: () => 'int',
  empty: 0,
  accumulators: (feature) => [countOf(feature.field, feature.where)],
  finalise([column]) {
    const value = (column as CountColumn).counts[0] as number
    return { value, isEmpty: value === 0 }
  },
  doc: {
    summary: 'the number of rows; with a field, of rows where it is not null',
    retracts: 'subtracts one',
    exactness: 'exact',
    example: "count().where(e.type.eq('click')).over('5m')",
  },
}
