import { afterAll, beforeAll, expect, test } from 'vitest'
import { MESSAGE_VERSION, parseReadAnswer, writeRead } from '../../../src/shard/index.ts'
import { TestRegions } from './regions.ts'

let regions: TestRegions

beforeAll(async () => {
  regions = await TestRegions.start({ names: ['east', 'west'] })
})

afterAll(async () => {
  await regions.stop()
})

test('a region answers reads of its shards at a door that has an entrypoint of its own', async () => {
  const east = regions.region('east')
  const { plan } = await east.call<{ plan: string }>('GET', '/health', undefined, east.doorUrl)
  const message = { version: MESSAGE_VERSION, plan, t: Date.now(), keys: ['nobody'], run: 'click_stats.count' }
  const read = await fetch(`${east.doorUrl}/shards/user/1/read`, { method: 'POST', body: writeRead(message) })
  expect(parseReadAnswer(await read.text())).toMatchObject({ seq: 0, rows: [{ statuses: 'm' }] })
  // What faces the internet has no such route.
  expect((await fetch(`${east.ingestUrl}/shards/user/1/read`, { method: 'POST' })).status).toBe(404)
})

test('a shard, an entity and an epoch that are not there are named', async () => {
  const { doorUrl } = regions.region('east')
  const ask = async (path: string) => (await fetch(`${doorUrl}${path}`, { method: 'POST', body: '{}' })).json()
  expect(await ask('/shards/user/7/read')).toMatchObject({ code: 'unknown_shard' })
  expect(await ask('/shards/usr/0/read')).toMatchObject({ code: 'unknown_plan' })
  expect(await ask('/shards/user/0/read?epoch=9')).toMatchObject({ code: 'unknown_epoch' })
})
