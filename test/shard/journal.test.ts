import { expect, test } from 'vitest'
import { Plan } from '../../src/plan/index.ts'
import { MemoryStorage, type Shard } from '../../src/shard/index.ts'
import { JOURNAL_ROWS } from '../../src/shard/journal.ts'
import { forSeeds } from '../support/random.ts'
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
/** Rows that the ring holds. */
const slots = (storage: MemoryStorage): number =>
  Array.from({ length: JOURNAL_ROWS }, (_, slot) => storage.readJournal(slot)).filter((body) => body !== undefined)
    .length
const KEYS = Array.from({ length: 40 }, (_, i) => `user-${i}`)

test('a ring that wraps many times with batches of one event loses nothing, wherever a restart comes', () => {
  forSeeds(8, (r) => {
    const storage = new MemoryStorage()
    const open = (): Shard => openShard({ plan, storage, now: () => NOW, memoryBytes: r.pick([0, 1_000_000]) })
    const truth = new Map(KEYS.map((key) => [key, 0]))
    let shard = open()
    const batches = JOURNAL_ROWS * 3 + r.int(0, JOURNAL_ROWS)
    for (let i = 0; i < batches; i++) {
      // Most go to a few entities: the pages of the others stay dirty until the ring comes round to them.
      const key = r.chance(0.95) ? (KEYS[r.int(0, 2)] as string) : r.pick(KEYS)
      truth.set(key, (truth.get(key) ?? 0) + 1)
      const texts = [eventText(plainEvent(`e${i}`, key, NOW - batches + i))]
      if (i > 0 && r.chance(0.2)) texts.push(...texts)
      expect(apply(shard, message(plan, texts, NOW)).verdicts).toBe(texts.length === 1 ? 'a' : 'ad')
      if (r.chance(0.01)) shard = open()
    }
    shard = open()
    expect(slots(storage)).toBe(JOURNAL_ROWS)
    expect(shard.stats.seq).toBe(batches)
    expect(readValues(shard, plan, 'ever.count', KEYS, NOW)).toEqual([...truth.values()])
    // Every id is known still, those too that only the journal has.
    const again = Array.from({ length: batches }, (_, i) =>
      eventText(plainEvent(`e${i}`, 'elsewhere', NOW - batches + i)),
    )
    expect(apply(shard, message(plan, again, NOW)).verdicts).toBe('r'.repeat(batches))
  })
})

test('a batch that is refused or known as a whole takes no row of the ring', () => {
  const storage = new MemoryStorage()
  const shard = openShard({ plan, storage, now: () => NOW })
  const text = eventText(plainEvent('e', 'a', NOW))
  for (let i = 0; i < 5; i++) apply(shard, message(plan, [text, '{"id":1}', 'nothing'], NOW))
  expect(slots(storage)).toBe(1)
})

test('a row of a newer format is refused by its number', () => {
  const storage = new MemoryStorage()
  apply(openShard({ plan, storage, now: () => NOW }), message(plan, [eventText(plainEvent('e', 'a', NOW))], NOW))
  const row = storage.readJournal(0) ?? ''
  storage.writeJournal(0, row.replace('"format":1', '"format":2'))
  expect(() => openShard({ plan, storage, now: () => NOW })).toThrow('format 2; this code reads 1')
})

test('a message of another version or plan is not looked at', () => {
  const shard = openShard({ plan, storage: new MemoryStorage(), now: () => NOW })
  const good = message(plan, [eventText(plainEvent('e', 'a', NOW))], NOW)
  expect(shard.apply({ ...good, version: 2 })).toMatchObject({ unavailable: 'unknown_version' })
  expect(shard.apply({ ...good, plan: 'other' })).toMatchObject({ unavailable: 'unknown_plan' })
  expect(shard.stats.seq).toBe(0)
  expect(apply(shard, good).verdicts).toBe('a')
})
