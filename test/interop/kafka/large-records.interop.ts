import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Bridge, startBridge } from '../../../scripts/kafka-http-bridge/server.ts'
import { kafkaPeer } from '../peers.ts'
import { TestRegion } from '../region.ts'
import { sized } from '../size.ts'
import { BrokerLog } from './broker-log.ts'

// A topic of records that are far larger than events are, in a process whose heap may not grow beyond 64 MB: pullers, shards and
// dead letters in one isolate. Where that is too little, the process ends.

const HEAP_MB = 64
const TOPIC = 'clicks'
const PARTITIONS = 4
const ROUNDS = sized(100, 20)

let log: BrokerLog
let bridge: Bridge
let region: TestRegion

beforeAll(async () => {
  log = new BrokerLog(kafkaPeer())
  await log.createAnew(TOPIC, PARTITIONS)
  bridge = await startBridge({ cluster: { brokers: [kafkaPeer()], clientId: 'bridge', connection: {} } })
  region = await TestRegion.start({
    name: 'east',
    connections: { kafka: { default: { dialect: 'upstash', url: bridge.url } } },
    heapMb: HEAP_MB,
  })
})

afterAll(async () => {
  await region?.stop()
  await bridge?.close()
  await log?.close()
})

test(`records of 1 KB to 1 MB, taken and refused, in ${HEAP_MB} MB of heap`, { timeout: 600_000 }, async () => {
  const at = new Date().toISOString()
  const record = (uid: string, rest: number) => JSON.stringify({ uid, amount: 1, at, rest: 'x'.repeat(rest) })
  for (let round = 0; round < ROUNDS; round++) {
    const partition = round % PARTITIONS
    const values = [
      record('small', 1_000),
      // As large as an event may be, and larger: these are refused at the door.
      record('large', 500_000),
      record('too large', 1_000_000),
      'y'.repeat(1_000_000),
    ]
    for (const value of values) await log.appendAll(TOPIC, partition, [{ key: 'k', value }])
  }
  const pid = region.pid
  region.watch()
  const ends = await Promise.all(Array.from({ length: PARTITIONS }, async (_, p) => (await log.offsets(TOPIC, p)).end))
  await region.caughtUp('clicks', ends, 300_000)
  expect(await region.values('clicked', ['small', 'large', 'too large'])).toEqual([
    [ROUNDS, ROUNDS],
    [ROUNDS, ROUNDS],
    [0, null],
  ])
  expect(await region.call('GET', '/v1/dead-letters?source=clicks&limit=1')).toMatchObject({ count: 2 * ROUNDS })
  // The same process: it was never out of memory.
  expect(region.pid).toBe(pid)
  process.kill(pid, 0)
})
