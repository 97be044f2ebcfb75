import { type ByteReader, CorruptBytes } from '../../util/byte-reader.ts'
import type { ByteWriter } from '../../util/byte-writer.ts'
import { ExactSums } from '../../util/exact-sum.ts'
import type { AccumulatorSpec, Aggregate, Column, Finalised } from '../aggregate.ts'
import { exactUnits, nearestDouble, presentOf, units } from '../naive.ts'
import { decodeNumbers, encodeNumbers } from '../number-columns.ts'
import type { Rows } from '../rows.ts'
import type { FieldType, Predicate, Value } from '../spec.ts'
import { decimalScale, isNumeric, MAX_DECIMAL_DIGITS } from '../types.ts'
import { type CountColumn, countOf } from './count.ts'
import { fieldOf, filteredBy, typeOfField, unitsPerOne } from './input.ts'

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
    this.sums.addValues(at, rows.fields[this.field] as Value[], from, to, mask)
  }

  retract(at: number, rows: Rows, from: number, to: number, mask: Uint8Array | null): void {
    const values = rows.fields[this.field] as Value[]
    for (let i = from; i < to; i++) {
      if (mask !== null && mask[i] === 0) continue
      const value = values[i]
      if (typeof value === 'number') this.sums.add(at, -value)
      else if (typeof value === 'bigint') this.sums.addInteger(at, -value)
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

/** The accumulator of `sum`, shared with `avg` and the variance over the same field and filter. */
export function sumOf(field: string, where: Predicate | undefined): AccumulatorSpec {
  return { kind: 'sum', field, ...filteredBy(where), create: (placeOf) => new SumColumn(placeOf(field)) }
}

const MAX_INT64 = 2n ** 63n - 1n
const MAX_DECIMAL = 10n ** BigInt(MAX_DECIMAL_DIGITS) - 1n

function finaliseSum(sums: ExactSums, at: number, type: FieldType): Finalised {
  if (type === 'int64' || decimalScale(type) !== undefined) {
    const value = sums.integer(at)
    return fitsBigint(value, type) ? { value, isEmpty: false } : { error: 'overflow' }
  }
  const value = sums.round(at)
  const fits = type === 'int' ? Number.isSafeInteger(value) : Number.isFinite(value)
  return fits ? { value, isEmpty: false } : { error: 'overflow' }
}

function fitsBigint(value: bigint, type: FieldType): boolean {
  if (type === 'int64') return value <= MAX_INT64 && value >= -MAX_INT64 - 1n
  return value <= MAX_DECIMAL && value >= -MAX_DECIMAL
}

/** The exact sum of a numeric field, rounded once; null when no row has it. The sum of negative zeros is 0. */
export const sum: Aggregate = {
  name: 'sum',
  takes: 'field',
  prepare(input) {
    const type = typeOfField(input)
    if (!isNumeric(type)) {
      return { error: `a ${type} cannot be summed: sum takes an int, int64, float64 or decimal field` }
    }
    const perOne = Number(unitsPerOne(type))
    return {
      resultType: type,
      empty: null,
      accumulators: [countOf(input.field, input.where), sumOf(fieldOf(input), input.where)],
      finalise([count, column], [countAt = 0, at = 0]) {
        if (((count as CountColumn).counts[countAt] as number) <= 0) return { value: null, isEmpty: true }
        return finaliseSum((column as SumColumn).sums, at, type)
      },
      decay: ([, sum = 0]) => sum / perOne,
    }
  },
  naive(rows, input) {
    const values = presentOf(rows, input.field) as (number | bigint)[]
    const type = typeOfField(input)
    if (values.length === 0) return undefined
    if (typeof values[0] === 'bigint') {
      const total = (values as bigint[]).reduce((a, b) => a + b)
      return fitsBigint(total, type) ? total : { error: 'overflow' }
    }
    const total = nearestDouble(exactUnits(values), units(1))
    return (type === 'int' ? Number.isSafeInteger(total) : Number.isFinite(total)) ? total : { error: 'overflow' }
  },
  doc: {
    summary: 'the sum of a numeric field, exactly rounded and independent of order',
    empty: 'null',
    result: "the field's type; float64 in a decayed window",
    retracts: 'adds the negated value, exactly',
    exactness: 'exact; status error, reason overflow, when it does not fit its type',
    example: "sum(e.amount).over('1h')",
  },
}
