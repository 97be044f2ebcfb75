import { reset } from 'cloudflare:test'
import { env, exports } from 'cloudflare:workers'
import { afterEach, expect, test } from 'vitest'
import type { EpochStatus } from '../../durable-objects/opening.ts'
import { shardOf } from '../../src/plan/index.ts'
import { flight, INGEST_ONLY, send, TOKEN } from './doors.ts'

afterEach(() => reset())

async function epochs(path = '', method = 'GET', token: string | null = TOKEN) {
  const headers = token === null ? {} : { authorization: `Bearer ${token}` }
  const response = await exports.default.fetch(`http://door/v1/epochs${path}`, { method, headers })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

test('a region says which epochs it knows, and how the shards of each stand', async () => {
  await send([flight(1, 0), flight(2, 1)])
  expect(await epochs()).toMatchObject({
    status: 200,
    body: { region: 'local', current: { epoch: 0, entities: { airport: 4, route: 4 } }, next: null, previous: null },
  })
  const { body } = await epochs('/0/entity/airport')
  const shards = body.shards as EpochStatus[]
  expect(shards.map(({ state }) => state)).toEqual(['open', 'open', 'open', 'open'])
  expect(shards.reduce((sum, { entities }) => sum + entities, 0)).toBe(2)
})

test.each([
  ['', null, 401, 'no_token'],
  ['', INGEST_ONLY, 403, 'scope_missing'],
  ['/7/entity/airport', TOKEN, 404, 'unknown_epoch'],
  ['/0/entity/airprt', TOKEN, 404, 'unknown_entity'],
  ['/0/planet/airport', TOKEN, 404, 'unknown_kind'],
])('GET %s by %s is refused', async (path, token, status, code) => {
  expect(await epochs(path, 'GET', token)).toMatchObject({ status, body: { code } })
})

test('a shard of the first epoch has nobody to take over from', async () => {
  expect(await epochs('/0/entity/airport/3/open', 'POST')).toMatchObject({
    body: { done: true, status: { state: 'open' } },
  })
  expect(await epochs('/0/entity/airport/4/open', 'POST')).toMatchObject({
    status: 404,
    body: { code: 'unknown_shard' },
  })
})

const SEA = shardOf('SEA', 4)
const parent = () => env.SHARDS.getByName(`local/airport/0/4/${SEA}`)

test('a door of the old epoch is told to come again, and what it sends is not lost', async () => {
  await send([flight(1, 0)])
  await parent().handOverSeal({ epoch: 1, shards: 8, shard: SEA })
  const refused = await send([flight(2, 1)])
  expect(refused).toMatchObject({ status: 503, body: { code: 'sealed' } })
  expect(refused.body.detail).toContain('taken over by epoch 1')
})

test('a shard that was restored hands over under another name, so that children which copied it before begin anew', async () => {
  await send([flight(1, 0)])
  expect((await parent().handOverHead()).lineage).toBeUndefined()
  await parent().restored('then')
  expect((await parent().handOverHead()).lineage).toBe('then')
  await parent().restored('then again')
  expect((await parent().handOverSeal({ epoch: 1, shards: 8, shard: SEA })).lineage).toBe('then again')
})
