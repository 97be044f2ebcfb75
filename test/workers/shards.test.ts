import { reset } from 'cloudflare:test'
import { exports } from 'cloudflare:workers'
import { afterEach, expect, test } from 'vitest'
import { planOf } from '../../durable-objects/app.ts'
import { app } from '../../workers/app.ts'
import { flight, INGEST_ONLY, send, TOKEN } from './doors.ts'

afterEach(() => reset())

async function shards(query = '', token: string | null = TOKEN) {
  const headers = token === null ? {} : { authorization: `Bearer ${token}` }
  const response = await exports.default.fetch(`http://door/v1/shards${query}`, { headers })
  return { status: response.status, body: (await response.json()) as { shards?: readonly object[]; code?: string } }
}

test('every shard tells the plan that it runs and its last commit', async () => {
  await send([flight(1, 0), flight(2, 1)])
  const { status, body } = await shards()
  expect(status).toBe(200)
  const { hash } = planOf(app)
  expect(body).toMatchObject({ region: 'local', plan: hash })
  expect(body.shards).toHaveLength(8)
  for (const shard of body.shards ?? [])
    expect(shard).toMatchObject({ kind: 'entity', epoch: 0, shards: 4, plan: hash, state: 'open' })
  const taken = (body.shards as { entity: string; seq: number }[]).filter(({ seq }) => seq > 0)
  expect(new Set(taken.map(({ entity }) => entity))).toEqual(new Set(['airport', 'route']))
})

test('only for the scope admin, and from where an answer ended', async () => {
  expect(await shards('', null)).toMatchObject({ status: 401 })
  expect(await shards('', INGEST_ONLY)).toMatchObject({ status: 403 })
  expect((await shards('?cursor=6')).body.shards).toHaveLength(2)
  expect(await shards('?cursor=-1')).toMatchObject({ status: 400, body: { code: 'bad_cursor' } })
})

test('a restore is for a time of the past, and takes nothing back unless all can go there', async () => {
  await send([flight(1, 0)])
  const restore = async (body: string, token = TOKEN) => {
    const headers = { authorization: `Bearer ${token}` }
    const response = await exports.default.fetch('http://door/v1/shards/restore', { method: 'POST', headers, body })
    return { status: response.status, body: await response.json() }
  }
  expect(await restore('{}', INGEST_ONLY)).toMatchObject({ status: 403 })
  for (const body of ['', '{}', '{"at": 5}', '{"at": "2999-01-01T00:00:00Z"}'])
    expect(await restore(body)).toMatchObject({ status: 400, body: { code: 'bad_time' } })
  // Only Cloudflare keeps what was: workerd here has one state of each object.
  expect(await restore('{"at": "2026-01-01T00:00:00Z"}')).toMatchObject({
    status: 409,
    body: { code: 'not_restorable', detail: expect.stringContaining('does not implement point-in-time recovery') },
  })
  expect((await shards()).body.shards).toContainEqual(expect.objectContaining({ entity: 'airport', seq: 1 }))
})
