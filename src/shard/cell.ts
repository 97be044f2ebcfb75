import {
  decodeState,
  decodeValue,
  EntityState,
  encodeState,
  encodeValue,
  type Part,
  type Value,
} from '../engine/index.ts'
import { ByteReader, CorruptBytes } from '../util/byte-reader.ts'
import { ByteWriter } from '../util/byte-writer.ts'
import { currentRow, type Layouts } from './layouts.ts'

/** Raw rows are folded into the canonical bytes when there are this many: encoding a state costs as much as 30 rows. */
const TAIL_ROWS = 64
/** With the decoded state at hand the tail is in nobody's way, and a hot entity is encoded a quarter as often. */
const OPEN_TAIL_ROWS = 256
const INITIAL_TAIL_BYTES = 128
const NOTHING = new Uint8Array(0)
/** No state begins like this. */
const DAMAGED = Uint8Array.of(255)
const writer = new ByteWriter()

/**
 * One entity in memory, as bytes: the canonical encoding of its state, and a tail of raw rows that came since. Appending a
 * row costs a copy of its bytes; the decoded state is made when somebody reads, and kept up to date while it is held.
 */
export class Cell {
  readonly key: string
  mark: number
  /** The last commit that touched this entity. */
  seq: number
  private bytes: Uint8Array
  private tail: Uint8Array
  private tailLength: number
  private tailRows: number
  private state: EntityState | null = null
  /** Its bytes in the saved page, while nothing has changed since: most cells of a page are copied when it is saved again. */
  private saved: Uint8Array | null = null
  /** Where in it the canonical bytes and the tail begin. */
  private bytesAt = 0
  private tailAt = 0

  private constructor(key: string, mark: number, seq: number, bytes: Uint8Array, tail: Uint8Array, tailRows: number) {
    this.key = key
    this.mark = mark
    this.seq = seq
    this.bytes = bytes
    this.tail = tail
    this.tailLength = tail.length
    this.tailRows = tailRows
  }

  static empty(key: string): Cell {
    return new Cell(key, 0, 0, NOTHING, NOTHING, 0)
  }

  /** What it takes in memory, about; the decoded state is counted by whoever holds it. */
  get size(): number {
    return (this.saved?.length ?? this.bytes.length + this.tail.length) + this.key.length * 2
  }

  get isOpen(): boolean {
    return this.state !== null
  }

  /** Takes in one row of a view. Says whether that opened the cell: its tail was full, and the state it was folded into is at hand. */
  append(
    layouts: Layouts,
    part: Part,
    view: number,
    time: number,
    availableAt: number,
    seq: number,
    row: readonly Value[],
    key?: RowKey,
  ): boolean {
    this.mark = Math.max(this.mark, Math.min(time, availableAt))
    this.seq = seq
    this.saved = null
    writer.reset()
    writer.varint(layouts.numberOf(view))
    writer.varint(time)
    writer.varint(seq)
    if (layouts.changes(view)) writeRowKey(writer, key ?? { part, seq, sign: 1 })
    for (const value of row) encodeValue(writer, value)
    this.push(writer.peek())
    if (this.state && key) applyRow(this.state, this.mark, key.part, view, time, key.seq, row, key.sign)
    else if (this.state) applyRow(this.state, this.mark, part, view, time, seq, row, 1)
    if (++this.tailRows < (this.state ? OPEN_TAIL_ROWS : TAIL_ROWS)) return false
    this.compact(layouts, part)
    return true
  }

  private push(row: Uint8Array): void {
    const needed = this.tailLength + row.length
    if (needed > this.tail.length) {
      const grown = new Uint8Array(Math.max(needed, this.tail.length * 2, INITIAL_TAIL_BYTES))
      grown.set(this.tail.subarray(0, this.tailLength))
      this.tail = grown
    }
    this.tail.set(row, this.tailLength)
    this.tailLength = needed
  }

  /** The decoded state, settled; `close` lets it go again. `part` is the shard that owns the tail's rows. */
  open(layouts: Layouts, part: Part): EntityState {
    const state = this.state ?? this.decode(layouts, part)
    this.state = state
    state.settle()
    return state
  }

  close(): void {
    this.state = null
  }

  private decode(layouts: Layouts, part: Part): EntityState {
    try {
      return this.decodeBytes(layouts, part)
    } catch (error) {
      if (!(error instanceof CorruptBytes)) throw error
      throw new CorruptBytes(`entity ${JSON.stringify(this.key)}: ${error.message}`, { cause: error })
    }
  }

  private decodeBytes(layouts: Layouts, part: Part): EntityState {
    const { bytes, mark } = this
    const state =
      bytes.length === 0
        ? new EntityState(layouts.plan)
        : decodeState(new ByteReader(bytes), layouts.plan, layouts.byHash)
    const tail = new ByteReader(this.tail, 0, this.tailLength)
    while (tail.at < tail.end) {
      const number = tail.varint()
      const time = tail.varint()
      const seq = tail.varint()
      const reader = layouts.byNumber(number)
      if (reader === undefined)
        throw new CorruptBytes(`a row of layout number ${number}, which this shard does not know`)
      const key = reader.changes ? readRowKey(tail) : null
      const row: Value[] = []
      for (let i = 0; i < reader.fields; i++) row.push(decodeValue(tail))
      if (reader.view < 0) continue
      const current = currentRow(reader, row)
      if (key) applyRow(state, mark, key.part, reader.view, time, key.seq, current, key.sign)
      else applyRow(state, mark, part, reader.view, time, seq, current, 1)
    }
    return state
  }

