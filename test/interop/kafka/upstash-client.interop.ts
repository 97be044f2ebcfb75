import { Kafka } from '@upstash/kafka'
import { afterAll, expect, test } from 'vitest'
import { startBridge } from '../../../scripts/kafka-http-bridge/server.ts'
import { kafkaPeer } from '../peers.ts'
import { BrokerLog } from './broker-log.ts'

const log = new BrokerLog(kafkaPeer())
const cluster = { brokers: [kafkaPeer()], clientId: 'bridge', connection: {} }
const bridge = await startBridge({ cluster, token: 'a-token' })
afterAll(async () => {
  await bridge.close()
  await log.close()
})

test("Upstash's own client writes, reads, and asks for offsets and topics through the bridge", async () => {
  await log.create('upstash-client', 2)
  const kafka = new Kafka({ url: bridge.url, username: 'anybody', password: 'a-token' })
  const produced = await kafka.producer().produceMany([
    { topic: 'upstash-client', value: { a: 1 }, key: 'k', partition: 1, headers: [{ key: 'h', value: 'v' }] },
    { topic: 'upstash-client', value: 'two', partition: 1 },
  ])
  expect(produced).toMatchObject([
    { topic: 'upstash-client', partition: 1, offset: 0 },
    { topic: 'upstash-client', partition: 1, offset: 1 },
  ])
  const place = { topic: 'upstash-client', partition: 1 }
  const messages = await kafka.consumer().fetch({ ...place, offset: 0, timeout: 1_000 })
  expect(messages).toMatchObject([
    { ...place, offset: 0, key: 'k', value: '{"a":1}', headers: [{ key: 'h', value: 'v' }] },
    { ...place, offset: 1, key: null, value: 'two', headers: [] },
  ])
  const both = [0, 1].map((partition) => ({ topic: 'upstash-client', partition, offset: 0 }))
  const together = await kafka.consumer().fetch({ topicPartitionOffsets: both, timeout: 100 }, { parallel: false })
  expect(together).toHaveLength(2)
  expect(await kafka.admin().topicPartitionOffsets({ timestamp: 'latest', topicPartition: place })).toEqual([
    { ...place, offset: 2 },
  ])
  expect(await kafka.admin().topics()).toMatchObject({ 'upstash-client': 2 })
})
