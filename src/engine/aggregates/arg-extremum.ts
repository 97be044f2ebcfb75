import type { ByteReader } from '../../util/byte-reader.ts'
import type { ByteWriter } from '../../util/byte-writer.ts'
import type { Aggregate, AggregateInput, Column } from '../aggregate.ts'
import { naiveOrder } from '../naive.ts'
import type { Rows } from '../rows.ts'
import type { FieldType, Scalar, ScalarType, Value } from '../spec.ts'
import { isOrdered } from '../types.ts'
import { compareValues, decodeValues, encodeValues } from '../values.ts'
import { Cells } from './cells.ts'
import { FROM_KEPT_ROWS, fieldOf, filteredBy, typeOfField } from './input.ts'

type Sign = 1 | -1

/** The row that stands foremost so far: never changed. */
interface Foremost {
  readonly order: Scalar
  readonly time: number
  readonly part: number
  readonly seq: number
  readonly value: Value
}

/** Keeps the row with the greatest value of the order field (sign 1) or the least (sign -1); of equal ones the newest. */
class ForemostColumn extends Cells<Foremost | null> implements Column {
  private readonly field: number
  private readonly type: FieldType
  private readonly orderBy: number
  private readonly orderType: ScalarType
  private readonly sign: Sign

  constructor(field: number, type: FieldType, orderBy: number, orderType: ScalarType, sign: Sign) {
    super()
    this.field = field
    this.type = type
    this.orderBy = orderBy
    this.orderType = orderType
    this.sign = sign
  }

  protected emptyCell(): null {
    return null
  }

  update(at: number, rows: Rows, from: number, to: number, mask: Uint8Array | null): void {
    const values = rows.fields[this.field] as Value[]
    const orders = rows.fields[this.orderBy] as (Scalar | null)[]
    const { times, parts, seqs } = rows
    for (let i = from; i < to; i++) {
      if (mask !== null && mask[i] === 0) continue
      const order = orders[i] as Scalar | null
      const value = values[i] as Value
      if (order === null || value === null) continue
      this.take(at, { order, value, time: times[i] as number, part: parts[i] as number, seq: seqs[i] as number })
    }
  }

  merge(at: number, other: ForemostColumn, from: number, to: number): void {
    for (let i = from; i < to; i++) {
      const row = other.at(i)
      if (row !== null) this.take(at, row)
    }
  }

  private take(at: number, row: Foremost): void {
    const best = this.at(at)
    if (best === null || this.isBeyond(row, best)) this.cells[at] = row
  }

  private isBeyond(row: Foremost, best: Foremost): boolean {
    const by = compareValues(row.order, best.order) * this.sign
    return (by || row.time - best.time || row.part - best.part || row.seq - best.seq) > 0
  }

  renumber(parts: readonly number[]): void {
    this.cells = this.cells.map((row) => row && { ...row, part: parts[row.part] as number })
  }

  encode(out: ByteWriter): void {
    const orders = this.cells.map((row) => row?.order ?? null)
    encodeValues(out, orders, this.orderType)
    const present = this.cells.filter((row) => row !== null)
    let previous = 0
    for (const { time, part, seq } of present) {
      out.zigzag(time - previous)
      out.varint(part)
      out.varint(seq)
      previous = time
    }
    const values = present.map((row) => row.value)
    encodeValues(out, values, this.type)
  }

  decode(bytes: ByteReader, length: number): void {
    const orders = decodeValues(bytes, length, this.orderType) as (Scalar | null)[]
    let time = 0
    const rows = orders.map((order) => {
      if (order === null) return null
      time += bytes.zigzag()
      return { order, time, part: bytes.varint(), seq: bytes.varint() }
    })
    const present = rows.filter((row) => row !== null)
    const values = decodeValues(bytes, present.length, this.type)
    let next = 0
    this.cells = rows.map((row) => row && { ...row, value: values[next++] as Value })
  }
}

function orderOf(input: AggregateInput): string {
  if (input.orderBy === undefined) throw new Error('an aggregate by an order got none')
  return input.orderBy
}

function argExtremum(name: 'argMin' | 'argMax', sign: Sign, word: string): Aggregate {
  return {
    name,
    takes: 'field and order',
    prepare(input) {
      const field = fieldOf(input)
      const orderBy = orderOf(input)
      const type = typeOfField(input)
      const orderType = input.typeOf(orderBy)
      if (!isOrdered(orderType)) {
        return { error: `a ${orderType} has no order: ${name} goes by a number, a time or a string` }
      }
      return {
        resultType: type,
        empty: null,
        accumulators: [
          {
            kind: name,
            field,
            more: [orderBy],
            ...filteredBy(input.where),
            create: (placeOf) => new ForemostColumn(placeOf(field), type, placeOf(orderBy), orderType, sign),
          },
        ],
        finalise([column], [at = 0]) {
          const row = (column as ForemostColumn).at(at)
          return { value: row === null ? null : row.value, isEmpty: row === null }
        },
      }
    },
    naive(rows, input) {
      const order = (row: (typeof rows)[number]) => (row.fields[orderOf(input)] ?? null) as Scalar
      const value = (row: (typeof rows)[number]) => row.fields[fieldOf(input)] ?? null
      const present = rows.filter((row) => order(row) !== null && value(row) !== null)
      // Sorting keeps the order of equal rows, so the newest of the foremost comes last.
      const last = present.toSorted((a, b) => naiveOrder(order(a), order(b)) * sign).at(-1)
      return last && value(last)
    },
    doc: {
      summary: `the value of a field in the row where another is ${word}; of equal ones in the newest`,
      empty: 'null',
      result: "the field's type",
      retracts: FROM_KEPT_ROWS,
      exactness: 'exact; rows where either field is null are left out',
      example: `${name}(e.type, e.amount).over('1d')`,
    },
  }
}

export const argMin = argExtremum('argMin', -1, 'least')
export const argMax = argExtremum('argMax', 1, 'greatest')
