import type { BlobKind, OutboxStorage, ShardStorage, WaitingRow } from '../src/shard/index.ts'
import { sqlOutbox } from './sql-outbox.ts'

/** A row of SQLite in a Durable Object holds 2 MB; larger blobs are cut into pieces of this size. */
const PIECE_BYTES = 1_900_000
/** A blob has at most this many pieces, so its row ids are `id * MAX_PIECES + piece`. */
const MAX_PIECES = 64

/**
 * A shard's storage in the SQLite of its Durable Object. Every table has an integer key and no index, so that each write
 * is one row written. The tables are described in docs/storage-schema.md.
 */
export class SqlShardStorage implements ShardStorage {
  private readonly storage: DurableObjectStorage
  private readonly sql: SqlStorage
  private readonly letters: OutboxStorage
  private changeRows: OutboxStorage | undefined
  private unloggedRows: OutboxStorage | undefined
  /** Rows written since this object started: what the bill counts. */
  rowsWritten = 0

  constructor(storage: DurableObjectStorage) {
    this.storage = storage
    this.sql = storage.sql
    for (const table of ['page', 'ids', 'filter']) {
      this.sql.exec(
        `CREATE TABLE IF NOT EXISTS ${table} (id INTEGER PRIMARY KEY, pieces INTEGER NOT NULL, body BLOB NOT NULL)`,
      )
    }
    this.sql.exec('CREATE TABLE IF NOT EXISTS journal (slot INTEGER PRIMARY KEY, body TEXT NOT NULL)')
    this.sql.exec('CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID')
    this.letters = sqlOutbox(storage, 'outbox', this.written)
  }

  private readonly written = (rows: number): void => {
    this.rowsWritten += rows
  }

  private write(query: string, ...bindings: SqlStorageValue[]): void {
    const cursor = this.sql.exec(query, ...bindings)
    this.rowsWritten += cursor.rowsWritten
  }

  transaction(work: () => void): void {
    this.storage.transactionSync(work)
  }

  readMeta(key: string): string | undefined {
    return this.sql.exec<{ value: string }>('SELECT value FROM meta WHERE key = ?', key).toArray()[0]?.value
  }

  writeMeta(key: string, value: string): void {
    this.write('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)', key, value)
  }

  writeJournal(slot: number, body: string): void {
    this.write('INSERT OR REPLACE INTO journal (slot, body) VALUES (?, ?)', slot, body)
  }

  readJournal(slot: number): string | undefined {
    return this.sql.exec<{ body: string }>('SELECT body FROM journal WHERE slot = ?', slot).toArray()[0]?.body
  }

  writeBlob(kind: BlobKind, id: number, bytes: Uint8Array): void {
    const pieces = Math.max(1, Math.ceil(bytes.length / PIECE_BYTES))
    if (pieces > MAX_PIECES) throw new Error(`a ${kind} of ${bytes.length} bytes: at most ${MAX_PIECES * PIECE_BYTES}`)
    for (let piece = 0; piece < pieces; piece++) {
      // What is bound is a whole buffer: a view of a larger one is copied first.
      const isWhole = pieces === 1 && bytes.length === bytes.buffer.byteLength
      const piecemeal = () => bytes.slice(piece * PIECE_BYTES, (piece + 1) * PIECE_BYTES).buffer
      const body = isWhole ? (bytes.buffer as ArrayBuffer) : piecemeal()
      this.write(
        `INSERT OR REPLACE INTO ${kind} (id, pieces, body) VALUES (?, ?, ?)`,
        id * MAX_PIECES + piece,
        pieces,
        body,
      )
    }
  }

  readBlob(kind: BlobKind, id: number): Uint8Array | undefined {
    const first = this.readPiece(kind, id * MAX_PIECES)
    if (first === undefined || first.pieces === 1) return first && new Uint8Array(first.body)
    const parts = [first.body]
    for (let piece = 1; piece < first.pieces; piece++) {
      const next = this.readPiece(kind, id * MAX_PIECES + piece)
      if (next === undefined) throw new Error(`piece ${piece} of ${kind} ${id} is missing`)
      parts.push(next.body)
    }
    const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0))
    let at = 0
    for (const part of parts) {
      whole.set(new Uint8Array(part), at)
      at += part.byteLength
    }
    return whole
  }

  private readPiece(kind: BlobKind, row: number): { pieces: number; body: ArrayBuffer } | undefined {
    return this.sql
      .exec<{ pieces: number; body: ArrayBuffer }>(`SELECT pieces, body FROM ${kind} WHERE id = ?`, row)
      .toArray()[0]
  }

  deleteBlob(kind: BlobKind, id: number): void {
    this.write(`DELETE FROM ${kind} WHERE id BETWEEN ? AND ?`, id * MAX_PIECES, (id + 1) * MAX_PIECES - 1)
  }

  writeOutbox(id: number, body: string): void {
    this.letters.writeOutbox(id, body)
  }

  lastOutboxId(): number {
    return this.letters.lastOutboxId()
  }

  readOutbox(limit: number, after?: number): WaitingRow[] {
    return this.letters.readOutbox(limit, after)
  }

  deleteOutbox(upTo: number): void {
    this.letters.deleteOutbox(upTo)
  }

  /** Its table is made when it is asked for: where nothing is published there is none. */
  get changes(): OutboxStorage {
    this.changeRows ??= sqlOutbox(this.storage, 'change', this.written)
    return this.changeRows
  }

  get unlogged(): OutboxStorage {
    this.unloggedRows ??= sqlOutbox(this.storage, 'unlogged', this.written)
    return this.unloggedRows
  }
}
