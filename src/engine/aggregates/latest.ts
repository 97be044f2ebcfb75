import type { ByteReader } from '../../util/byte-reader.ts'
import type { ByteWriter } from '../../util/byte-writer.ts'
import type { Aggregate, Column } from '../aggregate.ts'
import type { Rows } from '../rows.ts'
import type { FieldType, Value } from '../spec.ts'
import { decodeValues, encodeValues } from '../values.ts'

/** The part of an empty cell; real parts start at 0. */
const NONE = -1

/** Keeps the value of the row that comes last by (time, part, seq), and that order key. */
class LatestColumn implements Column {
  private readonly field: number
  private readonly type: FieldType
  private readonly keepsNulls: boolean
  private times: number[] = []
  private parts: number[] = []
  private seqs: number[] = []
  values: Value[] = []

  constructor(field: number, type: FieldType, keepsNulls: boolean) {
    this.field = field
    this.type = type
    this.keepsNulls = keepsNulls
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

  private isBefore(at: number, time: number, part: number, seq: number): boolean {
    const ownPart = this.parts[at] as number
    if (ownPart === NONE) return true
    const ownTime = this.times[at] as number
    if (ownTime !== time) return ownTime < time
    return ownPart !== part ? ownPart < part : (this.seqs[at] as number) < seq
  }

  update(at: number, rows: Rows, from: number, to: number, mask: Uint8Array | null): void {
    const values = rows.fields[this.field] as Value[]
    // Rows are in order, so the newest that is admitted settles it.
    for (let i = to - 1; i >= from; i--) {
      if (mask !== null && mask[i] === 0) continue
      const value = values[i] as Value
      if (value === null && !this.keepsNulls) continue
      const time = rows.times[i] as number
      const part = rows.parts[i] as number
      const seq = rows.seqs[i] as number
      if (this.isBefore(at, time, part, seq)) this.set(at, time, part, seq, value)
      return
    }
  }

  merge(at: number, other: LatestColumn, from: number, to: number): void {
    // Tiles are in order of time, so the newest that has a row settles it.
    for (let i = to - 1; i >= from; i--) {
      const part = other.parts[i] as number
      if (part === NONE) continue
      const time = other.times[i] as number
      const seq = other.seqs[i] as number
      if (this.isBefore(at, time, part, seq)) this.set(at, time, part, seq, other.values[i] as Value)
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

/** The value of the newest row before t, by (event time, region, epoch, shard, seq); nulls are skipped unless kept. */
export const latest: Aggregate = {
  name: 'latest',
  takes: 'field',
  resultType: (field) => field ?? { error: 'latest takes a field' },
  empty: null,
  accumulators: ({ field, where, nulls }, type) => [
    {
      kind: nulls === 'keep' ? 'latest-with-nulls' : 'latest',
      field: field as string,
      ...(where !== undefined && { where }),
      create: (fieldIndex) => new LatestColumn(fieldIndex, type as FieldType, nulls === 'keep'),
    },
  ],
  finalise([column]) {
    const cells = column as LatestColumn
    return { value: cells.values[0] as Value, isEmpty: cells.isEmpty(0) }
  },
  doc: {
    summary: 'the value of the newest row that has one',
    retracts: 'from kept rows only: over a table it needs tail: exact',
    exactness: 'exact',
    example: 'latest(e.type)',
  },
}
