import { describe, test } from 'vitest'
import { MemoryStorage } from '../../src/shard/index.ts'
import { storageConformance } from '../support/storage-conformance.ts'

describe('storage in memory', () => {
  test.each(storageConformance)('%s', (_behaviour, check) => {
    const storage = new MemoryStorage()
    check(storage, () => storage)
  })
})
