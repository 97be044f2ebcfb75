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
