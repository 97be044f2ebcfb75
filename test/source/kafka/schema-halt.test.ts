import avsc from 'avsc'
import { expect, test } from 'vitest'
import { RegistryClient } from '../../../src/contract/index.ts'
import type { SourceSpec } from '../../../src/engine/index.ts'
import type { EventBatch } from '../../../src/source/index.ts'
import { Puller } from '../../../src/source/kafka/puller.ts'
import type { PullerState } from '../../../src/source/kafka/puller-state.ts'
import { SchemaLearner } from '../../../src/source/kafka/schema-learner.ts'
import { random } from '../../support/random.ts'
import { ACTIVITY } from '../../support/shards.ts'
import { MemoryKafka } from './memory-kafka.ts'

// A writer's schema that does not fit halts before the first record of it; nothing behind it is lost, and one command goes on.

const NOW = Date.UTC(2026, 0, 1)
const intake = {
  kind: 'kafka',
  topic: 'orders',
  cluster: 'default',
  format: { kind: 'avro', registry: 'main' },
  start: 'earliest',
  onGap: 'earliest',
  onPoison: 'park',
  lingerMs: 1,
  maxIdleMs: 1_000,
} as const

const field = (name: string, type: SourceSpec['fields'][number]['type'], more = {}) => ({
  name,
  type,
  nullable: false,
  optional: false,
  ...more,
})
const orders = (amount: SourceSpec['fields'][number]): SourceSpec => ({
  ...ACTIVITY,
  name: 'orders',
  id: 'id',
  fields: [field('id', 'string'), amount, field('at', 'timestamp', { format: 'ms' })],
  from: [intake],
})
const NUMBER = field('amount', 'float64')

const record = (name: string, amount: unknown, more: object[] = []) => ({
  type: 'record',
  name,
  fields: [
    { name: 'id', type: 'string' },
    { name: 'amount', type: amount },
    { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } },
    ...more,
  ],
})
/** Versions 1 to 3 of the subject, by id. */
const schemas: Record<number, object> = {
  11: record('Order', 'double'),
  12: record('Order', 'double', [{ name: 'coupon', type: ['null', 'string'], default: null }]),
  13: record('Order', 'string'),
}

class World {
  readonly kafka = new MemoryKafka(random(1))
  readonly taken: string[] = []
  registryIsDown = false
  saved: PullerState | undefined
  now = NOW

  puller(source: SourceSpec): Puller {
    const client = new RegistryClient({ url: 'http://registry' }, async (url) => this.answer(new URL(url).pathname))
    const registryOf = (name: string) => (name === 'main' ? client : undefined)
    const learner = new SchemaLearner({ source, intake, partition: 0, registryOf, now: () => this.now })
    return new Puller({
      intake,
      partition: 0,
      kafka: this.kafka,
      decoder: learner,
      learn: learner.learn,
      hand: async ({ text, spans }: EventBatch) => {
        spans.starts.forEach((start, i) => {
          this.taken.push(spans.broken.get(i)?.reason ?? text.slice(start, spans.ends[i]))
        })
        return { accepted: spans.count, duplicates: 0, refused: [], commits: [] }
      },
      areWell: async () => true,
      save: (state) => {
        this.saved = state
      },
      saved: this.saved,
      pulls: 'home',
      elsewhere: async () => ({ kind: 'nobody' }),
      now: () => this.now,
      random: () => 0.5,
      sleep: async (ms) => {
        this.now += ms
      },
    })
  }

  private answer(path: string): Response {
    if (this.registryIsDown) throw new Error('connect ECONNREFUSED')
    const json = (body: unknown, status = 200) => Response.json(body, { status })
    const [, id, versions] = /^\/schemas\/ids\/(\d+)(\/versions)?$/.exec(path) ?? []
    if (versions) return json([{ subject: 'orders-value', version: Number(id) - 10 }])
    const version = /^\/subjects\/orders-value\/versions\/(\d+)$/.exec(path)?.[1]
    const found = schemas[version === undefined ? Number(id) : Number(version) + 10]
    if (found === undefined) return json({ error_code: 40403, message: `Schema ${id} not found` }, 404)
    const schema = JSON.stringify(found)
    return json(
      version === undefined
        ? { schema }
        : { subject: 'orders-value', version: Number(version), id: Number(version) + 10, schema },
    )
  }

