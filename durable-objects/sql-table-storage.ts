import type { OutboxStorage } from '../src/shard/index.ts'
import type { TableStorage } from '../src/table/index.ts'
import { sqlOutbox } from './sql-outbox.ts'

/** A table's storage in the SQLite of its Durable Object: a row written for each change, and one for each batch that leaves. */
export class SqlTableStorage implements TableStorage {
  readonly contributions: OutboxStorage
  readonly letters: OutboxStorage
  private readonly storage: DurableObjectStorage
  private readonly sql: SqlStorage
  /** Rows written since this object started: what the bill counts. */
  rowsWritten = 0

  constructor(storage: DurableObjectStorage) {
    this.storage = storage
    this.sql = storage.sql
    this.sql.exec('CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID')
    this.createRows()
    const written = (rows: number) => {
      this.rowsWritten += rows
    }
    this.contributions = sqlOutbox(storage, 'contribution', written)
    this.letters = sqlOutbox(storage, 'letter', written)
  }

  /** Rows of before rounds were counted were written before the first. */
  private createRows(): void {
    const round = 'round INTEGER NOT NULL DEFAULT 0'
    this.sql.exec(`CREATE TABLE IF NOT EXISTS row (key TEXT PRIMARY KEY, value TEXT NOT NULL, ${round}) WITHOUT ROWID`)
    const made = this.sql.exec<{ sql: string }>("SELECT sql FROM sqlite_master WHERE name = 'row'").one()
    if (!made.sql.includes('round')) this.sql.exec(`ALTER TABLE row ADD COLUMN ${round}`)
  }

  private write(query: string, ...bindings: SqlStorageValue[]): void {
    this.rowsWritten += this.sql.exec(query, ...bindings).rowsWritten
  }

  private read(query: string, key: string): string | undefined {
    return this.sql.exec<{ value: string }>(query, key).toArray()[0]?.value
  }

  transaction(work: () => void): void {
    this.storage.transactionSync(work)
  }

  readMeta(key: string): string | undefined {
    return this.read('SELECT value FROM meta WHERE key = ?', key)
  }

  writeMeta(key: string, value: string): void {
    this.write('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)', key, value)
  }

  /** How many rows there are, deleted ones too. */
  get rowCount(): number {
    return this.sql.exec<{ rows: number }>('SELECT count(*) AS rows FROM row').one().rows
  }

  readRow(key: string): string | undefined {
    return this.read('SELECT value FROM row WHERE key = ?', key)
  }

  writeRow(key: string, body: string, round: number): void {
    this.write('INSERT OR REPLACE INTO row (key, value, round) VALUES (?, ?, ?)', key, body, round)
  }

  deleteRow(key: string): void {
    this.write('DELETE FROM row WHERE key = ?', key)
  }

  scanRows(after: string | null, limit: number, round = 0): { readonly key: string; readonly body: string }[] {
    const from = after === null ? '' : 'AND key > ?'
    return this.sql
      .exec<{ key: string; body: string }>(
        `SELECT key, value AS body FROM row WHERE round >= ? ${from} ORDER BY key LIMIT ?`,
        ...(after === null ? [round, limit] : [round, after, limit]),
      )
      .toArray()
  }
}
