import avsc from 'avsc'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Bridge, startBridge } from '../../../scripts/kafka-http-bridge/server.ts'
import { BrokerLog } from '../kafka/broker-log.ts'
import { apicurioPeer, kafkaPeer } from '../peers.ts'
import { type PartitionStatus, TestRegion } from '../region.ts'

// A real registry: a schema that narrows a field halts before its first record; after the contract is mended all counts are right.

const TOPIC = 'orders'
const REGISTRY = `${apicurioPeer()}/apis/ccompat/v7`
const NOW = Date.now()
const USERS = ['a', 'b', 'c']

let log: BrokerLog
let bridge: Bridge
let region: TestRegion

beforeAll(async () => {
  log = new BrokerLog(kafkaPeer())
  await log.create(TOPIC, 1)
  bridge = await startBridge({ cluster: { brokers: [kafkaPeer()], clientId: 'bridge', connection: {} } })
  const connections = {
    kafka: { default: { dialect: 'upstash', url: bridge.url } },
    registries: { default: { url: REGISTRY } },
  }
  region = await TestRegion.start({ name: 'east', connections })
  region.watch()
})

afterAll(async () => {
  await region?.stop()
  await bridge?.close()
  await log?.close()
})

const schema = (note: unknown, more: object[] = []) => ({
  type: 'record',
  name: 'Order',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'uid', type: 'string' },
    { name: 'amount', type: 'double' },
    { name: 'note', type: note, default: null },
    { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } },
    ...more,
  ],
})

async function register(value: object): Promise<number> {
  const response = await fetch(`${REGISTRY}/subjects/${TOPIC}-value/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schema: JSON.stringify(value) }),
  })
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
  return ((await response.json()) as { id: number }).id
}

async function append(id: number, of: object, records: readonly object[]): Promise<void> {
  const type = avsc.Type.forSchema(of as avsc.Schema)
  for (const record of records) {
    const body = type.toBuffer(record)
    const value = new Uint8Array(5 + body.length)
    new DataView(value.buffer).setUint32(1, id)
    value.set(body, 5)
    await log.append(TOPIC, 0, { key: null, value, headers: [], timestampMs: NOW })
  }
}

const order = (n: number, note: unknown) => ({ id: `o${n}`, uid: USERS[n % 3], amount: 1, note, at: NOW, coupon: null })

async function status(): Promise<PartitionStatus | undefined> {
  return (await region.partitions('orders'))[0]
}

async function until(what: (now: PartitionStatus | undefined) => boolean): Promise<void> {
  const deadline = Date.now() + 30_000
  while (!what(await status())) {
    if (Date.now() > deadline) throw new Error(JSON.stringify(await status()))
    await new Promise((next) => setTimeout(next, 100))
  }
}

test('a schema that adds a field goes on; one that changes a type halts; the mended contract takes everything', async () => {
  const first = schema(['null', 'double'])
  const second = schema(['null', 'double'], [{ name: 'coupon', type: ['null', 'string'], default: null }])
  const third = schema(['null', 'string'])
  await append(await register(first), first, [order(0, 1), order(1, null)])
  await append(await register(second), second, [order(2, 2)])
  await append(await register(third), third, [order(3, 'three'), order(4, null), order(5, 'five')])
  await until((now) => now?.phase === 'halted')
  const halted = await status()
  expect(halted?.offset).toBe(3)
  expect(halted?.halt?.reason).toBe('schema')
  expect(halted?.halt?.message).toContain('orders-value version 3')
  expect(halted?.halt?.message).toMatch(/note: the contract has .*, the schema has .*string/)
  expect(halted?.halt?.message).toContain('npx tidemark sources resume orders --partition orders/0')
  expect(await region.values('ordered', USERS)).toEqual([
    [1, 1],
    [1, 1],
    [1, 1],
  ])

  // The deploy of a contract that says `note` is a text; then the one command.
  await region.kill()
  await region.start('app-mended')
  await region.call('POST', '/v1/sources/orders/partitions/orders/0/resume', {})
  await until((now) => now?.offset === 6)
  expect(await region.values('ordered', USERS)).toEqual([
    [2, 2],
    [2, 2],
    [2, 2],
  ])
  expect(await region.call('GET', '/v1/dead-letters?source=orders')).toMatchObject({ count: 0 })
})
