import { expect } from 'vitest'
import type { ShardStorage } from '../../src/shard/index.ts'

/**
 * What every `ShardStorage` does; each case gets an empty storage and `reopen`, which gives what a new process would find.
 * Run by the one in memory, and inside of workerd by the one in SQLite.
 */
export const storageConformance: readonly [
  behaviour: string,
  check: (storage: ShardStorage, reopen: () => ShardStorage) => void,
][] = [
  [
    'is empty at first',
    (storage) => {
      expect(storage.readMeta('pages')).toBeUndefined()
      expect(storage.readJournal(0)).toBeUndefined()
      expect(storage.readBlob('page', 0)).toBeUndefined()
      expect(storage.readOutbox(10)).toEqual([])
      expect(storage.lastOutboxId()).toBe(0)
    },
  ],
  [
    'keeps meta texts and replaces them',
    (storage, reopen) => {
      storage.writeMeta('a', 'one')
      storage.writeMeta('b', '')
      storage.writeMeta('a', 'zwei "\u{1f600}\u0000')
      expect(reopen().readMeta('a')).toBe('zwei "\u{1f600}\u0000')
      expect(reopen().readMeta('b')).toBe('')
    },
  ],
  [
    'replaces a slot of the journal',
    (storage, reopen) => {
      storage.writeJournal(0, 'old')
      storage.writeJournal(1, 'ü\n\u2028')
      storage.writeJournal(0, 'new')
      expect([0, 1, 2].map((slot) => reopen().readJournal(slot))).toEqual(['new', 'ü\n\u2028', undefined])
    },
  ],
  [
    'keeps blobs by kind and number, empty ones and views of a larger buffer',
    (storage, reopen) => {
      const buffer = Uint8Array.from({ length: 100 }, (_, i) => i)
      storage.writeBlob('page', 7, buffer.subarray(10, 20))
      storage.writeBlob('ids', 7, new Uint8Array(0))
      storage.writeBlob('filter', 1_000_000, buffer)
      expect([...(reopen().readBlob('page', 7) ?? [])]).toEqual([...buffer.subarray(10, 20)])
      expect(reopen().readBlob('ids', 7)?.length).toBe(0)
      expect(reopen().readBlob('filter', 1_000_000)?.length).toBe(100)
      expect(reopen().readBlob('page', 1_000_000)).toBeUndefined()
    },
  ],
  [
    'is not changed by what its caller does with the bytes afterwards',
    (storage) => {
      const bytes = Uint8Array.of(1, 2, 3)
      storage.writeBlob('page', 1, bytes)
      bytes[0] = 9
      expect([...(storage.readBlob('page', 1) ?? [])]).toEqual([1, 2, 3])
    },
  ],
  [
    'keeps blobs larger than a row, and gives the new bytes when one shrinks or grows',
    (storage, reopen) => {
      for (const size of [4_000_001, 10, 2_000_000, 1_900_000, 3_800_000]) {
        const bytes = new Uint8Array(size).fill(size % 251)
        bytes[size - 1] = 7
        storage.writeBlob('page', 3, bytes)
        const read = reopen().readBlob('page', 3)
        expect(read?.length).toBe(size)
        expect(read?.[0]).toBe(size % 251)
        expect(read?.[size - 1]).toBe(7)
      }
    },
  ],
  [
    'deletes a blob with all of its pieces, and only it',
    (storage, reopen) => {
      for (const id of [1, 2, 3]) storage.writeBlob('ids', id, new Uint8Array(2_000_000).fill(id))
      storage.deleteBlob('ids', 2)
      storage.deleteBlob('ids', 99)
      expect(reopen().readBlob('ids', 1)?.[0]).toBe(1)
      expect(reopen().readBlob('ids', 2)).toBeUndefined()
      expect(reopen().readBlob('ids', 3)?.[1_999_999]).toBe(3)
    },
  ],
  [
    'gives the outbox oldest first, up to a limit, and deletes up to a number',
    (storage, reopen) => {
      for (const id of [1, 2, 3, 4]) storage.writeOutbox(id, `row ${id}`)
      expect(storage.readOutbox(2)).toEqual([
        { id: 1, body: 'row 1' },
        { id: 2, body: 'row 2' },
      ])
      storage.deleteOutbox(3)
      expect(reopen().readOutbox(Number.MAX_SAFE_INTEGER)).toEqual([{ id: 4, body: 'row 4' }])
      expect(reopen().lastOutboxId()).toBe(4)
    },
  ],
  [
    'gives the outbox behind a number, and keeps changes apart from it',
    (storage, reopen) => {
      for (const id of [1, 2, 3]) storage.writeOutbox(id, `letter ${id}`)
      for (const id of [1, 2, 3, 4]) storage.changes.writeOutbox(id, `change ${id}`)
      expect(storage.readOutbox(1, 1)).toEqual([{ id: 2, body: 'letter 2' }])
      expect(storage.readOutbox(9, 3)).toEqual([])
      storage.changes.transaction(() => storage.changes.deleteOutbox(2))
      expect(reopen().changes.readOutbox(9)).toEqual([
        { id: 3, body: 'change 3' },
        { id: 4, body: 'change 4' },
      ])
      expect(reopen().changes.readOutbox(9, 3)).toEqual([{ id: 4, body: 'change 4' }])
      expect([reopen().lastOutboxId(), reopen().changes.lastOutboxId()]).toEqual([3, 4])
    },
  ],
  [
    'keeps all writes of a transaction',
    (storage, reopen) => {
      storage.transaction(() => writeEverywhere(storage, 'new'))
      expectEverywhere(reopen(), 'new')
    },
  ],
  [
    'keeps none of the writes of a transaction that throws, and throws the same',
    (storage, reopen) => {
      writeEverywhere(storage, 'old')
      const failed = () =>
        storage.transaction(() => {
          writeEverywhere(storage, 'new')
          storage.deleteBlob('ids', 1)
          storage.writeMeta('added', 'x')
          storage.writeOutbox(2, 'added')
          storage.deleteOutbox(1)
          storage.changes.deleteOutbox(1)
          throw new Error('planted')
        })
      expect(failed).toThrow('planted')
      expectEverywhere(storage, 'old')
      expectEverywhere(reopen(), 'old')
      expect(storage.readMeta('added')).toBeUndefined()
      storage.transaction(() => storage.writeMeta('added', 'after'))
      expect(reopen().readMeta('added')).toBe('after')
    },
  ],
]

function writeEverywhere(storage: ShardStorage, text: string): void {
  storage.writeMeta('meta', text)
  storage.writeJournal(5, text)
  for (const kind of ['page', 'ids', 'filter'] as const) storage.writeBlob(kind, 1, new TextEncoder().encode(text))
  if (storage.lastOutboxId() === 0) storage.writeOutbox(1, text)
  if (storage.changes.lastOutboxId() === 0) storage.changes.writeOutbox(1, text)
}

function expectEverywhere(storage: ShardStorage, text: string): void {
  expect(storage.readMeta('meta')).toBe(text)
  expect(storage.readJournal(5)).toBe(text)
  for (const kind of ['page', 'ids', 'filter'] as const)
    expect(new TextDecoder().decode(storage.readBlob(kind, 1))).toBe(text)
  expect(storage.readOutbox(10)).toEqual([{ id: 1, body: text }])
  expect(storage.changes.readOutbox(10)).toEqual([{ id: 1, body: text }])
}
