import type { ByteReader } from '../../util/byte-reader.ts'
import type { ByteWriter } from '../../util/byte-writer.ts'
import type { Column } from '../aggregate.ts'
import type { Rows } from '../rows.ts'
import type { FieldType, Value } from '../spec.ts'
import { decodeValues, encodeValues } from '../values.ts'
import { Cells } from './cells.ts'

/** A row that is kept: its order key, and the values of the fields that are wanted. Never changed. */
export interface KeptRow {
  readonly time: number
  readonly part: number
  readonly seq: number
  readonly values: readonly Value[]
}

export interface KeptField {
  readonly place: number
  readonly type: FieldType
}

/**
 * Keeps the newest rows by (time, part, seq), newest first. Those of a union are among those of its parts, so cells merge.
 * With `distinct` rows of equal first values are one, at its newest place; that holds of a union too.
 */
export class NewestRowsColumn extends Cells<readonly KeptRow[]> implements Column {
  private readonly fields: readonly KeptField[]
  private readonly limit: number
  private readonly rule: 'all' | 'present' | 'distinct'

  /** `rule`: all rows, those whose first field is not null, or of these one a value. */
  constructor(fields: readonly KeptField[], limit: number, rule: 'all' | 'present' | 'distinct') {
    super()
    this.fields = fields
    this.limit = limit
    this.rule = rule
  }

  protected emptyCell(): readonly KeptRow[] {
    return []
  }

  update(at: number, rows: Rows, from: number, to: number, mask: Uint8Array | null): void {
    const incoming: KeptRow[] = []
    for (let i = to - 1; i >= from; i--) {
      if (mask !== null && mask[i] === 0) continue
      if (this.rule !== 'all' && rows.fields[this.fields[0]?.place ?? 0]?.[i] === null) continue
      incoming.push(this.rowAt(rows, i))
      // Of distinct values there may be more behind the repeated ones.
      if (this.rule !== 'distinct' && incoming.length === this.limit) break
    }
    if (incoming.length > 0) this.cells[at] = this.newest(this.at(at), incoming)
  }

  private rowAt(rows: Rows, i: number): KeptRow {
    return {
      time: rows.times[i] as number,
      part: rows.parts[i] as number,
      seq: rows.seqs[i] as number,
      values: this.fields.map(({ place }) => rows.fields[place]?.[i] ?? null),
    }
  }

  merge(at: number, other: NewestRowsColumn, from: number, to: number): void {
    for (let i = from; i < to; i++) {
      const incoming = other.at(i)
      if (incoming.length > 0) this.cells[at] = this.newest(this.at(at), incoming)
    }
  }

  /** The newest of two lists that are newest first. */
  private newest(a: readonly KeptRow[], b: readonly KeptRow[]): KeptRow[] {
    const kept: KeptRow[] = []
    // A set holds -0 and 0 to be one value, as countDistinct does.
    const seen = this.rule === 'distinct' ? new Set<Value>() : null
    let i = 0
    let j = 0
    while (kept.length < this.limit && (i < a.length || j < b.length)) {
      const left = a[i]
      const right = b[j]
      const isLeft = right === undefined || (left !== undefined && isAfter(left, right))
      const row = (isLeft ? left : right) as KeptRow
      if (isLeft) i++
      else j++
      const value = row.values[0] ?? null
      if (seen?.has(value)) continue
      seen?.add(value)
      kept.push(row)
    }
    return kept
  }

  renumber(parts: readonly number[]): void {
    this.cells = this.cells.map((rows) => rows.map((row) => ({ ...row, part: parts[row.part] as number })))
  }

  encode(out: ByteWriter): void {
    let previous = 0
    for (const rows of this.cells) {
      out.varint(rows.length)
      for (const { time, part, seq } of rows) {
        out.zigzag(time - previous)
        out.varint(part)
        out.varint(seq)
        previous = time
      }
    }
    const all = this.cells.flat()
    this.fields.forEach(({ type }, f) => {
      const values = all.map((row) => row.values[f] as Value)
      encodeValues(out, values, type)
    })
  }

  decode(bytes: ByteReader, length: number): void {
    const cells: Omit<KeptRow, 'values'>[][] = []
    let time = 0
    for (let i = 0; i < length; i++) {
      const rows: Omit<KeptRow, 'values'>[] = []
      const count = bytes.varint()
      for (let j = 0; j < count; j++) {
        time += bytes.zigzag()
        rows.push({ time, part: bytes.varint(), seq: bytes.varint() })
      }
      cells.push(rows)
    }
    const total = cells.reduce((sum, rows) => sum + rows.length, 0)
    const columns = this.fields.map(({ type }) => decodeValues(bytes, total, type))
    let at = 0
    this.cells = cells.map((rows) =>
      rows.map((row) => {
        const values = columns.map((column) => column[at] as Value)
        at++
        return { ...row, values }
      }),
    )
  }
}

function isAfter(a: KeptRow, b: KeptRow): boolean {
  if (a.time !== b.time) return a.time > b.time
  return a.part !== b.part ? a.part > b.part : a.seq > b.seq
}
