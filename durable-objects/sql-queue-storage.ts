import type { OutboxStorage } from '../src/shard/index.ts'
import type { QueueStorage } from '../src/source/index.ts'
import { sqlOutbox } from './sql-outbox.ts'

/** A queue's storage in the SQLite of its Durable Object. */
export function sqlQueueStorage(storage: DurableObjectStorage): QueueStorage {
  const { sql } = storage
  sql.exec('CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID')
  const rows: OutboxStorage = sqlOutbox(storage, 'waiting', () => {})
  return {
    ...rows,
    readMeta: (key) => sql.exec<{ value: string }>('SELECT value FROM meta WHERE key = ?', key).toArray()[0]?.value,
    writeMeta: (key, value) => {
      sql.exec('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)', key, value)
    },
  }
}
