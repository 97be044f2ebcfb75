import { join } from 'node:path'
import { Producer, type ProducerOptions } from '@platformatic/kafka'
import { afterAll, describe, expect, test } from 'vitest'
import { type Bridge, startBridge } from '../../../scripts/kafka-http-bridge/server.ts'
import { freePort } from '../../../scripts/local/port.ts'
import { startKafka } from '../../../scripts/peers/kafka.ts'
import type { Peer } from '../../../scripts/peers/process.ts'
import { connectKafka, type KafkaHttp, type KafkaRecord } from '../../../src/source/index.ts'
import { interopFolder } from '../peers.ts'
import { serveHandler } from '../serve-handler.ts'
import { strimziEmulator } from '../strimzi-emulator.ts'
import { BrokerLog } from './broker-log.ts'

/** A broker of its own: it is killed, and wants a password on its second door. */
const USER = { username: 'reader', password: 'reader-secret' }
const saslPort = await freePort(0)
const dir = join(interopFolder(), 'kafka-of-broker-tests')
let kafka: Peer = await startKafka({ dir, sasl: { port: saslPort, ...USER } })
const log = new BrokerLog(kafka.address)
const bridges: Bridge[] = []
afterAll(async () => {
  await Promise.all(bridges.map((bridge) => bridge.close()))
  await log.close()
  await kafka.stop()
})

function connect(dialect: 'upstash' | 'strimzi', url: string): KafkaHttp {
  const environment = { fetch: (to: string, init: RequestInit) => fetch(to, init), now: Date.now, random: Math.random }
  return connectKafka({ dialect, url }, { ...environment, name: 'interop' })
}

async function bridge(brokers: string[], connection: object = {}): Promise<KafkaHttp> {
  const started = await startBridge({ cluster: { brokers, clientId: 'bridge', connection } })
  bridges.push(started)
  return connect('upstash', started.url)
}

function producer(options: Partial<ProducerOptions<Buffer, Buffer, Buffer, Buffer>> = {}) {
  return new Producer({ clientId: 'tests', bootstrapBrokers: [kafka.address], ...options })
}

const texts = (records: readonly KafkaRecord[]) => records.map(({ valueText }) => valueText)

describe('a broker that is killed and started again while it is read', () => {
  for (const dialect of ['upstash', 'strimzi'] as const) {
    test(`loses nothing and repeats nothing through ${dialect}`, async () => {
      const topic = `killed-${dialect}`
      const wanted = Array.from({ length: 3_000 }, (_, i) => `record ${i}`)
      await log.create(topic, 1)
      const served = await serveHandler(strimziEmulator(log).handler)
      const reader = dialect === 'upstash' ? await bridge([kafka.address]) : connect(dialect, served.url)
      const writer = producer({ retries: 0, idempotent: false })
      const write = async (from: number, to: number) => {
        const messages = wanted.slice(from, to).map((value) => ({ topic, partition: 0, value: Buffer.from(value) }))
        await writer.send({ messages, acks: -1 })
      }
      await write(0, 1_000)
      const got: string[] = []
      let failures = 0
      const reading = (async () => {
        for (let next = 0; got.length < wanted.length; ) {
          const page = await reader.read({ topic, partition: 0, offset: next, maxBytes: 2_000, waitMs: 200 })
          if (page.kind === 'failed') {
            expect(page.transient).toBe(true)
            failures++
            await new Promise((resolve) => setTimeout(resolve, 100))
            continue
          }
          expect(page.kind).toBe('records')
          if (page.kind !== 'records') return
          got.push(...page.records.map(({ valueText }) => valueText ?? ''))
          next = page.next
        }
      })()
      await kafka.kill()
      kafka = await startKafka({ dir })
      await write(1_000, 2_000)
      await kafka.kill()
      await new Promise((resolve) => setTimeout(resolve, 1_000))
      kafka = await startKafka({ dir })
      await write(2_000, 3_000)
      await reading
      expect(got).toEqual(wanted)
      // The bridge says that the broker is away; the Strimzi Bridge says nothing at all.
      if (dialect === 'upstash') expect(failures).toBeGreaterThan(0)
      await writer.close()
      await reader.close()
      await served.close()
    })
  }
})

