import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Bridge, startBridge } from '../../../scripts/kafka-http-bridge/server.ts'
import { captureOf } from '../../../scripts/source/capture.ts'
import { connectorOf } from '../../../scripts/source/connector.ts'
import { parseOptions } from '../../../scripts/source/options.ts'
import { random } from '../../support/random.ts'
import { app } from '../app/definitions.ts'
import { BrokerLog } from '../kafka/broker-log.ts'
import { connectPeer, kafkaPeer, postgresPeer } from '../peers.ts'
import { TestRegion } from '../region.ts'
import { serveHandler } from '../serve-handler.ts'
import { SEED, sized } from '../size.ts'
import { strimziEmulator } from '../strimzi-emulator.ts'
import { ShopDatabase, USERS } from './database.ts'

// Real rows of a real PostgreSQL, by the real Debezium and the real Kafka: features equal the same SQL.

const TOPIC = 'dbserver1.public.user_activity'
const PARTITIONS = 3
const CHANGES = sized(100_000, 5_000)
const SENTINEL = 'sentinel'

let log: BrokerLog
let bridge: Bridge
let emulator: { url: string; close(): Promise<void> }
let database: ShopDatabase
/** The same topic through our bridge, and through the Strimzi dialect. */
let regions: readonly TestRegion[]
let sentinels = 0

beforeAll(async () => {
  log = new BrokerLog(kafkaPeer())
  await log.create(TOPIC, PARTITIONS)
  bridge = await startBridge({ cluster: { brokers: [kafkaPeer()], clientId: 'bridge', connection: {} } })
  emulator = await serveHandler(strimziEmulator(log).handler)
  database = await ShopDatabase.create(postgresPeer(), 'shop')
  const kafka = (dialect: string, url: string) => ({ kafka: { default: { dialect, url } } })
  regions = [
    await TestRegion.start({ name: 'east', connections: kafka('upstash', bridge.url) }),
    await TestRegion.start({ name: 'east', connections: kafka('strimzi', emulator.url) }),
  ]
  for (const region of regions) region.watch()
})

afterAll(async () => {
  await fetch(`${connectPeer()}/connectors/shop`, { method: 'DELETE' }).catch(() => {})
  await Promise.all((regions ?? []).map((region) => region.stop()))
  await bridge?.close()
  await emulator?.close()
  await log?.close()
})

/** The connector that `npx tidemark source purchases --debezium` prints. */
async function connector(more: Readonly<Record<string, string>>): Promise<void> {
  const { host, port, name } = database
  const args = ['--host', host, '--port', port, '--database', name, '--user', 'postgres']
  const options = parseOptions(['purchases', '--debezium', ...args], {})
  const source = app.definitions.spec.sources.find((one) => one.name === options.source)
  if (source === undefined) throw new Error('the app has no purchases')
  const printed = connectorOf(captureOf(source, options), options)
  const config = { ...printed.config, 'database.password': 'none', ...more }
  const response = await fetch(`${connectPeer()}/connectors/shop/config`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(config),
  })
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
}

/** Waits until Debezium has written everything that is committed, and all regions have taken it. */
async function settled(): Promise<void> {
  const id = 1_000_000_000 + ++sentinels
  await database.run(`insert into user_activity values (${id}, '${SENTINEL}', 'view', null, ${sentinels}, null, now())`)
  const ends = await untilWritten(id)
  for (const region of regions) await region.caughtUp('purchases', ends, 120_000)
}

/** The ends of the partitions once the row of this id is in one of them. */
async function untilWritten(id: number): Promise<number[]> {
  const from = Array.from({ length: PARTITIONS }, () => 0)
  const deadline = Date.now() + 180_000
  while (Date.now() < deadline) {
    let isThere = false
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const page = await log.read(TOPIC, partition, from[partition] as number, 100)
      if (page === 'out_of_range') continue
      isThere ||= page.records.some(
        ({ value }) => value !== null && new TextDecoder().decode(value).includes(`"id":${id},`),
      )
      from[partition] = page.next
      if (isThere) return await Promise.all(from.map(async (_, p) => (await log.offsets(TOPIC, p)).end))
    }
  }
  throw new Error(`Debezium has not written row ${id}`)
}

async function expectEqual(): Promise<void> {
  const users = [...USERS, SENTINEL]
  const deadline = Date.now() + 60_000
  for (;;) {
    const expected = await database.features(users)
    const wrong = await Promise.all(
      regions.map(async (region) => {
        const values = await region.values('bought', users)
        return users.filter((_, i) => !isEqual(values[i] ?? [], expected[i] ?? []))
      }),
    )
    if (wrong.every((list) => list.length === 0)) return
    // What a table's shard has taken reaches the entities a moment later.
    if (Date.now() > deadline) {
      const [first = ''] = wrong.flat()
      const shown = await Promise.all(regions.map((region) => region.values('bought', [first])))
      expect({ wrong, user: first, got: shown }).toEqual({ user: first, expected: await database.features([first]) })
    }
    await pause(250)
  }
}

function isEqual([rows, spent, avg, products]: readonly unknown[], expected: readonly unknown[]): boolean {
  const close =
    avg === expected[2] || Math.abs(Number(avg) - Number(expected[2])) < 1e-9 * Math.max(1, Math.abs(Number(avg)))
  return rows === expected[0] && spent === expected[1] && close && products === expected[3]
}

test(`${CHANGES} changes of rows: features equal the same SQL (seed ${SEED})`, { timeout: 1_200_000 }, async () => {
  const r = random(SEED)
  // Rows that a snapshot reads.
  await database.change(r, Math.ceil(CHANGES / 20))
  await connector({})
  await database.change(r, Math.ceil(CHANGES / 4))
  await settled()
  await expectEqual()
  await database.run('alter table user_activity replica identity full')
  await database.change(r, Math.ceil(CHANGES / 4))
  await settled()
  await expectEqual()
  await database.run('alter table user_activity replica identity default')
  await database.change(r, Math.ceil((CHANGES * 9) / 20))
  await settled()
  await expectEqual()
})

test('a snapshot that is taken again counts nothing twice', { timeout: 300_000 }, async () => {
  const before = await Promise.all(Array.from({ length: PARTITIONS }, (_, p) => log.offsets(TOPIC, p)))
  await connector({ 'snapshot.mode': 'always' })
  // A row that is deleted before the new snapshot begins is in neither: nothing would tell of it. So only then:
  await settled()
  await expectEqual()
  await database.change(random(SEED + 1), 100)
  await settled()
  await expectEqual()
  const after = await Promise.all(Array.from({ length: PARTITIONS }, (_, p) => log.offsets(TOPIC, p)))
  const written = after.reduce((sum, { end }, p) => sum + end - (before[p]?.end ?? 0), 0)
  // All rows were read again: far more records than changes.
  expect(written).toBeGreaterThan(CHANGES / 10)
})

test('a workerd that is killed while changes flow loses none and doubles none', { timeout: 300_000 }, async () => {
  const r = random(SEED + 2)
  const changing = database.change(r, sized(10_000, 1_000))
  for (let kill = 0; kill < sized(10, 3); kill++) {
    await pause(r.int(100, 800))
    for (const region of regions) {
      await region.kill()
      await region.start()
    }
  }
  await changing
  await settled()
  await expectEqual()
})

test('a truncate takes out every row, whichever partition it came by', { timeout: 300_000 }, async () => {
  await database.run('truncate user_activity')
  await database.change(random(SEED + 3), 200)
  await settled()
  await expectEqual()
})
