import { reset, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, test } from 'vitest'
import { SqlShardStorage } from '../../durable-objects/sql-shard-storage.ts'
import { storageConformance } from '../support/storage-conformance.ts'

afterEach(() => reset())

/** The object's own tables are dropped first: a case begins with an empty storage. */
function empty(state: DurableObjectState): SqlShardStorage {
  for (const table of ['page', 'ids', 'filter', 'journal', 'outbox', 'change', 'meta'])
    state.storage.sql.exec(`DROP TABLE IF EXISTS ${table}`)
  return new SqlShardStorage(state.storage)
}

describe('storage in the SQLite of a Durable Object', () => {
  test.each(storageConformance)('%s', async (_behaviour, check) => {
    const stub = env.SHARDS.getByName('local/airport/0/4/0')
    await runInDurableObject(stub, (_shard, state) => check(empty(state), () => new SqlShardStorage(state.storage)))
  })

  test('counts a row for each small write, and one for each piece of a large blob', async () => {
    const stub = env.SHARDS.getByName('local/airport/0/4/0')
    await runInDurableObject(stub, (_shard, state) => {
      const storage = empty(state)
      storage.writeJournal(0, 'a')
      storage.writeMeta('k', 'v')
      storage.writeBlob('page', 1, new Uint8Array(10))
      expect(storage.rowsWritten).toBe(3)
      storage.writeBlob('page', 2, new Uint8Array(4_000_000))
      expect(storage.rowsWritten).toBe(6)
    })
  })
})
