import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Bridge, startBridge } from '../../../scripts/kafka-http-bridge/server.ts'
import type { FeatureTopicSpec } from '../../../src/engine/index.ts'
import { Plan } from '../../../src/plan/index.ts'
import { EntityTopics, isNewer, stateBytesOf, TopicCopy, type TopicMessage } from '../../../src/publish/index.ts'
import { MemoryStorage } from '../../../src/shard/index.ts'
import { connectKafka, type KafkaConnection, type KafkaHttp } from '../../../src/source/index.ts'
import { toBase64 } from '../../../src/util/base64.ts'
import { random } from '../../support/random.ts'
import { apply, definitionsOf, eventText, lifetimeView, message, openShard, plainEvent } from '../../support/shards.ts'
import { kafkaPeer } from '../peers.ts'
import { serveHandler } from '../serve-handler.ts'
import { SEED, sized } from '../size.ts'
import { strimziEmulator } from '../strimzi-emulator.ts'
import { BrokerLog } from './broker-log.ts'

// What a shard publishes to a real Kafka, and what a reader makes of it.

const PARTITIONS = 3
const EVENTS = sized(20_000, 2_000)
const NOW = Date.UTC(2026, 0, 1)

let log: BrokerLog
let bridge: Bridge
let emulator: { url: string; close(): Promise<void> }

beforeAll(async () => {
  log = new BrokerLog(kafkaPeer())
  bridge = await startBridge({ cluster: { brokers: [kafkaPeer()], clientId: 'bridge', connection: {} } })
  emulator = await serveHandler(strimziEmulator(log).handler)
})

afterAll(async () => {
  await bridge?.close()
  await emulator?.close()
  await log?.close()
})

function connect(dialect: KafkaConnection['dialect'], url: string): KafkaHttp {
  const environment = { fetch, now: () => Date.now(), random: () => Math.random(), name: 'topics' }
  return connectKafka({ dialect, url }, environment)
}

/** Everything of a topic, partition by partition, as text. */
async function readAll(topic: string): Promise<{ partition: number; key: string; value: string }[]> {
  const text = (bytes: Uint8Array | null) => new TextDecoder().decode(bytes ?? new Uint8Array())
  const records: { partition: number; key: string; value: string }[] = []
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const { end } = await log.offsets(topic, partition)
    for (let offset = 0; offset < end; ) {
      const page = await log.read(topic, partition, offset, 1_000)
      if (page === 'out_of_range') throw new Error(`${topic}/${partition} has no ${offset}`)
      for (const { key, value } of page.records) records.push({ partition, key: text(key), value: text(value) })
      offset = page.next
    }
  }
  return records
}

test.each(['upstash', 'strimzi'] as const)(
  `a reader of what is published through %s has what the shard has (seed ${SEED})`,
  { timeout: 300_000 },
  async (dialect) => {
    const topic = `features.${dialect}`
    await log.create(topic, PARTITIONS)
    const spec: FeatureTopicSpec = {
      ...{ name: 'users', entity: 'user', views: ['ever'], topic: 'features.{region}', cluster: 'default' },
      ...{ flushMs: 1_000, state: true },
    }
    const plan = new Plan({ ...definitionsOf([lifetimeView]), topics: [spec] })
    const entity = plan.entities.get('user')
    if (entity === undefined) throw new Error('no user')
    let clock = NOW
    const now = () => clock
    const storage = new MemoryStorage()
    const shard = openShard({ plan, storage, now })
    const kafka = connect(dialect, dialect === 'upstash' ? bridge.url : emulator.url)
    const part = { region: dialect, epoch: 0, shard: 0 }
    const problems: string[] = []
    const report = (problem: string) => problems.push(problem)
    const topics = new EntityTopics({ plan, entity, part, shard, storage, kafka: () => kafka, now, report })
    const r = random(SEED)
    for (let at = 0; at < EVENTS; at += 100) {
      const batch = Array.from({ length: 100 }, (_, i) => plainEvent(`e${at + i}`, `ü${r.int(0, 300)}`, clock - i))
      apply(shard, message(plan, batch.map(eventText), clock))
      clock += r.int(1, 900)
      for (const one of topics.topics) if ((one.dueMs ?? Number.POSITIVE_INFINITY) <= clock) await one.send()
    }
    clock += 60_000
    for (const one of topics.topics) while (one.dueMs !== null) await one.send()

    const copy = new TopicCopy(plan, spec)
    const newest = new Map<string, TopicMessage>()
    const partitions = new Map<string, Set<number>>()
    for (const { partition, key, value } of await readAll(topic)) {
      copy.take(key, value)
      const parsed = JSON.parse(value) as TopicMessage
      const known = newest.get(key)
      // The broker was well all the time: what comes later is newer.
      expect(known === undefined || isNewer(parsed, known)).toBe(true)
      newest.set(key, parsed)
      partitions.set(key, (partitions.get(key) ?? new Set()).add(partition))
    }
    expect([...partitions.values()].every(({ size }) => size === 1)).toBe(true)
    expect(new Set([...partitions.values()].flatMap((one) => [...one])).size).toBe(PARTITIONS)
    const all = shard.canonical()
    expect(copy.keys).toHaveLength(all.length)
    for (const [key] of all) {
      const [found] = copy.messages(JSON.stringify({ user_id: key }))
      const state = shard.copy(key, ({ state }) => toBase64(stateBytesOf(state, new Set([0]))))
      expect(found?.state).toBe(state)
    }
    expect(problems).toEqual([])
  },
)
