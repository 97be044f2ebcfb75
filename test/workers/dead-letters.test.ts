import { evictAllDurableObjects, reset, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env, exports } from 'cloudflare:workers'
import { afterEach, describe, expect, test } from 'vitest'
import { type DeadLetter, deadLetter } from '../../src/dead-letters/index.ts'
import { deadLetters, flight, INGEST_ONLY, send, TOKEN, values } from './doors.ts'

afterEach(() => reset())

const stub = () => env.DEAD_LETTERS.getByName('local/flights')
const letter = (payload: string, by: string, fanout: number, change: Partial<DeadLetter> = {}): DeadLetter => ({
  ...deadLetter({ source: 'flights', reason: 'too_late', message: 'too late', arrivalMs: 1, by, fanout }, payload),
  ...change,
})

test('an event that went to two shards is listed once, when both refused it, and not while one may have taken it', async () => {
  await stub().add([letter('both', 'airport/0/1', 2), letter('one', 'airport/0/1', 2)])
  expect(await stub().list({ limit: 10 })).toMatchObject({ count: 0, letters: [] })
  await stub().add([letter('both', 'route/0/3', 2)])
  const { count, letters } = await stub().list({ limit: 10 })
  expect(count).toBe(1)
  expect(letters).toMatchObject([{ payload: 'both', by: ['airport/0/1', 'route/0/3'], times: 1 }])
})

test('the same letter again is counted, not listed again: a shard that sends twice, a sender that tries again', async () => {
  const once = [letter('x', 'airport/0/1', 1), letter('y', 'door', 1, { reason: 'bad_json' })]
  await stub().add(once)
  await stub().add(once)
  const { count, byReason, letters } = await stub().list({ limit: 10 })
  expect({ count, byReason }).toEqual({ count: 2, byReason: { bad_json: 1, too_late: 1 } })
  expect(letters.map(({ payload, times }) => [payload, times])).toEqual([
    ['y', 2],
    ['x', 2],
  ])
})

test('events that differ only behind the kept part of their payload are two letters', async () => {
  const cut = 'x'.repeat(65_536)
  await stub().add([letter(`${cut}one`, 'door', 1), letter(`${cut}two`, 'door', 1)])
  expect((await stub().list({ limit: 10 })).count).toBe(2)
})

test('the list is newest first, up to its limit, of one source or of all', async () => {
  for (let i = 0; i < 5; i++) await stub().add([letter(`p${i}`, 'door', 1, { arrivalMs: i })])
  const { body } = await deadLetters('?source=flights&limit=2')
  expect(body.count).toBe(5)
  expect(body.letters?.map(({ payload }) => payload)).toEqual(['p4', 'p3'])
  expect((await deadLetters('?limit=0')).body).toMatchObject({ count: 5, letters: [] })
  expect((await deadLetters('?source=flghts')).status).toBe(404)
  expect((await deadLetters('?limit=many')).status).toBe(400)
})

test('a refused flight is one letter though three shards looked at it', async () => {
  const wrong = { ...flight(1, 0, { origin: 'JFK', destination: 'SFO' }), delay: 'late' }
  await send([wrong, flight(2, 0)])
  await send([wrong])
  await expect.poll(async () => (await deadLetters()).body.letters?.[0]?.times).toBe(2)
  const { body } = await deadLetters()
  expect(body.count).toBe(1)
  expect(body.letters?.[0]?.payload).toBe(JSON.stringify(wrong))
})

const EVER = ['airport_departures.departures_ever']