  append(id: number, value: object): void {
    const body = avsc.Type.forSchema((schemas[id] ?? schemas[11]) as avsc.Schema).toBuffer(value)
    const frame = new Uint8Array(5 + body.length)
    new DataView(frame.buffer).setUint32(1, id)
    frame.set(body, 5)
    this.kafka.appendBytes(frame, NOW)
  }

  async run(puller: Puller): Promise<void> {
    for (let i = 0; i < 20; i++) {
      const pause = await puller.run(this.now + 10_000)
      this.now += pause ?? 0
    }
  }
}

const order = (id: string, amount: unknown) => ({ id, amount, at: NOW, coupon: null })

test('a schema that adds goes on and is noted; one that changes a type halts before its first record, and says what to do', async () => {
  const world = new World()
  world.append(11, order('a', 1))
  world.append(12, order('b', 2))
  world.append(13, order('c', 'three'))
  world.append(12, order('d', 4))
  const puller = world.puller(orders(NUMBER))
  await world.run(puller)
  expect(world.taken).toEqual([`{"id":"a","amount":1,"at":${NOW}}`, `{"id":"b","amount":2,"at":${NOW}}`])
  const { halt, notes, phase, offset } = puller.status
  expect(phase).toBe('halted')
  expect(offset).toBe(world.kafka.records[2]?.offset)
  expect(notes.join()).toContain('coupon')
  expect(halt?.message).toMatch(
    /^offset \d+ of orders\/0: source orders, schema orders-value version 3 id 13: incompatible/,
  )
  expect(halt?.message).toContain('amount: the contract has float64, the schema has string')
  expect(halt?.message).toContain('amount was double in version 2, and is string now')
  expect(halt?.message).toContain('npx tidemark sources resume orders --partition orders/0')
})

test('resumed without a mend it halts again; after a changed contract everything behind it is taken', async () => {
  const world = new World()
  world.append(11, order('a', 1))
  world.append(13, order('b', 'two'))
  world.append(13, order('c', 'three'))
  const puller = world.puller(orders(NUMBER))
  await world.run(puller)
  puller.resume()
  await world.run(puller)
  expect(puller.status.halt?.reason).toBe('schema')
  expect(world.taken).toHaveLength(1)
  // The deploy that changes the contract begins with a new process.
  const mended = world.puller(orders(field('amount', 'string')))
  mended.resume()
  await world.run(mended)
  // What was written as a number before is refused by the new contract in the shard, not here.
  expect(world.taken.slice(1)).toEqual([
    `{"id":"b","amount":"two","at":${NOW}}`,
    `{"id":"c","amount":"three","at":${NOW}}`,
  ])
  expect(mended.status.phase).toBe('running')
})

test('while the registry is down nothing is lost and nothing is passed over; an id that it does not have is parked', async () => {
  const world = new World()
  world.append(11, order('a', 1))
  world.append(99, order('b', 2))
  world.append(11, order('c', 3))
  world.registryIsDown = true
  const puller = world.puller(orders(NUMBER))
  await world.run(puller)
  expect(world.taken).toEqual([])
  expect(puller.status).toMatchObject({ phase: 'running', problem: expect.stringContaining('ECONNREFUSED') })
  world.registryIsDown = false
  await world.run(puller)
  expect(world.taken).toEqual([
    `{"id":"a","amount":1,"at":${NOW}}`,
    'unknown_schema',
    `{"id":"c","amount":3,"at":${NOW}}`,
  ])
  expect(puller.status.problem).toBeNull()
})
