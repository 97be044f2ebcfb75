import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startDebeziumServer } from '../../../scripts/peers/debezium-server.ts'
import type { Peer } from '../../../scripts/peers/process.ts'
import { random } from '../../support/random.ts'
import { interopFolder, postgresPeer } from '../peers.ts'
import { TestRegion } from '../region.ts'
import { SEED, sized } from '../size.ts'
import { ShopDatabase, USERS } from './database.ts'

// Without Kafka: Debezium Server posts changes to the webhook, signed. Its position is the place in the log.

const SECRET = Buffer.from('a secret of the tests, 32 bytes.').toString('base64')
const CHANGES = sized(5_000, 1_000)

let database: ShopDatabase
let region: TestRegion
let server: Peer

beforeAll(async () => {
  database = await ShopDatabase.create(postgresPeer(), 'served')
  region = await TestRegion.start({ name: 'east', connections: { webhooks: { purchases: [`whsec_${SECRET}`] } } })
  await database.change(random(SEED), 200)
  server = await start()
})

afterAll(async () => {
  await server?.stop()
  await region?.stop()
})

async function start(): Promise<Peer> {
  return await startDebeziumServer({
    dir: join(interopFolder(), 'debezium-server'),
    properties: {
      'debezium.source.connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
      'debezium.source.database.hostname': database.host,
      'debezium.source.database.port': database.port,
      'debezium.source.database.user': 'postgres',
      'debezium.source.database.password': 'none',
      'debezium.source.database.dbname': database.name,
      'debezium.source.topic.prefix': 'dbserver1',
      'debezium.source.table.include.list': 'public.user_activity',
      'debezium.source.plugin.name': 'pgoutput',
      'debezium.source.slot.name': 'served',
      'debezium.source.publication.name': 'served',
      'debezium.source.skipped.operations': 'none',
      'debezium.source.tombstones.on.delete': 'false',
      'debezium.format.value': 'json',
      'debezium.format.value.schemas.enable': 'false',
      'debezium.sink.type': 'http',
      'debezium.sink.http.url': `${region.ingestUrl}/v1/sources/purchases/events`,
      'debezium.sink.http.batch.enabled': 'true',
      'debezium.sink.http.authentication.type': 'standard-webhooks',
      'debezium.sink.http.authentication.webhook.secret': `whsec_${SECRET}`,
    },
  })
}

async function untilEqual(): Promise<void> {
  const deadline = Date.now() + 120_000
  for (;;) {
    const expected = await database.features(USERS)
    const values = await region.values('bought', USERS)
    const wrong = USERS.filter(
      (_, i) =>
        values[i]?.[0] !== expected[i]?.[0] ||
        values[i]?.[1] !== expected[i]?.[1] ||
        values[i]?.[3] !== expected[i]?.[3],
    )
    if (wrong.length === 0) return
    if (Date.now() > deadline) expect(wrong).toEqual([])
    await pause(500)
  }
}

test('rows by the HTTP sink, signed, with the process and ours killed between: features equal the same SQL', {
  timeout: 600_000,
}, async () => {
  await untilEqual()
  const changing = database.change(random(SEED + 1), CHANGES)
  for (let kill = 0; kill < 3; kill++) {
    await pause(500)
    await region.kill()
    await region.start()
    // It gives up after five failed posts, and goes on at the failed one when it is started again.
    await server.kill()
    server = await start()
  }
  await changing
  await untilEqual()
})