async function ask(method: string, path: string, body?: unknown, token: string | null = TOKEN) {
  const response = await exports.default.fetch(`http://door/v1/dead-letters${path}`, {
    method,
    headers: token === null ? {} : { authorization: `Bearer ${token}` },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

/** A right flight that was refused by a contract of yesterday. */
const unjustly = (id: number, change: Partial<DeadLetter> = {}) =>
  letter(JSON.stringify(flight(id, id % 600)), 'door', 1, { reason: 'not_in_enum', field: 'origin', ...change })

describe('replay', () => {
  test('counts each letter once through the door of all events, and again is nothing', async () => {
    await stub().add(Array.from({ length: 120 }, (_, i) => unjustly(i)))
    await stub().add([letter('{"id":1}', 'door', 1), letter('{"id":', 'door', 1, { reason: 'bad_json' })])
    expect(await ask('POST', '/replay', { source: 'flights', reason: 'not_in_enum', limit: 50 })).toMatchObject({
      status: 200,
      body: { replayed: 50, duplicates: 0, remaining: 70, next: expect.stringMatching(/^50-122$/) },
    })
    const rest = await ask('POST', '/replay', { source: 'flights', cursor: '50-122' })
    expect(rest.body).toEqual({ replayed: 70, duplicates: 0, refusedAgain: 1, notReplayable: 1, remaining: 0 })
    expect(await values(EVER, 700)).toEqual([120])
    await expect.poll(async () => (await deadLetters()).body.byReason).toEqual({ bad_json: 1, missing_field: 1 })
    const again = await ask('POST', '/replay', { source: 'flights' })
    expect(again.body).toMatchObject({ replayed: 0, duplicates: 0, refusedAgain: 1 })
    expect((await stub().list({ limit: 0 })).totals).toEqual({
      kept: 122,
      replayed: 120,
      dropped: 0,
      expired: 0,
      overflowed: 0,
    })
  })

  test('ended between delivery and removal, the next one finds its letters counted', async () => {
    await stub().add([unjustly(1), unjustly(2)])
    await runInDurableObject(stub(), (_letters, state) => {
      state.storage.sql.exec(
        `CREATE TRIGGER full BEFORE DELETE ON dead_letter BEGIN SELECT RAISE(ABORT, 'disk full'); END`,
      )
    })
    expect((await ask('POST', '/replay', { source: 'flights' })).status).toBe(503)
    expect(await values(EVER, 10)).toEqual([2])
    await runInDurableObject(stub(), (_letters, state) => {
      state.storage.sql.exec('DROP TRIGGER full')
    })
    expect((await ask('POST', '/replay', { source: 'flights' })).body).toMatchObject({ replayed: 0, duplicates: 2 })
    expect(await values(EVER, 10)).toEqual([2])
    expect((await deadLetters()).body.count).toBe(0)
  })

  test('a conflict stays refused, with the same letter', async () => {
    await send(flight(1, 0))
    await send(flight(1, 0, { delay: 5 }))
    await expect.poll(async () => (await deadLetters()).body.count).toBe(1)
    expect((await ask('POST', '/replay', { source: 'flights' })).body).toMatchObject({ replayed: 0, refusedAgain: 1 })
    await expect.poll(async () => (await deadLetters()).body.letters?.[0]?.times).toBe(2)
    expect((await deadLetters()).body.count).toBe(1)
    expect(await values(EVER, 10)).toEqual([1])
  })
})

describe('looking', () => {
  test('by reason, field and time, a page at a time, with counts over everything', async () => {
    await stub().add([1, 2, 3, 4].map((id) => unjustly(id, { reason: id === 4 ? 'too_late' : 'not_in_enum' })))
    const first = await ask('GET', '?source=flights&reason=not_in_enum&limit=2')
    expect(first.body).toMatchObject({ count: 4, matching: 3, byReason: { not_in_enum: 3, too_late: 1 } })
    const second = await ask('GET', `?source=flights&reason=not_in_enum&limit=2&cursor=${String(first.body.next)}`)
    expect(second.body.letters).toHaveLength(1)
    expect(second.body.next).toBeUndefined()
    expect((await ask('GET', '?field=delay')).body).toMatchObject({ matching: 0, count: 4 })
    expect((await ask('GET', '?until=2001-01-01T00:00:00Z')).body).toMatchObject({ matching: 0, count: 4 })
  })

  test('one letter is shown with all that is kept of it', async () => {
    const payload = JSON.stringify({ pad: 'x'.repeat(5_000) })
    await stub().add([letter(payload, 'door', 1)])
    const [listed] = (await ask('GET', '')).body.letters as { id: string; payload: string }[]
    expect(listed?.payload).toHaveLength(1_024)
    expect((await ask('GET', `/${listed?.id}`)).body).toMatchObject({ payload, replayable: true })
    expect(await ask('GET', '/0123')).toMatchObject({ status: 404, body: { code: 'unknown_letter' } })
  })
})

describe('dropping', () => {
  test('one by its id, many by their filter and their number', async () => {
    await stub().add([1, 2, 3, 4].map((id) => unjustly(id)))
    const [one] = (await ask('GET', '')).body.letters as { id: string }[]
    expect(await ask('DELETE', `/${one?.id}`)).toMatchObject({ status: 200, body: { dropped: 1 } })
    expect((await ask('DELETE', `/${one?.id}`)).status).toBe(404)
    expect(await ask('DELETE', '?source=flights')).toMatchObject({ status: 400, body: { code: 'missing_confirm' } })
    expect(await ask('DELETE', '?confirm=3')).toMatchObject({ status: 400, body: { code: 'missing_source' } })
    expect(await ask('DELETE', '?source=flights&confirm=4')).toMatchObject({
      status: 409,
      body: { code: 'other_count', count: 3 },
    })
    expect((await ask('DELETE', '?source=flights&reason=too_late&confirm=0')).body).toEqual({
      dropped: 0,
      remaining: 0,
    })
    expect((await ask('DELETE', '?source=flights&confirm=3')).body).toEqual({ dropped: 3, remaining: 0 })
    expect((await deadLetters()).body.count).toBe(0)
  })
})

test.each([
  ['GET', '?limit=1001', undefined, 'bad_limit'],
  ['GET', '?since=yesterday', undefined, 'bad_time'],
  ['GET', '?cursor=5', undefined, 'bad_cursor'],
  ['GET', '?resaon=too_late', undefined, 'unknown_parameter'],
  ['POST', '/replay', '{', 'bad_json'],
  ['POST', '/replay', '[]', 'bad_request'],
  ['POST', '/replay', {}, 'missing_source'],
  ['POST', '/replay', { source: 'flights', ids: 'all' }, 'bad_ids'],
  ['POST', '/replay', { source: 'flights', limit: 1e6 }, 'bad_limit'],
  ['POST', '/replay', { source: 'flights', cursor: 'x' }, 'bad_cursor'],
  ['POST', '/replay', { source: 'flights', reason: 5 }, 'bad_parameter'],
])('%s %s %j is refused: %s', async (method, path, body, code) => {
  expect(await ask(method, path, body)).toMatchObject({ status: 400, body: { code } })
})

test('reading needs its scope, and replaying and dropping one of their own', async () => {
  for (const [method, path, body] of [
    ['GET', ''],
    ['GET', '/0123'],
    ['POST', '/replay', { source: 'flights' }],
    ['DELETE', '/0123'],
    ['DELETE', '?source=flights&confirm=0'],
  ] as const) {
    expect((await ask(method, path, body, null)).status).toBe(401)
    expect(await ask(method, path, body, INGEST_ONLY)).toMatchObject({ status: 403, body: { code: 'scope_missing' } })
  }
  expect((await ask('POST', '/replay', { source: 'flghts' })).status).toBe(404)
})

test('an alarm lets go what is too old', async () => {
  await stub().add([unjustly(1), unjustly(2)])
  await runInDurableObject(stub(), (_letters, state) => {
    state.storage.sql.exec('UPDATE dead_letter SET kept_ms = 0')
  })
  expect(await runDurableObjectAlarm(stub())).toBe(true)
  expect((await stub().list({ limit: 0 })).totals).toMatchObject({ expired: 2 })
  expect(await runDurableObjectAlarm(stub())).toBe(false)
  await stub().add([unjustly(3)])
  expect(await runDurableObjectAlarm(stub())).toBe(true)
  expect((await stub().list({ limit: 0 })).count).toBe(1)
})

test('letters that version 0.1.0 kept are there after a deploy', async () => {
  await runInDurableObject(stub(), (_letters, { storage: { sql } }) => {
    for (const table of ['dead_letter', 'kind', 'totals']) sql.exec(`DROP TABLE ${table}`)
    sql.exec(
      `CREATE TABLE letter (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, reason TEXT NOT NULL, dead INTEGER NOT NULL,
         by TEXT NOT NULL, times INTEGER NOT NULL, body TEXT NOT NULL)`,
    )
    const { by: _by, fanout: _fanout, ...body } = unjustly(1)
    sql.exec(`INSERT INTO letter VALUES (5, 'old', 'not_in_enum', 1, '{"door":1}', 1, ?)`, JSON.stringify(body))
  })
  await evictAllDurableObjects()
  expect((await ask('GET', '')).body).toMatchObject({ count: 1, letters: [{ id: 'old', by: ['door'] }] })
  expect((await ask('POST', '/replay', { source: 'flights' })).body).toMatchObject({ replayed: 1 })
})