describe('the bridge over a real Kafka', () => {
  test('gives what was written with every compression', async () => {
    await log.create('compressed', 1)
    const wanted: string[] = []
    for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
      const writer = producer()
      const values = Array.from({ length: 200 }, (_, i) => `${compression} ${i} ${'x'.repeat(100)}`)
      await writer.send({
        messages: values.map((value) => ({ topic: 'compressed', partition: 0, value: Buffer.from(value) })),
        compression,
      })
      wanted.push(...values)
      await writer.close()
    }
    const reader = await bridge([kafka.address])
    const got: (string | undefined)[] = []
    // Small pages: a compressed batch is given in pieces.
    for (let next = 0; next < wanted.length; ) {
      const page = await reader.read({
        topic: 'compressed',
        partition: 0,
        offset: next,
        maxBytes: 3_000,
        waitMs: 1_000,
      })
      if (page.kind !== 'records') throw new Error(JSON.stringify(page))
      expect(page.records.length).toBeLessThan(40)
      got.push(...texts(page.records))
      next = page.next
    }
    expect(got).toEqual(wanted)
  })

  test('gives committed transactions only, and steps over aborted ones and markers', async () => {
    await log.create('transactions', 1)
    const writer = producer({ transactionalId: 'tests', idempotent: true })
    const message = (value: string) => ({
      messages: [{ topic: 'transactions', partition: 0, value: Buffer.from(value) }],
    })
    for (const [value, ends] of [
      ['a', 'commit'],
      ['lost', 'abort'],
      ['b', 'commit'],
      ['lost too', 'abort'],
    ] as const) {
      const transaction = await writer.beginTransaction()
      await transaction.send(message(`${value} 1`))
      await transaction.send(message(`${value} 2`))
      await transaction[ends]()
    }
    await writer.close()
    const reader = await bridge([kafka.address])
    // Two records and a marker each; the broker writes the last marker when it comes to it.
    const end = 4 * 3
    while ((await log.offsets('transactions', 0)).end < end) await new Promise((resolve) => setTimeout(resolve, 50))
    const page = await reader.read({ topic: 'transactions', partition: 0, offset: 0, maxBytes: 100_000, waitMs: 2_000 })
    if (page.kind !== 'records') throw new Error(JSON.stringify(page))
    expect(texts(page.records)).toEqual(['a 1', 'a 2', 'b 1', 'b 2'])
    expect(page.next).toBe(end)
    // In the midst of an aborted transaction too.
    const inside = await reader.read({
      topic: 'transactions',
      partition: 0,
      offset: 4,
      maxBytes: 100_000,
      waitMs: 2_000,
    })
    expect(inside.kind === 'records' && texts(inside.records)).toEqual(['b 1', 'b 2'])
  })

  test('speaks PLAIN and SCRAM with the brokers, and says so when the password is wrong', async () => {
    await log.create('guarded', 1)
    for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const) {
      const good = await bridge([`127.0.0.1:${saslPort}`], { sasl: { mechanism, ...USER } })
      expect(await good.produce('guarded', [{ key: 'k', value: mechanism }])).toEqual({ kind: 'produced' })
      expect(await good.topic('guarded')).toMatchObject({ kind: 'topic', partitions: 1 })
    }
    const bad = await bridge([`127.0.0.1:${saslPort}`], { sasl: { mechanism: 'PLAIN', ...USER, password: 'wrong' } })
    expect(await bad.topic('guarded')).toMatchObject({
      kind: 'failed',
      message: expect.stringMatching(/authentication/i),
    })
  })

  test('writes each key where Kafka clients would, tombstones too, and tells what was too large', async () => {
    await log.create('written', 4)
    const reader = await bridge([kafka.address])
    const { url } = bridges.at(-1) as Bridge
    const post = async (records: object[]) => {
      const response = await fetch(`${url}/produce`, { method: 'POST', body: JSON.stringify(records) })
      return { status: response.status, body: await response.json() }
    }
    // As the Strimzi Bridge's own producer placed them on four partitions.
    const placed = await post([
      { topic: 'written', key: '"a"', value: 'x' },
      { topic: 'written', key: '"b"', value: null },
    ])
    expect(placed).toMatchObject({ status: 200, body: [{ partition: 3 }, { partition: 0 }] })
    const tombstone = await reader.read({ topic: 'written', partition: 0, offset: 0, maxBytes: 100, waitMs: 1_000 })
    expect(tombstone.kind === 'records' && tombstone.records[0]?.value).toBeNull()
    // Two batches, for the client library cannot write times so far apart into one.
    const times = [0, 1_700_000_000_000, 1_700_000_000_001, 5]
    await post(times.map((timestamp) => ({ topic: 'written', partition: 1, value: 'x', timestamp })))
    const timed: (number | null)[] = []
    // A segment for each time, and a fetch reads one segment.
    for (let next = 0; next < times.length; ) {
      const page = await reader.read({ topic: 'written', partition: 1, offset: next, maxBytes: 1_000, waitMs: 1_000 })
      if (page.kind !== 'records') throw new Error(JSON.stringify(page))
      timed.push(...page.records.map(({ timestampMs }) => timestampMs))
      next = page.next
    }
    expect(timed).toEqual(times)
    const large = await post([
      { topic: 'written', partition: 1, value: 'small' },
      { topic: 'written', partition: 2, value: 'x'.repeat(2_000_000) },
    ])
    expect(large.status).not.toBe(200)
    expect(JSON.stringify(large.body)).toMatch(/too large|TOO_LARGE/i)
    const nowhere = await post([{ topic: 'nowhere', value: 'x' }])
    expect(nowhere.status).toBe(404)
  })
})
