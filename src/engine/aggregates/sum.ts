import { type ByteReader, CorruptBytes } from '../../util/byte-reader.ts'
import type { ByteWriter } from '../../util/byte-writer.ts'
import { ExactSums } from '../../util/exact-sum.ts'
import type { AccumulatorSpec, Aggregate, Column, Finalised } from '../aggregate.ts'
import type { Rows } from '../rows.ts'
import type { FieldType, Predicate, Value } from '../spec.ts'
import { decodeNumbers, encodeNumbers } from '../values.ts'
import { type CountColumn, countOf } from './count.ts'

/** Sums a numeric field exactly: whatever the order of the rows, the same bits. */
export class SumColumn implements Column {
  private readonly field: number
  readonly sums = new ExactSums()

  constructor(field: number) {
    this.field = field
  }

  get length(): number {
    return this.sums.hi.length
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
    const values = rows.fields[this.field] as Value[]
    for (let i = from; i < to; i++) {
      if (mask !== null && mask[i] === 0) continue
      const value = values[i]
      if (typeof value === 'number') this.sums.add(at, value)
      else if (typeof value === 'bigint') this.sums.addInteger(at, value)
    }
  }

  merge(at: number, other: SumColumn, from: number, to: number): void {
    this.sums.addCells(at, other.sums, from, to)
  }

  /** The rounded sums, then the rests where there are any, then the wide ones by index. */
  encode(out: ByteWriter): void {
    const { hi, lo } = this.sums
    const wide: number[] = []
    for (let i = 0; i < hi.length; i++) if (this.sums.isWide(i)) wide.push(i)
    encodeNumbers(out, hi)
    const hasRests = lo.some((rest) => rest !== 0)
    out.u8(hasRests ? 1 : 0)
    if (hasRests) encodeNumbers(out, lo)
    out.varint(wide.length)
    for (const at of wide) {
      out.varint(at)
      out.text(this.sums.unitsOf(at).toString(36))
    }
  }

  decode(bytes: ByteReader, length: number): void {
    this.sums.hi = decodeNumbers(bytes, length)
    this.sums.lo = bytes.u8() === 1 ? decodeNumbers(bytes, length) : new Array<number>(length).fill(0)
    const wide = bytes.varint()
    for (let i = 0; i < wide; i++) {
      const at = bytes.varint()
      if (at >= length) throw new CorruptBytes('a wide sum beyond the last tile')
      this.sums.setUnits(at, parseBase36(bytes.text()))
    }
  }
}

function parseBase36(text: string): bigint {
  const negative = text.startsWith('-')
  let value = 0n
  for (const digit of negative ? text.slice(1) : text) {
    const parsed = Number.parseInt(digit, 36)
    if (Number.isNaN(parsed)) throw new CorruptBytes('a wide sum that is no number')
    value = value * 36n + BigInt(parsed)
  }
  return negative ? -value : value
}

/** The accumulator of `sum`, shared with `avg` over the same field and filter. */
export function sumOf(field: string, where: Predicate | undefined): AccumulatorSpec {
  return {
    kind: 'sum',
    field,
    ...(where !== undefined && { where }),
    create: (fieldIndex) => new SumColumn(fieldIndex),
  }
}

const INT64_MAX = 2n ** 63n - 1n
const INT64_MIN = -(2n ** 63n)

function finaliseSum(sums: ExactSums, type: FieldType | undefined): Finalised {
  if (type === 'int64') {
    const value = sums.integer(0)
    return value > INT64_MAX || value < INT64_MIN ? { error: 'overflow' } : { value, isEmpty: false }
  }
  const value = sums.round(0)
  const fits = type === 'int' ? Number.isSafeInteger(value) : Number.isFinite(value)
  return fits ? { value, isEmpty: false } : { error: 'overflow' }
}

export const isNumeric = (type: FieldType | undefined): boolean =>
  type === 'int' || type === 'int64' || type === 'float64'

/** The exact sum of a numeric field, rounded once; null when no row has it. The sum of negative zeros is 0. */
export const sum: Aggregate = {
  name: 'sum',
  takes: 'field',
  resultType: (field) =>
    isNumeric(field)
      ? (field as FieldType)
      : { error: `a ${field} cannot be summed: sum takes an int, int64 or float64 field` },
  empty: null,
  accumulators: ({ field, where }) => [countOf(field, where), sumOf(field as string, where)],
  finalise([count, column], type) {
    if ((count as CountColumn).counts[0] === 0) return { value: null, isEmpty: true }
    return finaliseSum((column as SumColumn).sums, type)
  },
  doc: {
    summary: 'the sum of a numeric field, exactly rounded and independent of order',
    retracts: 'adds the negated value, exactly',
    exactness: 'exact; status error, reason overflow, when it does not fit its type',
    example: "sum(e.amount).over('1h')",
  },
}
