import type { ByteReader } from '../../util/byte-reader.ts'
import type { ByteWriter } from '../../util/byte-writer.ts'
import type { Aggregate, Column } from '../aggregate.ts'
import { valuesOf } from '../naive.ts'
import type { Rows } from '../rows.ts'
import type { FieldType, Value } from '../spec.ts'
import { decodeValues, encodeValues } from '../values.ts'
import { FROM_KEPT_ROWS, fieldOf, filteredBy, typeOfField } from './input.ts'

/** The part of an empty cell; real parts start at 0. */
const NONE = -1

/** Which of the rows: the last or the first. */
type End = 'first' | 'latest'

/** Keeps the value of the row that comes last (or first) by (time, part, seq), and that order key. */
class EndColumn implements Column {
  private readonly field: number
  private readonly type: FieldType
  private readonly keepsNulls: boolean
  private readonly isLast: boolean
  times: number[] = []
  private parts: number[] = []
  private seqs: number[] = []
  values: Value[] = []

  constructor(field: number, type: FieldType, keepsNulls: boolean, end: End) {
    this.field = field
    this.type = type
    this.keepsNulls = keepsNulls
    this.isLast = end === 'latest'
  }

  get length(): number {
    return this.values.length
  }

  isEmpty(at: number): boolean {
    return this.parts[at] === NONE
  }

  insert(at: number): void {
    this.times.splice(at, 0, 0)
    this.parts.splice(at, 0, NONE)
    this.seqs.splice(at, 0, 0)
    this.values.splice(at, 0, null)
  }

  dropFirst(count: number): void {
    this.times.splice(0, count)
    this.parts.splice(0, count)
    this.seqs.splice(0, count)
    this.values.splice(0, count)
  }

  clear(at: number): void {
    this.set(at, 0, NONE, 0, null)
  }

  private set(at: number, time: number, part: number, seq: number, value: Value): void {
    this.times[at] = time
    this.parts[at] = part
    this.seqs[at] = seq
    this.values[at] = value
  }

  /** Takes the row if it is nearer to the end than the one that is kept. */
  private offer(at: number, time: number, part: number, seq: number, value: Value): void {
    const ownPart = this.parts[at] as number
    const ownTime = this.times[at] as number
    const isLater =
      ownTime !== time ? ownTime < time : ownPart !== part ? ownPart < part : (this.seqs[at] as number) < seq
    if (ownPart === NONE || isLater === this.isLast) this.set(at, time, part, seq, value)
  }

  update(at: number, rows: Rows, from: number, to: number, mask: Uint8Array | null): void {
    const values = rows.fields[this.field] as Value[]
    // Rows are in order, so the first from this end that is admitted settles it.
    const step = this.isLast ? -1 : 1
    for (let i = this.isLast ? to - 1 : from; i >= from && i < to; i += step) {
      if (mask !== null && mask[i] === 0) continue
      const value = values[i] as Value
      if (value === null && !this.keepsNulls) continue
      this.offer(at, rows.times[i] as number, rows.parts[i] as number, rows.seqs[i] as number, value)
      return
    }
  }

  merge(at: number, other: EndColumn, from: number, to: number): void {
    // Tiles are in order of time, so the first from this end that has a row settles it.
    const step = this.isLast ? -1 : 1
    for (let i = this.isLast ? to - 1 : from; i >= from && i < to; i += step) {
      const part = other.parts[i] as number
      if (part === NONE) continue
      this.offer(at, other.times[i] as number, part, other.seqs[i] as number, other.values[i] as Value)
      return
    }
  }

  renumber(parts: readonly number[]): void {
    this.parts = this.parts.map((part) => (part === NONE ? NONE : (parts[part] as number)))
  }

  encode(out: ByteWriter): void {
    let previous = 0
    for (let i = 0; i < this.parts.length; i++) {
      const part = this.parts[i] as number
      out.varint(part + 1)
      if (part === NONE) continue
      const time = this.times[i] as number
      out.zigzag(time - previous)
      out.varint(this.seqs[i] as number)
      previous = time
    }
    encodeValues(out, this.values, this.type)
  }

  decode(bytes: ByteReader, length: number): void {
    this.times = []
    this.parts = []
    this.seqs = []
    let previous = 0
    for (let i = 0; i < length; i++) {
      const part = bytes.varint() - 1
      if (part !== NONE) previous += bytes.zigzag()
      this.parts.push(part)
      this.times.push(part === NONE ? 0 : previous)
      this.seqs.push(part === NONE ? 0 : bytes.varint())
    }
    this.values = decodeValues(bytes, length, this.type)
  }
}

function endOf(name: End, word: string, order: string): Aggregate {
  return {
    name,
    takes: 'field',
    options: { nulls: { kind: 'choice', of: ['keep'] } },
    prepare(input) {
      const type = typeOfField(input)
      const keepsNulls = input.options.nulls === 'keep'
      return {
        resultType: type,
        empty: null,
        accumulators: [
          {
            kind: keepsNulls ? `${name}-with-nulls` : name,
            field: fieldOf(input),
            ...filteredBy(input.where),
            create: (placeOf) => new EndColumn(placeOf(fieldOf(input)), type, keepsNulls, name),
          },
        ],
        finalise([column], [at = 0]) {
          const cells = column as EndColumn
          if (cells.isEmpty(at)) return { value: null, isEmpty: true }
          return { value: cells.values[at] as Value, isEmpty: false, timeMs: cells.times[at] as number }
        },
      }
    },
    naive(rows, { field, options }) {
      const values = valuesOf(rows, field).filter((value) => value !== null || options.nulls === 'keep')
      return values.at(name === 'latest' ? -1 : 0)
    },
    doc: {
      summary: `the value of the ${word} row that has one; with { nulls: 'keep' } of the ${word} row, null too`,
      empty: 'null',
      result: "the field's type",
      retracts: FROM_KEPT_ROWS,
      exactness: `exact: ${order} by (event time, region, epoch, shard, commit), which leaves no ties`,
      example: `${name}(e.type)`,
    },
  }
}

export const first = endOf('first', 'oldest', 'the first')
export const latest = endOf('latest', 'newest', 'the last')
