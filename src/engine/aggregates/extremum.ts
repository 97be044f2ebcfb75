import type { ByteReader } from '../../util/byte-reader.ts'
import type { ByteWriter } from '../../util/byte-writer.ts'
import type { Aggregate, Column } from '../aggregate.ts'
import { naiveOrder, presentOf } from '../naive.ts'
import type { Rows } from '../rows.ts'
import type { FieldType, Scalar, Value } from '../spec.ts'
import { isOrdered, isScalarType } from '../types.ts'
import { compareValues, decodeValues, encodeValues } from '../values.ts'
import { FROM_KEPT_ROWS, fieldOf, filteredBy, typeOfField } from './input.ts'

type Sign = 1 | -1

/** Keeps the greatest value of a field (sign 1) or the least (sign -1); null in an empty cell. */
class ExtremumColumn implements Column {
  private readonly field: number
  private readonly type: FieldType
  private readonly sign: Sign
  values: Value[] = []

  constructor(field: number, type: FieldType, sign: Sign) {
    this.field = field
    this.type = type
    this.sign = sign
  }

  get length(): number {
    return this.values.length
  }

  insert(at: number): void {
    this.values.splice(at, 0, null)
  }

  dropFirst(count: number): void {
    this.values.splice(0, count)
  }

  clear(at: number): void {
    this.values[at] = null
  }

  update(at: number, rows: Rows, from: number, to: number, mask: Uint8Array | null): void {
    this.values[at] = this.best(this.values[at] as Value, rows.fields[this.field] as Value[], from, to, mask)
  }

  merge(at: number, other: ExtremumColumn, from: number, to: number): void {
    this.values[at] = this.best(this.values[at] as Value, other.values, from, to, null)
  }

  private best(start: Value, values: readonly Value[], from: number, to: number, mask: Uint8Array | null): Value {
    const { sign } = this
    let best = start
    for (let i = from; i < to; i++) {
      if (mask !== null && mask[i] === 0) continue
      const value = values[i] as Value
      if (value === null) continue
      if (best === null || isBeyond(value as Scalar, best as Scalar, sign)) best = value
    }
    return best
  }

  encode(out: ByteWriter): void {
    encodeValues(out, this.values, this.type)
  }

  decode(bytes: ByteReader, length: number): void {
    this.values = decodeValues(bytes, length, this.type)
  }
}

function isBeyond(value: Scalar, best: Scalar, sign: Sign): boolean {
  // Most columns are numbers, and only zeros need the full order.
  if (typeof value === 'number' && typeof best === 'number' && value !== 0)
    return sign > 0 ? value > best : value < best
  return compareValues(value, best) * sign > 0
}

function extremum(name: 'min' | 'max', sign: Sign, word: string): Aggregate {
  return {
    name,
    takes: 'field',
    prepare(input) {
      const type = typeOfField(input)
      if (!isScalarType(type)) return { error: `a ${type} has no ${name}: it takes a number, a time or a string` }
      if (!isOrdered(type)) return { error: `a ${type} has no ${name}: use rate or a filtered count` }
      return {
        resultType: type,
        empty: null,
        accumulators: [
          {
            kind: name,
            field: fieldOf(input),
            ...filteredBy(input.where),
            create: (placeOf) => new ExtremumColumn(placeOf(fieldOf(input)), type, sign),
          },
        ],
        finalise([column], [at = 0]) {
          const value = (column as ExtremumColumn).values[at] as Value
          return { value, isEmpty: value === null }
        },
      }
    },
    naive: (rows, { field }) =>
      presentOf(rows, field)
        .toSorted(naiveOrder)
        .at(sign > 0 ? -1 : 0),
    doc: {
      summary: `the ${word} value of a field: numbers (-0 before 0), times, or strings by code point`,
      empty: 'null',
      result: "the field's type",
      retracts: FROM_KEPT_ROWS,
      exactness: 'exact',
      example: `${name}(e.amount).over('1d')`,
    },
  }
}

export const min = extremum('min', -1, 'least')
export const max = extremum('max', 1, 'greatest')
