import { expect, test } from 'vitest'
import { hashKey, Plan } from '../../src/plan/index.ts'
import { MemoryStorage } from '../../src/shard/index.ts'
import { checksum, Pages } from '../../src/shard/pages.ts'
import { CorruptBytes } from '../../src/util/byte-reader.ts'
import { forSeeds, type Random, random } from '../support/random.ts'
import {
  apply,
  definitionsOf,
  eventText,
  lifetimeView,
  message,
  openShard,
  plainEvent,
  readValues,
} from '../support/shards.ts'

const NOW = Date.UTC(2026, 0, 1)
const plan = new Plan(definitionsOf([lifetimeView]))
const keyOf = (i: number): string => `user-${i}-${'.'.repeat(80)}`

/** Sends one event each to `count` entities drawn from `entities`; gives the truth by key. */
function fill(
  r: Random,
  storage: MemoryStorage,
  entities: number,
  count: number,
  memoryBytes: number,
): Map<string, number> {
  const shard = openShard({ plan, storage, now: () => NOW, memoryBytes })
  const truth = new Map<string, number>()
  for (let from = 0; from < count; from += 500) {
    const texts = Array.from({ length: Math.min(500, count - from) }, (_, i) => {
      const key = keyOf(r.int(0, entities - 1))
      truth.set(key, (truth.get(key) ?? 0) + 1)
      return eventText(plainEvent(`e${from + i}`, key, NOW - count + from + i))
    })
    apply(shard, message(plan, texts, NOW))
  }
  return truth
}

function expectCounts(storage: MemoryStorage, truth: ReadonlyMap<string, number>, memoryBytes: number): void {
  const shard = openShard({ plan, storage, now: () => NOW, memoryBytes })
  const keys = [...truth.keys()]
  for (let from = 0; from < keys.length; from += 100) {
    const part = keys.slice(from, from + 100)
    expect(readValues(shard, plan, 'ever.count', part, NOW)).toEqual(part.flatMap((key) => [truth.get(key)]))
  }
  expect(readValues(shard, plan, 'ever.count', ['nobody'], NOW)).toEqual([0])
}

test('pages grow one by one to hundreds, and every entity is found under a tiny budget of memory and after a restart', () => {
  const storage = new MemoryStorage()
  const truth = fill(random(1), storage, 60_000, 90_000, 20_000_000)
  const shard = openShard({ plan, storage, now: () => NOW })
  expect(shard.stats.pages).toBeGreaterThan(200)
  expect(shard.canonical()).toHaveLength(truth.size)
  expectCounts(storage, new Map([...truth].filter((_, i) => i % 20 === 0)), 300_000)
})

test('memory stays near its budget, whether pages are read, written all over or recovered', () => {
  const r = random(2)
  const budget = 2_000_000
  // What one batch may touch on top: 20 pages of about 300 cells.
  const most = budget + 20 * 300 * 800
  const storage = new MemoryStorage()
  const shard = openShard({ plan, storage, now: () => NOW, memoryBytes: budget })
  for (let batch = 0; batch < 700; batch++) {
    const texts = Array.from({ length: 20 }, (_, i) => {
      return eventText(plainEvent(`e${batch}-${i}`, keyOf(r.int(0, 12_000)), NOW))
    })
    apply(shard, message(plan, texts, NOW))
    expect(shard.stats.memoryBytes).toBeLessThan(most)
  }
  expect(shard.stats.pages).toBeGreaterThan(30)
  const reopened = openShard({ plan, storage, now: () => NOW, memoryBytes: budget })
  expect(reopened.stats.memoryBytes).toBeLessThan(most)
  for (let i = 0; i < 12_000; i += 17) readValues(reopened, plan, 'ever.count', [keyOf(i)], NOW)
  expect(reopened.stats.memoryBytes).toBeLessThan(most)
  expect(reopened.stats.memoryBytes).toBeGreaterThan(0)
  expect(reopened.canonical()).toEqual(shard.canonical())
})

/** The first page that has cells. */
function somePage(storage: MemoryStorage): { id: number; bytes: Uint8Array } {
  for (let id = 0; ; id++) {
    const bytes = storage.readBlob('page', id)
    if (bytes && bytes.length > 2_000) return { id, bytes }
  }
}

test('damaged page bytes are found out, never read as a value', () => {
  const storage = new MemoryStorage()
  const truth = fill(random(3), storage, 2_000, 5_000, 0)
  const { id, bytes } = somePage(storage)
  forSeeds(300, (r) => {
    const damaged = r.chance(0.3) ? bytes.slice(0, r.int(1, bytes.length - 1)) : bytes.slice()
    if (damaged.length === bytes.length) {
      const at = r.int(0, damaged.length - 1)
      damaged[at] = (damaged[at] as number) ^ (1 << r.int(0, 7))
    }
    storage.writeBlob('page', id, damaged)
    expect(() => expectCounts(storage, truth, 0)).toThrow(CorruptBytes)
  })
  storage.writeBlob('page', id, bytes)
  expectCounts(storage, truth, 0)
})

test('a page of a newer version is refused by its number', () => {
  const storage = new MemoryStorage()
  const truth = fill(random(4), storage, 2_000, 5_000, 0)
  const { id, bytes } = somePage(storage)
  const newer = bytes.slice()
  newer[0] = 2
  new DataView(newer.buffer).setUint32(newer.length - 4, checksum(newer.subarray(0, newer.length - 4)), true)
  storage.writeBlob('page', id, newer)
  expect(() => expectCounts(storage, truth, 0)).toThrow(/version 2; this code reads 1/)
})

test('what has changed since a commit is found on every page, also where a page was split after it changed', () => {
  const storage = new MemoryStorage()
  const pages = new Pages(storage, 1e9)
  const keys = Array.from({ length: 3_000 }, (_, i) => `k${i}`.padEnd(400, 'x'))
  const touch = (key: string, seq: number) =>
    pages.change(key, hashKey(key), seq, seq, (cell) => {
      cell.seq = seq
    })
  keys.forEach((key, i) => {
    touch(key, i + 1)
  })
  pages.opened(keys.length)
  const before = pages.count
  const changed = keys.filter((_, i) => i % 10 === 0)
  changed.forEach((key, i) => {
    touch(key, keys.length + i + 1)
  })
  storage.transaction(() => pages.saveAll(keys.length + changed.length))
  expect(pages.count).toBeGreaterThan(before)
  const found = new Set<string>()
  for (let id = 0; id < pages.count; id++)
    for (const cell of pages.changedCells(id, keys.length)) if (cell.seq > keys.length) found.add(cell.key)
  expect(found).toEqual(new Set(changed))
  for (let id = 0; id < pages.count; id++) expect([...pages.changedCells(id, keys.length + changed.length)]).toEqual([])
})
