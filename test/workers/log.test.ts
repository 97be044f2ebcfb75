import { env, reset } from 'cloudflare:test'
import { exports } from 'cloudflare:workers'
import { afterEach, expect, test } from 'vitest'
import { R2Objects, readManifest } from '../../src/offline/index.ts'
import { rowsOf } from '../support/log.ts'
import { flight, INGEST_ONLY, send, TOKEN } from './doors.ts'

afterEach(() => reset())

interface LogAnswer {
  readonly code?: string
  readonly shards?: readonly {
    readonly shard: string
    readonly seq: number
    readonly waitingBatches: number
    readonly rows: number
  }[]
}

async function log(path: string, method: string, token = TOKEN) {
  const headers = { authorization: `Bearer ${token}` }
  const response = await exports.default.fetch(`http://door/v1/log${path}`, { method, headers })
  return { status: response.status, body: (await response.json()) as LogAnswer }
}

test('what was accepted is in the bucket once the log was flushed, as files that others can read', async () => {
  const back = flight(2, 1, { destination: 'SEA', origin: 'LAX' })
  await send([flight(1, 0), back, back])
  const before = await log('', 'GET')
  expect(before.status).toBe(200)
  expect(before.body.shards?.some(({ waitingBatches }) => waitingBatches > 0)).toBe(true)
  const { status, body } = await log('/flush', 'POST')
  expect(status).toBe(200)
  expect(body.shards).toHaveLength(8)
  for (const shard of body.shards ?? []) expect(shard).toMatchObject({ waitingBatches: 0 })

  const objects = new R2Objects((env as { LOG: R2Bucket }).LOG)
  const manifests = await objects.list('log/manifests/')
  expect(manifests.length).toBeGreaterThan(1)
  const rows = []
  for (const { key } of manifests) {
    const stored = await objects.get(key)
    if (stored) rows.push(...(await rowsOf(objects, readManifest(stored.bytes, key))))
  }
  // Each flight counts for its origin, its destination and its route; what came twice is there once.
  expect(rows.map(({ key, id }) => `${id} ${key}`).sort()).toEqual(
    ['1 LAX', '1 SEA', '1 SEA,LAX', '2 LAX', '2 LAX,SEA', '2 SEA'].sort(),
  )
  // Nothing more the second time.
  const again = await log('/flush', 'POST')
  expect(again.body).toEqual(body)
})

test('reading how far it is needs the scope log, writing it log:write', async () => {
  expect(await log('', 'GET', INGEST_ONLY)).toMatchObject({ status: 403 })
  expect(await log('/flush', 'POST', INGEST_ONLY)).toMatchObject({ status: 403 })
})
