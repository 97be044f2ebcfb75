import { reset } from 'cloudflare:test'
import { afterEach, expect, test } from 'vitest'
import { at, flight, get, INGEST_ONLY, read, rpcGet, SEA_LAX, send } from './doors.ts'

afterEach(() => reset())

const good = { service: 'delay_risk', entities: [SEA_LAX], at: at(10) }

test('a vector has a value, a status and an exactness for every feature, and an unknown entity is missing', async () => {
  await send([flight(1, 0, { delay: 20 }), flight(2, 5)])
  const { status, headers, body } = await read({
    ...good,
    entities: [SEA_LAX, { airport: 'NO', origin: 'NO', destination: 'NO' }],
  })
  expect(status).toBe(200)
  expect(headers.get('content-type')).toBe('application/json')
  const [known, unknown] = body.rows ?? []
  const place = (name: string) => body.features?.indexOf(name) ?? -1
  for (const list of [known?.values, known?.status, known?.exact]) expect(list).toHaveLength(body.features?.length ?? 0)
  expect(known?.values[place('airport_departures.departures_1h')]).toBe(2)
  expect(known?.values[place('airport_departures.delay_avg_1h')]).toBe(10)
  expect(known?.values[place('route_history.route_late_share_ever')]).toBe(0.5)
  expect(known?.status[place('airport_inbound.inbound_1h')]).toBe('empty')
  expect(unknown?.values[place('airport_departures.departures_1h')]).toBe(0)
  expect(new Set(unknown?.status)).toEqual(new Set(['missing']))
})

test('a browser gets the same with keys in the query', async () => {
  await send([flight(1, 0)])
  const { status, body } = await get(`/v1/features/delay_risk?airport=SEA&origin=SEA&destination=LAX&at=${at(10)}`)
  expect(status).toBe(200)
  expect(body).toEqual((await read(good)).body)
})

test('RPC gives typed objects, and says what was wrong in an error', async () => {
  await send([flight(1, 0)])
  const { at: t, rows } = await rpcGet('delay_risk', [SEA_LAX], { at: at(10), metadata: true })
  expect(t).toBe(new Date(at(10)).toISOString())
  expect(rows[0]?.features).toMatchObject({ departures_1h: 1, last_destination: 'LAX', route_last_delay: 0 })
  expect(rows[0]?.metadata?.status).toMatchObject({ departures_1h: 'present', inbound_1h: 'empty' })
  await expect(rpcGet('delay_rsk', [SEA_LAX])).rejects.toThrow('Did you mean "delay_risk"?')
  await expect(rpcGet('delay_risk', [{}])).rejects.toThrow('entities[0]')
})

test('a time older than what is kept is 400 at_too_old and names the oldest, never a wrong value', async () => {
  await send([flight(1, 3 * 24 * 60)])
  const oldest = at(2 * 24 * 60)
  expect((await read({ ...good, at: oldest })).status).toBe(200)
  const { status, body } = await read({ ...good, at: Date.parse(oldest) - 1 })
  expect({ status, code: body.code }).toEqual({ status: 400, code: 'at_too_old' })
  expect(body.detail).toContain(oldest)
})

test('a commit that is not there yet is 503 with Retry-After', async () => {
  const { body } = await send([flight(1, 0)])
  const ahead = body.commits?.map((commit) => commit.replace(/\d+$/, '99'))
  const { status, headers, body: problem } = await read({ ...good, after: ahead })
  expect({ status, code: problem.code, again: headers.get('retry-after') }).toEqual({
    status: 503,
    code: 'commit_not_seen',
    again: '1',
  })
  expect((await read({ ...good, after: body.commits })).status).toBe(200)
})

test('1,000 rows in one request are answered; 100,000 entities are 413, whether counted in rows or in bytes', async () => {
  const rows = (n: number) => Array.from({ length: n }, () => SEA_LAX)
  expect((await read({ ...good, entities: rows(1_000) })).body.rows).toHaveLength(1_000)
  expect(await read({ ...good, entities: rows(1_001) })).toMatchObject({ status: 413, body: { code: 'too_many_rows' } })
  expect(await read({ ...good, entities: rows(100_000) })).toMatchObject({
    status: 413,
    body: { code: 'body_too_large' },
  })
  expect(await read({ ...good, entities: new Array(100_000).fill(0) })).toMatchObject({
    status: 413,
    body: { code: 'too_many_rows' },
  })
})

test.each([
  ['{', 400, 'bad_json'],
  ['5', 400, 'bad_request'],
  [{ ...good, service: 'delay_rsk' }, 404, 'unknown_service'],
  [{ ...good, service: undefined, features: ['airport_departures.departures_1hour'] }, 404, 'unknown_feature'],
  [{ ...good, entities: [] }, 400, 'bad_entities'],
  [{ ...good, entities: [{ airport: 'SEA' }] }, 400, 'missing_key'],
  [{ ...good, entities: [{ ...SEA_LAX, airport: 5 }] }, 400, 'wrong_type'],
  [{ ...good, at: 'noon' }, 400, 'bad_at'],
  [{ ...good, at: 9e15 }, 400, 'bad_at'],
  [{ ...good, after: ['nowhere'] }, 400, 'bad_after'],
] as [string | object, number, string][])('%j is %i %s', async (body, status, code) => {
  expect(await read(body)).toMatchObject({ status, body: { code } })
})

test('reading needs a token that may read', async () => {
  expect((await read(good, null)).status).toBe(401)
  expect((await read(good, 'wrong')).status).toBe(401)
  expect((await read(good, INGEST_ONLY)).status).toBe(403)
  expect((await get('/v1/features/delay_risk?airport=SEA', null)).status).toBe(401)
})