  /** Forgets every row; the mark stays, so that what is read behind it, and copies of before, are not taken for new. */
  erase(layouts: Layouts, seq: number): void {
    const empty = new EntityState(layouts.plan)
    empty.mark = this.mark
    this.state = empty
    this.seq = seq
    this.saved = null
    this.tail = NOTHING
    this.tailLength = 0
    this.tailRows = 0
    encodeState(writer.reset(), empty)
    this.bytes = writer.finish()
    this.close()
  }

  /** Takes in what another place has counted for the same entity: afterwards it is the state of both sets of rows. */
  absorb(layouts: Layouts, part: Part, other: EntityState, seq: number): void {
    const state = this.open(layouts, part)
    state.merge(other)
    this.mark = Math.max(this.mark, state.mark)
    this.seq = seq
    this.saved = null
    this.compact(layouts, part)
    this.close()
  }

  private compact(layouts: Layouts, part: Part): void {
    this.state ??= this.decode(layouts, part)
    encodeState(writer.reset(), this.state)
    this.bytes = writer.finish()
    this.tail = NOTHING
    this.tailLength = 0
    this.tailRows = 0
  }

  /** The canonical bytes of everything it holds. */
  canonical(layouts: Layouts, part: Part): Uint8Array {
    encodeState(writer.reset(), this.open(layouts, part))
    return writer.finish()
  }

  /** Appends the cell as a page of another shard holds it: without a tail, whose rows are told by the shard that they are in. */
  handOver(out: ByteWriter, layouts: Layouts, part: Part, report: (problem: string) => void): void {
    const bytes = this.tailLength === 0 ? this.bytes : this.folded(layouts, part, report)
    out.text(this.key)
    out.varint(this.mark)
    out.varint(this.seq)
    out.blob(bytes)
    out.varint(0)
    out.varint(0)
  }

  /** What cannot be read here must not become readable elsewhere, with half of its rows. */
  private folded(layouts: Layouts, part: Part, report: (problem: string) => void): Uint8Array {
    const { isOpen } = this
    try {
      return this.canonical(layouts, part)
    } catch (error) {
      if (!(error instanceof CorruptBytes)) throw error
      report(`an entity is handed over as it is, and cannot be read: ${error.message}`)
      return DAMAGED
    } finally {
      if (!isOpen) this.close()
    }
  }

  /** Appends the cell as a page holds it. */
  encode(out: ByteWriter): void {
    if (this.saved) {
      out.raw(this.saved)
      return
    }
    const start = out.length
    out.text(this.key)
    out.varint(this.mark)
    out.varint(this.seq)
    out.varint(this.bytes.length)
    this.bytesAt = out.length - start
    out.raw(this.bytes)
    out.varint(this.tailRows)
    out.varint(this.tailLength)
    this.tailAt = out.length - start
    out.raw(this.tail.subarray(0, this.tailLength))
  }

  /** Tells where in a saved page the cell now is. */
  wasSaved(at: Uint8Array): void {
    this.saved = at
    // Into the new page with everything, so that nothing keeps the old one in memory.
    this.bytes = at.subarray(this.bytesAt, this.bytesAt + this.bytes.length)
    this.tail = at.subarray(this.tailAt, this.tailAt + this.tailLength)
  }

  /** Reads a cell of a page. Its arrays are views of the page: a tail is copied when it grows, never written in place. */
  static decode(bytes: ByteReader): Cell {
    const from = bytes.at
    const key = bytes.text()
    const mark = bytes.varint()
    const seq = bytes.varint()
    const canonical = bytes.blob()
    const canonicalEnd = bytes.at
    const rows = bytes.varint()
    const tail = bytes.blob()
    const cell = new Cell(key, mark, seq, canonical, tail, rows)
    cell.saved = bytes.between(from, bytes.at)
    cell.bytesAt = canonicalEnd - canonical.length - from
    cell.tailAt = bytes.at - tail.length - from
    return cell
  }
}

/** What a row is ordered by and taken out again under: of a stream its commit here, of a table what the table's shard calls it. */
export interface RowKey {
  readonly part: Part
  readonly seq: number
  readonly sign: 1 | -1
}

function writeRowKey(out: ByteWriter, { part, seq, sign }: RowKey): void {
  out.varint(sign === 1 ? 1 : 0)
  out.varint(part.region)
  out.varint(part.epoch)
  out.varint(part.shard)
  out.varint(seq)
}

function readRowKey(bytes: ByteReader): RowKey {
  const sign = bytes.varint() === 1 ? 1 : -1
  const part = { region: bytes.varint(), epoch: bytes.varint(), shard: bytes.varint() }
  return { part, seq: bytes.varint(), sign }
}

function applyRow(
  state: EntityState,
  mark: number,
  part: Part,
  view: number,
  time: number,
  seq: number,
  row: readonly Value[],
  sign: RowKey['sign'],
): void {
  // The cell's mark covers every row of its tail, so it may run ahead of this row: the state only depends on the greatest.
  if (mark > state.mark) state.mark = mark
  const at = state.commit(part, seq)
  if (sign === 1) state.apply(view, time, at, seq, row)
  else state.retract(view, time, at, seq, row)
}
