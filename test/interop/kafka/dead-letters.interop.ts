import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Bridge, startBridge } from '../../../scripts/kafka-http-bridge/server.ts'
import { random } from '../../support/random.ts'
import { kafkaPeer } from '../peers.ts'
import { TestRegion } from '../region.ts'
import { SEED, sized } from '../size.ts'
import { BrokerLog } from './broker-log.ts'

// Bad records among good ones, and a process that dies between a position and a dead letter: nothing is lost, nothing doubled.

const TOPIC = 'clicks'
const PARTITIONS = 4
const GOOD = sized(100_000, 10_000)
const BAD = GOOD / 100
const KILLS = sized(20, 5)
const USERS = Array.from({ length: 100 }, (_, i) => `d${i}`)

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
  })
  region.watch()
})

afterAll(async () => {
  await region?.stop()
  await bridge?.close()
  await log?.close()
})

interface Letters {
  readonly count: number
  readonly byReason: Readonly<Record<string, number>>
}
interface Replay {
  readonly replayed: number
  readonly duplicates: number
  readonly refusedAgain: number
  readonly next?: string
}

const letters = () => region.call<Letters>('GET', '/v1/dead-letters?source=clicks&limit=0')

async function replayAll(): Promise<Omit<Replay, 'next'>> {
  const sum = { replayed: 0, duplicates: 0, refusedAgain: 0 }
  for (let cursor: string | undefined, isFirst = true; isFirst || cursor !== undefined; isFirst = false) {
    const part: Replay = await region.call('POST', '/v1/dead-letters/replay', {
      source: 'clicks',
      ...(cursor !== undefined && { cursor }),
    })
    sum.replayed += part.replayed
    sum.duplicates += part.duplicates
    sum.refusedAgain += part.refusedAgain
    cursor = part.next
  }
  return sum
}

test(`${BAD} bad among ${GOOD} good records, ${KILLS} kills: all good are counted, all bad are letters, and a mended contract counts each once (seed ${SEED})`, {
  timeout: 900_000,
}, async () => {
  const r = random(SEED)
  const good = new Map<string, [number, number]>()
  const bad = new Map<string, [number, number]>()
  const add = (truth: Map<string, [number, number]>, uid: string, amount: number) => {
    const [clicks, sum] = truth.get(uid) ?? [0, 0]
    truth.set(uid, [clicks + 1, sum + amount])
  }
  const at = new Date().toISOString()
  const values = [
    ...Array.from({ length: GOOD }, () => ({ uid: r.pick(USERS), amount: r.int(0, 9) })),
    ...Array.from({ length: BAD }, () => ({ uid: r.pick(USERS), amount: -r.int(1, 9) })),
  ]
  for (let i = values.length - 1; i > 0; i--) {
    const j = r.int(0, i)
    const [a, b] = [values[i], values[j]]
    if (a && b) [values[i], values[j]] = [b, a]
  }
  for (const { uid, amount } of values) add(amount < 0 ? bad : good, uid, amount)
  let isProduced = false
  const producing = (async () => {
    for (let from = 0; from < values.length; from += 200) {
      const batch = values
        .slice(from, from + 200)
        .map((value) => ({ key: value.uid, value: JSON.stringify({ ...value, at }) }))
      await log.appendAll(TOPIC, r.int(0, PARTITIONS - 1), batch)
      await pause(5)
    }
    isProduced = true
  })()
  for (let kill = 0; kill < KILLS; kill++) {
    await pause(100 + 400 * Math.random())
    await region.kill()
    await region.start()
  }
  await producing
  expect(isProduced).toBe(true)
  const ends = await Promise.all(Array.from({ length: PARTITIONS }, async (_, p) => (await log.offsets(TOPIC, p)).end))
  await region.caughtUp('clicks', ends, 120_000)
  const expected = (truths: readonly Map<string, [number, number]>[]) =>
    USERS.map((user) => {
      const sums = truths.map((truth) => truth.get(user) ?? [0, 0])
      return [
        sums.reduce((sum, [clicks = 0]) => sum + clicks, 0),
        sums.reduce((sum, [, amount = 0]) => sum + amount, 0),
      ]
    })
  expect(await region.values('clicked', USERS)).toEqual(expected([good]))
  // The last of them leave their shards a moment later.
  for (let tries = 0; (await letters()).count < BAD && tries < 100; tries++) await pause(100)
  expect(await letters()).toMatchObject({ count: BAD, byReason: { out_of_range: BAD } })
  // Without a mend each stays, and counts nothing.
  expect(await replayAll()).toEqual({ replayed: 0, duplicates: 0, refusedAgain: BAD })
  expect(await region.values('clicked', USERS)).toEqual(expected([good]))

  await region.kill()
  await region.start('app-mended')
  expect(await replayAll()).toEqual({ replayed: BAD, duplicates: 0, refusedAgain: 0 })
  expect(await region.values('clicked', USERS)).toEqual(expected([good, bad]))
  expect(await letters()).toMatchObject({ count: 0 })
  expect(await replayAll()).toEqual({ replayed: 0, duplicates: 0, refusedAgain: 0 })
  expect(await region.values('clicked', USERS)).toEqual(expected([good, bad]))
})
