import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startBridgeProcess } from '../../../scripts/peers/bridge.ts'
import { startKafka } from '../../../scripts/peers/kafka.ts'
import type { Peer } from '../../../scripts/peers/process.ts'
import { type Random, random } from '../../support/random.ts'
import { interopFolder } from '../peers.ts'
import { TestRegion } from '../region.ts'
import { SEED, sized } from '../size.ts'
import { BrokerLog } from './broker-log.ts'

// SIGKILL of workerd, of the bridge and of the broker while records flow: each is counted once, whatever died when.

const TOPIC = 'clicks'
const PARTITIONS = 8
const RECORDS = sized(500_000, 20_000)
const KILLS = sized(60, 12)
const BATCH = 250
const USERS = Array.from({ length: 500 }, (_, i) => `u${i}`)

let kafka: Peer
let bridge: Peer
let log: BrokerLog
let east: TestRegion
let west: TestRegion

const startBridge = (port?: number): Promise<Peer> =>
  startBridgeProcess({
    kafka: kafka.address,
    dir: interopFolder(),
    token: 'secret',
    ...(port !== undefined && { port }),
  })

beforeAll(async () => {
  kafka = await startKafka({ dir: join(interopFolder(), 'killed-kafka') })
  log = new BrokerLog(kafka.address)
  await log.create(TOPIC, PARTITIONS)
  bridge = await startBridge()
  const connections = { kafka: { default: { dialect: 'upstash', url: bridge.address, token: 'secret' } } }
  east = await TestRegion.start({ name: 'east', connections })
  west = await TestRegion.start({ name: 'west', connections })
  east.watch()
})

afterAll(async () => {
  await Promise.all([east?.stop(), west?.stop()])
  await log?.close()
  await bridge?.stop()
  await kafka?.stop()
})

/** Writes at least so many records, in batches to one partition each; a batch whose fate is not known is followed by another. */
async function produce(r: Random, records: number): Promise<void> {
  for (let sent = 0; sent < records; ) {
    const at = new Date().toISOString()
    const batch = Array.from({ length: BATCH }, () => {
      const uid = r.pick(USERS)
      return { key: uid, value: JSON.stringify({ uid, amount: r.int(1, 9), at }) }
    })
    const isWritten = await log.appendAll(TOPIC, r.int(0, PARTITIONS - 1), batch).then(
      () => true,
      () => pause(200, false),
    )
    if (isWritten) sent += BATCH
    // Slowly enough for kills to fall among them.
    await pause(r.int(0, 20))
  }
}

/** What the topic itself holds: how many records of each user, and what they come to. */
async function topicTruth(): Promise<{ truth: Map<string, [number, number]>; ends: number[]; records: number }> {
  const truth = new Map<string, [number, number]>()
  const ends: number[] = []
  let records = 0
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const { begin, end } = await log.offsets(TOPIC, partition)
    ends.push(end)
    for (let offset = begin; offset < end; ) {
      const page = await log.read(TOPIC, partition, offset, 1_000)
      if (page === 'out_of_range') throw new Error(`${TOPIC}/${partition} moved while it was read`)
      for (const { value } of page.records) {
        const { uid, amount } = JSON.parse(new TextDecoder().decode(value as Uint8Array)) as {
          uid: string
          amount: number
        }
        const known = truth.get(uid) ?? [0, 0]
        truth.set(uid, [known[0] + 1, known[1] + amount])
        records++
      }
      offset = page.next
    }
  }
  return { truth, ends, records }
}

function expectEqual(values: readonly (readonly unknown[])[], truth: ReadonlyMap<string, readonly [number, number]>) {
  const wrong = USERS.flatMap((user, i) => {
    const [clicks, amount] = truth.get(user) ?? [0, null]
    const [seen, sum] = values[i] ?? []
    return seen === clicks && sum === amount
      ? []
      : [`${user}: ${String(seen)} clicks of ${String(sum)}, not ${clicks} of ${amount}`]
  })
  expect(wrong).toEqual([])
}

test(`${RECORDS} records over ${PARTITIONS} partitions are counted once each through ${KILLS} kills (seed ${SEED})`, {
  timeout: 1_800_000,
}, async () => {
  const r = random(SEED)
  const producing = produce(random(SEED + 1), RECORDS)
  let isDone = false
  void producing.then(() => {
    isDone = true
  })
  const killed = { workerd: 0, bridge: 0, broker: 0 }
  for (let kill = 0; kill < KILLS; kill++) {
    await pause(r.int(50, 1_500))
    const victim = r.next()
    if (victim < 0.6) {
      await east.kill()
      await pause(r.int(0, 100))
      await east.start()
      killed.workerd++
    } else if (victim < 0.85) {
      const port = Number(new URL(bridge.address).port)
      await bridge.kill()
      bridge = await startBridge(port)
      killed.bridge++
    } else {
      await kafka.kill()
      kafka = await startKafka({ dir: join(interopFolder(), 'killed-kafka') })
      killed.broker++
    }
  }
  await producing
  expect(isDone).toBe(true)
  const { truth, ends, records } = await topicTruth()
  expect(records).toBeGreaterThanOrEqual(RECORDS)
  await east.caughtUp('clicks', ends, 180_000)
  expectEqual(await east.values('clicked', USERS), truth)
  const partitions = await east.partitions('clicks')
  expect(partitions.map(({ phase, lag }) => `${phase} ${lag}`)).toEqual(partitions.map(() => 'running 0'))
  console.log(`${records} records in the topic; killed: ${JSON.stringify(killed)}`)
})

