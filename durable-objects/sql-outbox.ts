import type { OutboxStorage } from '../src/shard/index.ts'

/** Rows that an answer holds at most: beyond that they are read again. */
const MOST_ROWS = 1_000

/**
 * Waiting rows in a table of their own, whose key is their number: made when it is missing.
 *
 * @param written told how many rows each write cost
 */
export function sqlOutbox(
  storage: DurableObjectStorage,
  table: string,
  written: (rows: number) => void,
): OutboxStorage {
  const { sql } = storage
  sql.exec(`CREATE TABLE IF NOT EXISTS ${table} (id INTEGER PRIMARY KEY, body TEXT NOT NULL)`)
  const write = (query: string, ...bindings: SqlStorageValue[]) => written(sql.exec(query, ...bindings).rowsWritten)
  return {
    transaction: (work) => storage.transactionSync(work),
    writeOutbox: (id, body) => write(`INSERT INTO ${table} (id, body) VALUES (?, ?)`, id, body),
    lastOutboxId: () => sql.exec<{ last: number | null }>(`SELECT max(id) AS last FROM ${table}`).one().last ?? 0,
    readOutbox: (limit, after = 0) =>
      sql
        .exec<{ id: number; body: string }>(
          `SELECT id, body FROM ${table} WHERE id > ? ORDER BY id LIMIT ?`,
          after,
          Math.min(limit, MOST_ROWS),
        )
        .toArray(),
    deleteOutbox: (upTo) => write(`DELETE FROM ${table} WHERE id <= ?`, upTo),
  }
}
