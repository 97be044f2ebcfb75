import { expect, test } from 'vitest'
import { decoderOf, isRefusal, SchemaStore } from '../../../src/contract/index.ts'
import { Plan, type SourceRuntime } from '../../../src/plan/index.ts'
import { type DeadLetter, MESSAGE_VERSION, MemoryStorage, Shard } from '../../../src/shard/index.ts'
import { deliver, Router } from '../../../src/source/index.ts'
import { decodePage } from '../../../src/source/kafka/decode-page.ts'
import type { KafkaRecord } from '../../../src/source/kafka/kafka-http.ts'
import { ACTIVITY, definitionsOf, lifetimeView } from '../../support/shards.ts'

// What a topic may hold: each has its reason and its dead letter, and its neighbours are counted.

const NOW = Date.UTC(2026, 0, 1)
const utf8 = new TextEncoder()
const good = (more: object = {}) => JSON.stringify({ id: 'x', uid: 'u', friend: 'u', at: NOW, ...more })
const bytes = (...values: number[]) => Uint8Array.from(values)

const nasty: readonly (readonly [what: string, value: Uint8Array | string, reason: string])[] = [
  ['text that is no JSON', 'hello', 'bad_json'],
  ['JSON that is cut off', good().slice(0, -3), 'bad_json'],
  ['two values in one record', `${good()}${good()}`, 'bad_json'],
  ['brackets that would swallow a neighbour', `${good()},{`, 'bad_json'],
  ['a list', `[${good()}]`, 'bad_json'],
  ['a number', '7', 'bad_json'],
  ['nothing at all', '', 'bad_json'],
  ['JSON nested deeper than anything sane', `${'{"a":'.repeat(500)}1${'}'.repeat(500)}`, 'bad_json'],
  ['bytes that are no UTF-8', bytes(0x7b, 0xff, 0xfe, 0x7d), 'bad_encoding'],
  ['half of a surrogate pair', good({ uid: 'x\ud800' }), 'ill_formed_string'],
  ['a record larger than a message', good({ rest: 'x'.repeat(600_000) }), 'too_large'],
  ['a key longer than a key may be', good({ uid: 'k'.repeat(5_000) }), 'too_large'],
  ['no key', JSON.stringify({ id: 'x', friend: 'u', at: NOW }), 'missing_field'],
  ['a time in seconds', good({ at: NOW / 1_000 }), 'too_old_time'],
  ['a time ahead', good({ at: NOW + 3_600_000 }), 'future_time'],
  ['a time that is a text', good({ at: 'yesterday' }), 'wrong_type'],
  ['a number beyond its type', good({ at: 1e300 }), 'bad_time'],
]

function region() {
  const { id: _, ...source } = ACTIVITY
  const plan = new Plan(definitionsOf([lifetimeView], source))
  const entity = plan.entities.get('user')
  if (entity === undefined) throw new Error('no entity')
  const part = { region: 1, epoch: 0, shard: 0 }
  const shard = new Shard({ plan, entity, part, shards: 1, storage: new MemoryStorage(), now: () => NOW })
  const runtime = plan.sources.get('activity') as SourceRuntime
  const letters: DeadLetter[] = []
  const directory = {
    region: 'local',
    epoch: 0,
    shardsOf: () => 1,
    shard: () => ({ apply: async (m: never) => shard.apply(m), read: async (m: never) => shard.read(m) }),
  }
  const delivery = {
    router: new Router(plan.hash, runtime, () => 1),
    directory,
    source: 'activity',
    keep: async (kept: readonly DeadLetter[]) => void letters.push(...kept),
  }
  const take = async (values: readonly (Uint8Array | string)[]) => {
    const records = values.map((value, offset): KafkaRecord => {
      const valueText = typeof value === 'string' && value.isWellFormed() ? value : undefined
      const raw = typeof value === 'string' ? utf8.encode(value) : value
      return {
        offset,
        key: null,
        value: raw,
        ...(valueText !== undefined && { valueText }),
        headers: new Map(),
        timestampMs: NOW,
      }
    })
    const decoder = decoderOf({ kind: 'json' }, runtime.spec, new SchemaStore())
    const page = decodePage(records, {
      decoder,
      onPoison: 'park',
      sequence: 't/0',
      incarnation: 0,
      generation: 1,
      arrivalMs: NOW,
    })
    if (page.batch === null) throw new Error('nothing was decoded')
    const receipt = await deliver(delivery, page.batch)
    if (isRefusal(receipt) || 'unavailable' in receipt) throw new Error(receipt.message)
    const outbox = shard.letters.take(1_000)
    letters.push(...outbox.letters)
    outbox.delivered()
    return receipt
  }
  const count = (user: string) => {
    const t = NOW + 1
    const answer = shard.read({ version: MESSAGE_VERSION, plan: plan.hash, t, keys: [user], run: 'ever.count' })
    return 'rows' in answer ? JSON.parse(answer.rows[0]?.values ?? '0') : answer
  }
  return { take, letters, count }
}

test.each(nasty)('%s is a dead letter with its reason, and its neighbours are counted', async (_, value, reason) => {
  const { take, letters, count } = region()
  const receipt = await take([good(), value, good()])
  expect(receipt).toMatchObject({ accepted: 2, refused: [{ index: 1 }] })
  expect(letters.map((letter) => [letter.reason, letter.position])).toEqual([[reason, 't/0/0/1']])
  expect(letters[0]?.payloadUnits).toBeGreaterThanOrEqual(0)
  expect(count('u')).toBe(2)
})

test('of a repeated key the last counts, as JSON.parse has it, also for routing', async () => {
  const { take, count } = region()
  await take([`{"id":"x","uid":"a","friend":"x","at":${NOW},"uid":"b"}`])
  expect([count('a'), count('b')]).toEqual([0, 1])
})

test('a page of nothing but nasty records is taken, each refused once', async () => {
  const { take, letters } = region()
  const receipt = await take(nasty.map(([, value]) => value))
  expect(receipt.accepted).toBe(0)
  expect(letters.map(({ reason }) => reason).sort()).toEqual(nasty.map(([, , reason]) => reason).sort())
})
