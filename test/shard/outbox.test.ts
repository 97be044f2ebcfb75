import { expect, test } from 'vitest'
import { Plan } from '../../src/plan/index.ts'
import { MemoryStorage } from '../../src/shard/index.ts'
import { Crash, CrashingStorage } from '../support/crashing-storage.ts'
import { apply, definitionsOf, eventText, lifetimeView, message, openShard, plainEvent } from '../support/shards.ts'

const NOW = Date.UTC(2026, 0, 1)
const plan = new Plan(definitionsOf([lifetimeView]))
const open = (storage: MemoryStorage) => openShard({ plan, storage, now: () => NOW })
const good = eventText(plainEvent('e', 'a', NOW))

test('a refusal is kept with its event, its reason and who refused it, until it is delivered', () => {
  const storage = new MemoryStorage()
  const late = eventText(plainEvent('future', 'a', NOW + 3_600_000))
  apply(open(storage), { ...message(plan, [good, '{"id": 5}', late], NOW), fanout: '123' })
  const { letters, delivered } = open(storage).letters.take(10)
  expect(letters).toMatchObject([
    {
      source: 'activity',
      reason: 'wrong_type',
      field: 'id',
      payload: '{"id": 5}',
      payloadUnits: 9,
      by: 'user/0/0',
      fanout: 2,
    },
    { reason: 'future_time', field: 'at', payload: late, arrivalMs: NOW, fanout: 3 },
  ])
  // Taken and not delivered is taken again.
  expect(open(storage).letters.take(10).letters).toEqual(letters)
  delivered()
  expect(open(storage).letters.isEmpty).toBe(true)
})

test('what comes in while letters are on their way stays for the next time', () => {
  const shard = open(new MemoryStorage())
  apply(shard, message(plan, ['{"id": 1}'], NOW))
  const { delivered } = shard.letters.take(10)
  apply(shard, message(plan, ['{"id": 2}'], NOW))
  delivered()
  expect(shard.letters.take(10).letters.map(({ payload }) => payload)).toEqual(['{"id": 2}'])
})

test('refusals are written with their batch: both are lost, or both are kept', () => {
  for (const next of ['lose', 'keep'] as const) {
    const storage = new CrashingStorage()
    const shard = open(storage)
    storage.next = next
    expect(() => shard.apply(message(plan, [good, '{"id": 5}'], NOW))).toThrow(Crash)
    const reopened = open(storage)
    expect(reopened.stats.seq).toBe(next === 'keep' ? 1 : 0)
    expect(reopened.letters.take(10).letters).toHaveLength(next === 'keep' ? 1 : 0)
  }
})

// JSON writes a control character with six: thirty-two payloads of 64 KB are 12 MB, and a row holds 2 MB.
test('no row of the outbox is larger than the storage takes, whatever the payloads hold', () => {
  const storage = new MemoryStorage()
  const poison = `{"id":"${'\u0001'.repeat(65_000)}","uid":"a"}`
  const wide = `{"id":"${'\u4e2d'.repeat(65_000)}","uid":5}`
  const texts = Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? poison : wide))
  expect(apply(open(storage), message(plan, texts, NOW)).verdicts).toBe('r'.repeat(100))
  const rows = storage.readOutbox(1_000)
  for (const { body } of rows) expect(new TextEncoder().encode(body).length).toBeLessThan(2_000_000)
  expect(open(storage).letters.take(1_000).letters).toHaveLength(100)
  const small = new MemoryStorage()
  apply(open(small), message(plan, new Array<string>(100).fill('{"id": 5}'), NOW))
  expect(small.readOutbox(1_000)).toHaveLength(4)
})

test('a payload is cut at 65,536 characters, and its whole length is told', () => {
  const storage = new MemoryStorage()
  apply(open(storage), message(plan, [`{"id":1,"x":"${'y'.repeat(80_000)}"}`], NOW))
  const [letter] = open(storage).letters.take(1).letters
  expect(letter?.payload).toHaveLength(65_536)
  expect(letter?.payloadUnits).toBe(80_015)
})

test('a letter says which event it is about: its position, and the letter that it was replayed from', () => {
  const storage = new MemoryStorage()
  const position = { sequence: 'clicks/3', incarnation: 1, generation: 1, offsets: [7, 9] }
  apply(open(storage), { ...message(plan, [good, '{"id": 5}'], NOW), position, replays: ['a', 'b'] })
  expect(open(storage).letters.take(1).letters).toMatchObject([{ position: 'clicks/1/3/9', replays: 'b' }])
})
