import { describe, expect, test } from 'vitest'
import { connectKafka, type KafkaConnection } from '../../../src/source/index.ts'
import { strimziEmulator } from '../../interop/strimzi-emulator.ts'
import { confluentFake } from './confluent-fake.ts'
import { kafkaConformance, readAll, runConformance } from './conformance.ts'
import { MemoryLog } from './memory-log.ts'
import { redpandaFake } from './redpanda-fake.ts'
import type { Handler, Subject } from './test-log.ts'
import { upstashFake } from './upstash-fake.ts'

const ALL = { bytes: true, headers: true, timestamps: true, offsets: true, topicIds: true, writeHeaders: true }
const URL = 'http://kafka.test/base/'

function subject(
  dialect: KafkaConnection['dialect'],
  log: MemoryLog,
  handler: Handler,
  can: Subject['can'],
  loseConsumers?: () => Promise<void>,
): Subject {
  const behind: Handler = (request) =>
    handler(new Request(request.url.replace('/base/', '/'), request.body === null ? request : requestOf(request)))
  const kafka = connectKafka(
    { dialect, url: URL, token: 'secret' },
    { fetch: (url, init) => behind(new Request(url, init)), now: Date.now, random: Math.random, name: 'tests' },
  )
  return { kafka, log, can, close: async () => {}, ...(loseConsumers !== undefined && { loseConsumers }) }
}

function requestOf(request: Request): RequestInit {
  return { method: request.method, headers: request.headers, body: request.body, duplex: 'half' } as RequestInit
}

const subjects: Readonly<Record<string, (log: MemoryLog) => Subject>> = {
  'the bridge': (log) => subject('upstash', log, upstashFake(log, { extended: true }), ALL),
  'the Upstash dialect alone': (log) =>
    subject('upstash', log, upstashFake(log, { extended: false }), { ...ALL, bytes: false, topicIds: false }),
  Redpanda: (log) =>
    subject('redpanda', log, redpandaFake(log), {
      ...ALL,
      headers: false,
      timestamps: false,
      offsets: false,
      topicIds: false,
      writeHeaders: false,
    }),
  Strimzi: (log) => {
    const { handler, loseConsumers } = strimziEmulator(log)
    return subject('strimzi', log, handler, { ...ALL, topicIds: false }, loseConsumers)
  },
  Confluent: (log) => {
    const { handler, loseConsumers } = confluentFake(log, { timestamps: false })
    const can = { ...ALL, headers: false, timestamps: false, topicIds: false, writeHeaders: false }
    return subject('confluent', log, handler, can, loseConsumers)
  },
  Karapace: (log) => {
    const { handler, loseConsumers } = confluentFake(log, { timestamps: true })
    return subject(
      'karapace',
      log,
      handler,
      { ...ALL, headers: false, topicIds: false, writeHeaders: false },
      loseConsumers,
    )
  },
}

for (const [name, make] of Object.entries(subjects)) {
  describe(`the adapter of ${name}`, () => {
    for (const [behaviour, check] of kafkaConformance)
      test(behaviour, () => runConformance(async () => make(new MemoryLog()), check))

    test('steps over offsets that hold no records', async () => {
      const log = new MemoryLog()
      await runConformance(
        async () => make(log),
        async (subject) => {
          const record = { key: null, value: new Uint8Array(1), headers: [], timestampMs: 0 }
          for (const gap of [3, 1, 500]) {
            log.skip('conformance', 0, gap)
            await log.append('conformance', 0, record)
          }
          expect((await readAll(subject, 0)).map(({ offset }) => offset)).toEqual([3, 5, 506])
          expect((await readAll(subject, 4)).map(({ offset }) => offset)).toEqual([5, 506])
        },
      )
    })
  })
}

test('the bridge says where to go on behind offsets that hold no records', async () => {
  const log = new MemoryLog()
  const { kafka } = (subjects['the bridge'] as (log: MemoryLog) => Subject)(log)
  await log.create('t', 1)
  log.skip('t', 0, 9)
  expect(await kafka.read({ topic: 't', partition: 0, offset: 0, maxBytes: 1, waitMs: 0 })).toEqual({
    kind: 'records',
    records: [],
    next: 9,
  })
})

test('Strimzi refuses a page for its size and has moved on: it is asked for again, larger, and nothing is lost', async () => {
  const log = new MemoryLog()
  const make = subjects.Strimzi as (log: MemoryLog) => Subject
  await runConformance(
    async () => make(log),
    async (subject) => {
      const value = new Uint8Array(900_000).fill(0x78)
      for (let i = 0; i < 12; i++) await log.append('conformance', 0, { key: null, value, headers: [], timestampMs: i })
      const records = await readAll(subject, 0)
      expect(records.map(({ timestampMs }) => timestampMs)).toEqual(Array.from({ length: 12 }, (_, i) => i))
    },
  )
})

test('Strimzi cannot give a page that is too large for us: the failure says what to do, and lasts', async () => {
  const log = new MemoryLog()
  const make = subjects.Strimzi as (log: MemoryLog) => Subject
  await runConformance(
    async () => make(log),
    async ({ kafka }) => {
      const value = new Uint8Array(5_000_000)
      for (let i = 0; i < 6; i++) await log.append('conformance', 0, { key: null, value, headers: [], timestampMs: i })
      const page = await kafka.read({ topic: 'conformance', partition: 0, offset: 0, maxBytes: 1_000, waitMs: 0 })
      expect(page).toMatchObject({ kind: 'failed', transient: false, message: expect.stringMatching(/smaller/) })
    },
  )
})

test('a consumer whose poll ended in doubt is let go on the server and made again', async () => {
  const log = new MemoryLog()
  await log.create('t', 1)
  await log.append('t', 0, { key: null, value: new Uint8Array(1), headers: [], timestampMs: 0 })
  const { handler } = strimziEmulator(log)
  const calls: string[] = []
  let polls = 0
  const { kafka } = subject(
    'strimzi',
    log,
    async (request) => {
      const { pathname } = new globalThis.URL(request.url)
      const call = `${request.method} ${pathname.replace(/tests-\w+/, 'NAME')}`
      calls.push(call)
      return call.endsWith('/records') && polls++ === 0 ? new Response('{}', { status: 500 }) : handler(request)
    },
    ALL,
  )
  const request = { topic: 't', partition: 0, offset: 0, maxBytes: 1_000, waitMs: 0 }
  expect(await kafka.read(request)).toMatchObject({ kind: 'failed', transient: true })
  expect(await kafka.read(request)).toMatchObject({ kind: 'records', next: 1 })
  expect(await kafka.read({ ...request, offset: 1 })).toMatchObject({ kind: 'records', records: [] })
  await kafka.close()
  const made = ['POST /consumers/tests', 'POST /consumers/tests/instances/NAME/assignments']
  const polled = ['POST /consumers/tests/instances/NAME/positions', 'GET /consumers/tests/instances/NAME/records']
  const gone = ['DELETE /consumers/tests/instances/NAME']
  expect(calls).toEqual([...made, ...polled, ...gone, ...made, ...polled, ...polled, ...gone])
})
