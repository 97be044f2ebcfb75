import { expect, test } from 'vitest'
import type { FieldType, SourceSpec } from '../../src/engine/index.ts'
import { Plan } from '../../src/plan/index.ts'
import { MemoryStorage } from '../../src/shard/index.ts'
import { apply, definitionsOf, lifetimeView, message, openShard, readValues } from '../support/shards.ts'

const NOW = Date.UTC(2026, 0, 1)
const types: Readonly<Record<string, FieldType>> = {
  price: 'decimal(2)',
  tags: 'list(string)',
  ids: 'list(int64)',
  prices: 'list(decimal(1))',
  embedding: 'vector(3)',
}
const field = (name: string, type: FieldType) => ({ name, type, nullable: true, optional: true })
const source: SourceSpec = {
  name: 'activity',
  fields: [
    { name: 'id', type: 'string', nullable: false, optional: false },
    { name: 'uid', type: 'string', nullable: false, optional: false },
    { name: 'at', type: 'timestamp', format: 'ms', nullable: false, optional: false },
    ...Object.entries(types).map(([name, type]) => field(name, type)),
  ],
  id: 'id',
  time: 'at',
  maxFutureMs: 300_000,
  redeliveryHorizonMs: 86_400_000,
  from: [{ kind: 'webhook' }],
}
// Two rows are kept as rows: older ones are folded, so that values of every type pass through tiles too.
const plan = new Plan(
  definitionsOf(
    [
      {
        ...lifetimeView,
        features: Object.keys(types).map((name) => ({
          name,
          aggregate: 'latest',
          field: name,
          window: { kind: 'lifetime' as const },
        })),
      },
    ],
    source,
  ),
)
const open = (storage: MemoryStorage) => openShard({ plan, storage, now: () => NOW })
const values = (shard: ReturnType<typeof open>) =>
  Object.keys(types).map((name) => readValues(shard, plan, `ever.${name}`, ['u'], NOW)[0])

test('decimals, lists and vectors come out as they went in, after every event and after a restart', () => {
  const storage = new MemoryStorage()
  let shard = open(storage)
  for (let i = 0; i < 60; i++) {
    const members = `"price":${i}.1,"tags":["a","é${i}"],"ids":[${i}],"prices":["-0.5",${i}],"embedding":[0.1,-${i},-0]`
    // Every third event has nulls: the values before it stay the latest.
    const event = `{"id":"e${i}","uid":"u","at":${NOW - 1000 + i}${i % 3 === 2 ? '' : `,${members}`}}`
    expect(apply(shard, message(plan, [event], NOW)).verdicts).toBe('a')
    if (i % 7 === 0) shard = open(storage)
    const last = i % 3 === 2 ? i - 1 : i
    expect(values(shard)).toEqual([
      `${last}.10`,
      ['a', `é${last}`],
      [last],
      ['-0.5', `${last}.0`],
      [0.1, last === 0 ? -0 : -last, -0],
    ])
  }
})

test('the same event with its price as text, or its embedding as base64, is a duplicate; another bit is a conflict', () => {
  const shard = open(new MemoryStorage())
  const event = (members: string) => message(plan, [`{"id":"e","uid":"u","at":${NOW},${members}}`], NOW)
  const base64 = Buffer.from(new Float32Array([0.1, 0, -0]).buffer).toString('base64')
  expect(apply(shard, event('"price":12.3,"embedding":[0.1,0,-0]')).verdicts).toBe('a')
  expect(apply(shard, event(`"price":"12.30","embedding":"${base64}"`)).verdicts).toBe('d')
  expect(apply(shard, event('"price":12.3,"embedding":[0.1,0,0]')).refused[0]?.reason).toBe('conflict')
  expect(apply(shard, event('"price":12.31,"embedding":[0.1,0,-0]')).refused[0]?.reason).toBe('conflict')
})