test('a partition handed to another region goes on there, and both together have every record once', {
  timeout: 300_000,
}, async () => {
  const r = random(SEED + 2)
  const before = await topicTruth()
  const producing = produce(r, sized(20_000, 4_000))
  await pause(300)
  for (const partition of [1, 4]) {
    const path = `/v1/sources/clicks/partitions/${TOPIC}/${partition}`
    const barrier = await east.call('POST', `${path}/hand-over`)
    await west.call('POST', `${path}/take-over`, barrier)
  }
  west.watch()
  await producing
  const { truth, ends } = await topicTruth()
  expect([...truth.values()].reduce((sum, [clicks]) => sum + clicks, 0)).toBeGreaterThan(
    [...before.truth.values()].reduce((sum, [clicks]) => sum + clicks, 0),
  )
  const moved = (p: number) => p === 1 || p === 4
  await east.caughtUp(
    'clicks',
    ends.map((end, p) => (moved(p) ? 0 : end)),
  )
  await west.caughtUp(
    'clicks',
    ends.map((end, p) => (moved(p) ? end : -1)),
  )
  const [inEast, inWest] = [await east.values('clicked', USERS), await west.values('clicked', USERS)]
  const both = USERS.map((_, i) => {
    const [a, b] = [inEast[i] ?? [], inWest[i] ?? []]
    const sum = Number(a[1] ?? 0) + Number(b[1] ?? 0)
    return [Number(a[0] ?? 0) + Number(b[0] ?? 0), sum === 0 ? null : sum]
  })
  expectEqual(both, truth)
  expect((await east.partitions('clicks')).filter(({ phase }) => phase === 'away').map((p) => p.partition)).toEqual([
    1, 4,
  ])
})

test('partitions that are added are followed', { timeout: 120_000 }, async () => {
  const before = await topicTruth()
  await log.grow(TOPIC, PARTITIONS + 2)
  const at = new Date().toISOString()
  const batch = USERS.map((uid) => ({ key: uid, value: JSON.stringify({ uid, amount: 1, at }) }))
  for (const partition of [PARTITIONS, PARTITIONS + 1]) await log.appendAll(TOPIC, partition, batch)
  const ends = [...before.ends, batch.length, batch.length]
  const isWest = (p: number) => p === 1 || p === 4
  await east.caughtUp(
    'clicks',
    ends.map((end, p) => (isWest(p) ? -1 : end)),
  )
  const [inEast, inWest] = [await east.values('clicked', USERS), await west.values('clicked', USERS)]
  const clicks = USERS.map((_, i) => Number(inEast[i]?.[0] ?? 0) + Number(inWest[i]?.[0] ?? 0))
  expect(clicks).toEqual(USERS.map((user) => (before.truth.get(user)?.[0] ?? 0) + 2))
})

test('a topic that is deleted and made again is counted from its beginning, on top of what was', {
  timeout: 300_000,
}, async () => {
  // Back to one region, so that its values are all there is.
  for (const partition of [1, 4]) {
    const path = `/v1/sources/clicks/partitions/${TOPIC}/${partition}`
    await east.call('POST', `${path}/take-over`, await west.call('POST', `${path}/hand-over`))
  }
  const first = await topicTruth()
  await east.caughtUp('clicks', first.ends)
  const before = await east.values('clicked', USERS)
  await log.remove(TOPIC)
  await log.create(TOPIC, PARTITIONS)
  await produce(random(SEED + 3), sized(20_000, 6_000))
  const second = await topicTruth()
  const deadline = Date.now() + 120_000
  for (;;) {
    const partitions = await east.partitions('clicks')
    if (partitions.every(({ offset, incarnation }, p) => incarnation === 1 && offset >= (second.ends[p] as number)))
      break
    if (Date.now() > deadline) throw new Error(`not caught up: ${JSON.stringify(partitions)}`)
    await pause(200)
  }
  const after = await east.values('clicked', USERS)
  const grown = new Map(
    USERS.map((user, i) => {
      const [clicks, amount] = second.truth.get(user) ?? [0, 0]
      const [had, sum] = before[i] ?? []
      return [user, [Number(had ?? 0) + clicks, Number(sum ?? 0) + amount] as const]
    }),
  )
  expectEqual(after, grown)
})
