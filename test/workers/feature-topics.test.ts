import { reset, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { definitions as collect, featureTopic } from 'tidemark'
import { afterEach, expect, test, vi } from 'vitest'
import { featureShardOf } from '../../durable-objects/feature-shard.ts'
import { airportDepartures } from '../../features/airport-departures.ts'
import { delayRisk } from '../../features/services.ts'
import { encodeKey } from '../../src/contract/index.ts'
import { Plan, shardOf } from '../../src/plan/index.ts'
import type { TopicMessage } from '../../src/publish/index.ts'
import { MESSAGE_VERSION } from '../../src/shard/index.ts'
import { app } from '../../workers/app.ts'
import { flight } from './doors.ts'

afterEach(async () => {
  vi.unstubAllGlobals()
  await reset()
})

const definitions = collect({
  services: [delayRisk],
  topics: [featureTopic('airports', { views: [airportDepartures], topic: 'features.airport', flush: '100ms' })],
})
const plan = new Plan(definitions.spec)
const CONNECTIONS = JSON.stringify({ kafka: { default: { dialect: 'upstash', url: 'http://kafka.example' } } })

/** A Kafka over HTTP, whose first answers are failures. */
function kafka(failures: number) {
  const records: TopicMessage[] = []
  let requests = 0
  vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
    expect(url).toBe('http://kafka.example/produce')
    if (++requests <= failures) return new Response('down', { status: 503 })
    const sent = JSON.parse(String(init.body)) as { readonly value: string }[]
    for (const { value } of sent) records.push(JSON.parse(value) as TopicMessage)
    return Response.json(sent.map((_, offset) => ({ topic: 'features.airport', partition: 0, offset })))
  })
  return { records, requests: () => requests }
}

/** The shard of an app with a topic, in the object of the one without. */
async function inShard<T>(
  work: (shard: InstanceType<ReturnType<typeof shardClass>>, state: DurableObjectState) => Promise<T>,
) {
  const home = shardOf(encodeKey(['SEA'], ['string']), 4)
  const stub = env.SHARDS.getByName(`local/airport/0/4/${home}`)
  return await runInDurableObject(stub, (_shard, state) => {
    const Shard = shardClass()
    return work(new Shard(state, { ...env, CONNECTIONS }), state)
  })
}
const shardClass = () => featureShardOf({ definitions, regions: app.regions })

const batch = (...ids: number[]) => ({
  version: MESSAGE_VERSION,
  plan: plan.hash,
  source: 'flights',
  arrivalMs: Date.now(),
  events: JSON.stringify(ids.map((id) => flight(id, id))),
  fanout: '1'.repeat(ids.length),
})

test('changes leave by the alarm, and the object says what waits', async () => {
  const { records } = kafka(0)
  await inShard(async (shard, state) => {
    shard.apply(batch(1, 2))
    shard.apply(batch(3))
    expect(shard.stats().topics).toMatchObject([{ topic: 'airports', rows: 2, problem: null, sweeping: false }])
    await expect.poll(() => state.storage.getAlarm()).not.toBeNull()
    await new Promise((next) => setTimeout(next, 150))
    await shard.alarm()
    await expect.poll(() => shard.stats().topics).toMatchObject([{ rows: 0, oldestMs: null }])
    // An alarm is there only while something waits: the log's, and none once that has left.
    await expect.poll(() => state.storage.getAlarm()).not.toBeNull()
    await shard.flushLog()
    await expect.poll(() => state.storage.getAlarm()).toBeNull()
  })
  expect(records).toMatchObject([
    {
      key: { airport: 'SEA' },
      version: { region: 'local', seq: 3 },
      features: { 'airport_departures.departures_ever': 3 },
    },
  ])
})

test('while the cluster is down changes wait, through a new object too, and then leave', async () => {
  const { records, requests } = kafka(1)
  await inShard(async (shard, state) => {
    shard.apply(batch(1))
    await new Promise((next) => setTimeout(next, 150))
    await shard.alarm()
    await expect.poll(() => shard.stats().topics[0]?.problem).toContain('503')
    expect(requests()).toBe(1)
    // It waits for the alarm, whatever else comes.
    shard.apply(batch(2))
    await new Promise((next) => setTimeout(next, 150))
    expect(requests()).toBe(1)
    expect(await state.storage.getAlarm()).toBeGreaterThan(Date.now())
  })
  await inShard(async (shard) => {
    expect(shard.stats().topics).toMatchObject([{ rows: 2 }])
    await new Promise((next) => setTimeout(next, 150))
    await shard.alarm()
    // They stay until nothing that was sent before can arrive.
    await expect.poll(() => shard.stats().topics).toMatchObject([{ rows: 2, oldestMs: null, problem: null }])
  })
  expect(records).toMatchObject([{ version: { seq: 2 }, features: { 'airport_departures.departures_ever': 2 } }])
})
