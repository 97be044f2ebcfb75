import { afterAll, describe, test } from 'vitest'
import { startBridge } from '../../../scripts/kafka-http-bridge/server.ts'
import { connectKafka, type KafkaConnection } from '../../../src/source/index.ts'
import { kafkaConformance, runConformance } from '../../source/kafka/conformance.ts'
import type { Subject } from '../../source/kafka/test-log.ts'
import { kafkaPeer } from '../peers.ts'
import { serveHandler } from '../serve-handler.ts'
import { strimziEmulator } from '../strimzi-emulator.ts'
import { BrokerLog } from './broker-log.ts'

const ALL = { bytes: true, headers: true, timestamps: true, offsets: true, topicIds: true, writeHeaders: true }
const broker = kafkaPeer()
const log = new BrokerLog(broker)
afterAll(() => log.close())

function connect(dialect: KafkaConnection['dialect'], url: string, token?: string) {
  return connectKafka(
    { dialect, url, ...(token !== undefined && { token }) },
    { fetch: (to, init) => fetch(to, init), now: Date.now, random: Math.random, name: 'interop' },
  )
}

const subjects: Readonly<Record<string, () => Promise<Subject>>> = {
  'the bridge': async () => {
    const cluster = { brokers: [broker], clientId: 'bridge', connection: {} }
    const bridge = await startBridge({ cluster, token: 'secret', gzip: 'always' })
    return { kafka: connect('upstash', bridge.url, 'secret'), log, can: ALL, close: () => bridge.close() }
  },
  'the Strimzi emulator': async () => {
    const { handler, loseConsumers } = strimziEmulator(log)
    const served = await serveHandler(handler)
    const kafka = connect('strimzi', served.url)
    return { kafka, log, can: { ...ALL, topicIds: false }, loseConsumers, close: () => served.close() }
  },
}

for (const [name, make] of Object.entries(subjects)) {
  describe(`a real Kafka through ${name}`, () => {
    for (const [behaviour, check] of kafkaConformance) test(behaviour, () => runConformance(make, check))
  })
}
