import type { ByteReader } from '../../util/byte-reader.ts'
import type { ByteWriter } from '../../util/byte-writer.ts'
import type { Aggregate, Column } from '../aggregate.ts'
import { naiveOrder, presentOf } from '../naive.ts'
import type { Rows } from '../rows.ts'
import { VALUE_BYTES } from '../sizes.ts'
import type { Scalar, ScalarType, Value } from '../spec.ts'
import { isOrdered } from '../types.ts'
import { compareValues, decodeValues, encodeValues } from '../values.ts'
import { Cells } from './cells.ts'
import { FROM_KEPT_ROWS, fieldOf, filteredBy, numberOption, typeOfField } from './input.ts'

type Sign = 1 | -1

/** Keeps the k greatest values of a field (sign 1), or least (sign -1), the foremost first; equal ones as often as they come. */
class TopColumn extends Cells<Scalar[]> implements Column {
  private readonly field: number
  private readonly type: ScalarType
  private readonly k: number
  private readonly sign: Sign

  constructor(field: number, type: ScalarType, k: number, sign: Sign) {
    super()
    this.field = field
    this.type = type
    this.k = k
    this.sign = sign
  }

  protected emptyCell(): Scalar[] {
    return []
  }

  update(at: number, rows: Rows, from: number, to: number, mask: Uint8Array | null): void {
    const values = rows.fields[this.field] as Value[]
    const kept = this.at(at)
    for (let i = from; i < to; i++) {
      if (mask !== null && mask[i] === 0) continue
      const value = values[i] as Scalar | null
      if (value !== null) this.take(kept, value)
    }
  }

  merge(at: number, other: TopColumn, from: number, to: number): void {
    const kept = this.at(at)
    for (let i = from; i < to; i++) for (const value of other.at(i)) if (!this.take(kept, value)) break
  }

  /** False when the value, and so all that are no better, found no place. */
  private take(kept: Scalar[], value: Scalar): boolean {
    if (kept.length === this.k && !this.isBetter(value, kept[this.k - 1] as Scalar)) return false
    let low = 0
    let high = kept.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.isBetter(value, kept[middle] as Scalar)) high = middle
      else low = middle + 1
    }
    kept.splice(low, 0, value)
    if (kept.length > this.k) kept.pop()
    return true
  }

  private isBetter(a: Scalar, b: Scalar): boolean {
    return compareValues(a, b) * this.sign > 0
  }

  encode(out: ByteWriter): void {
    encodeValues(out, this.cells, `list(${this.type})`)
  }

  decode(bytes: ByteReader, length: number): void {
    this.cells = decodeValues(bytes, length, `list(${this.type})`) as Scalar[][]
  }
}

function top(name: 'topK' | 'bottomK', sign: Sign, words: string): Aggregate {
  return {
    name,
    takes: 'field',
    options: { k: { kind: 'integer', least: 1, most: 1000 } },
    prepare(input) {
      const type = typeOfField(input)
      if (!isOrdered(type)) return { error: `a ${type} has no order: ${name} takes numbers, times or strings` }
      const field = fieldOf(input)
      const k = numberOption(input, 'k')
      return {
        resultType: `list(${type})`,
        empty: [],
        accumulators: [
          {
            kind: `${name}(${k})`,
            cellBytes: k * VALUE_BYTES,
            field,
            ...filteredBy(input.where),
            create: (placeOf) => new TopColumn(placeOf(field), type, k, sign),
          },
        ],
        finalise([column], [at = 0]) {
          const kept = (column as TopColumn).at(at)
          return { value: [...kept], isEmpty: kept.length === 0 }
        },
      }
    },
    naive(rows, input) {
      const sorted = presentOf(rows, input.field).toSorted((a, b) => naiveOrder(a, b) * -sign)
      return sorted.length === 0 ? undefined : sorted.slice(0, numberOption(input, 'k'))
    },
    doc: {
      summary: `the k ${words}, equal ones as often as they come`,
      empty: '[]',
      result: "a list of the field's type",
      retracts: FROM_KEPT_ROWS,
      exactness: 'exact: in the order of min and max, -0 before 0 and strings by code point',
      example: `${name}(e.amount, 3).over('1d')`,
    },
  }
}

export const topK = top('topK', 1, 'largest values of a field, the largest first')
export const bottomK = top('bottomK', -1, 'smallest values of a field, the smallest first')
