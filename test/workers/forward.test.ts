import { abortAllDurableObjects, evictAllDurableObjects, reset, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, expect, test } from 'vitest'
import { forwarderOf } from '../../durable-objects/forwarder.ts'
import { forwardedText, type HeadWatch } from '../../src/source/index.ts'
import { app } from '../../workers/app.ts'
import { createIngest } from '../../workers/ingest/app.ts'
import { createRegionDoor } from '../../workers/ingest/region-door.ts'
import { deadLetters, flight, TOKEN, values } from './doors.ts'

afterEach(() => reset())

const EVER = ['airport_departures.departures_ever']
/** As a region sees it whose flights live in another one. */
const away = {
  ...app,
  regions: [...app.regions, { name: 'far', id: 2, epoch: 0, shards: { default: 4 } }],
  routing: { flights: { home: 'far' } },
}
const firstDoor = createIngest(away)
const homeDoor = createRegionDoor(app)

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Readonly<Record<string, unknown>>
}

async function ask(method: string, path: string, body?: unknown, bindings: Partial<typeof env> = {}): Promise<Answer> {
  const request = new Request(`http://door${path}`, {
    method,
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const response = await firstDoor.fetch(request, { ...env, ...bindings })
  return { status: response.status, headers: response.headers, body: await response.json() }
}
const send = (events: unknown, bindings?: Partial<typeof env>) =>
  ask('POST', '/v1/sources/flights/events', events, bindings)

const queue = () => env.FORWARDERS.getByName('local/flights/far')

/** What waits, as the queue would send it. */
const waiting = () =>
  runInDurableObject(queue(), (_queue, state) =>
    state.storage.sql
      .exec<{ body: string }>('SELECT body FROM waiting ORDER BY id')
      .toArray()
      .map(({ body }) => body)
      .join(''),
  )

async function take(rows: string): Promise<Record<string, unknown>> {
  const request = new Request('http://door/forward/flights', { method: 'POST', body: forwardedText('far', rows) })
  return await (await homeDoor.fetch(request, env)).json()
}

test('events of another region are durable in a queue when the sender is told, and outlive the object', async () => {
  const { status, body } = await send([flight(1, 0), flight(2, 1), { ...flight(3, 2), delay: 'late' }])
  expect(status).toBe(202)
  expect(body).toEqual({
    accepted: 0,
    duplicates: 0,
    forwarded: 2,
    refused: [expect.objectContaining({ index: 2, reason: 'wrong_type', field: 'delay' })],
    commits: [],
  })
  await abortAllDurableObjects()
  expect(await queue().status()).toMatchObject({ home: 'far', events: 2 })
  await evictAllDurableObjects()
  const text = await waiting()
  expect(text).toContain(JSON.stringify(flight(1, 0)))
  expect(text).not.toContain('"late"')
  expect((await deadLetters()).body.letters).toMatchObject([{ reason: 'wrong_type', by: ['door'] }])
  // Nothing is counted here.
  expect(await values(EVER, 10)).toEqual([0])
})

test('at home they are counted once, however often they come', async () => {
  await send([flight(1, 0), flight(2, 1)])
  await send(flight(3, 2))
  const rows = await waiting()
  expect(await take(rows)).toEqual({ rows: 2, accepted: 3, duplicates: 0, refused: 0 })
  expect(await take(rows)).toEqual({ rows: 2, accepted: 0, duplicates: 3, refused: 0 })
  await evictAllDurableObjects()
  expect(await take(rows)).toMatchObject({ accepted: 0, duplicates: 3 })
  expect(await values(EVER, 10)).toEqual([3])
  // It was not told, so it still has them.
  expect(await queue().status()).toMatchObject({ events: 3 })
})

test('what only the home can refuse is a dead letter there', async () => {
  await send(flight(1, 0))
  await take(await waiting())
  await send(flight(1, 0, { delay: 99 }))
  const [, second = ''] = (await waiting()).split(/(?=\{"count")/)
  expect(await take(second)).toMatchObject({ rows: 1, refused: 1 })
  await expect.poll(async () => (await deadLetters()).body.letters).toMatchObject([{ reason: 'conflict' }])
})

test('a request of which nothing is left is 422, as at home', async () => {
  expect(await send({ ...flight(1, 0), delay: 'late' })).toMatchObject({ status: 422, body: { code: 'all_refused' } })
})

test('a full queue is 503, and says when to try again and how much waits', async () => {
  const Limited = forwarderOf(away)
  const FORWARDERS = {
    getByName: (name: string) => ({
      add: (rows: string) =>
        runInDurableObject(env.FORWARDERS.getByName(name), (_queue, state) =>
          new Limited(state, { ...env, FORWARD_LIMIT_BYTES: '300' }).add(rows),
        ),
    }),
  } as unknown as typeof env.FORWARDERS
  expect(await send(flight(1, 0), { FORWARDERS })).toMatchObject({ status: 202 })
  const { status, headers, body } = await send(flight(2, 1), { FORWARDERS })
  expect({ status, code: body.code, retryAfter: headers.get('retry-after') }).toEqual({
    status: 503,
    code: 'queue_full',
    retryAfter: '30',
  })
  expect(body.detail).toContain('1 events')
  expect(body.detail).toContain('wait in local for region far')
})

test('a request for two homes leaves for both when both queues have room, and for none when one has not', async () => {
  const south = { name: 'south', id: 3, epoch: 0, shards: { default: 4 } }
  const routing = { flights: { by: 'origin', homes: { SEA: 'far' }, otherwise: 'south' } }
  const door = createIngest({ ...away, regions: [...away.regions, south], routing })
  const Limited = forwarderOf({ ...away, regions: [...away.regions, south] })
  const at = (name: string) => env.FORWARDERS.getByName(name)
  const limited = (name: string) => {
    const within = <T>(work: (queue: InstanceType<typeof Limited>) => T) =>
      runInDurableObject(at(name), (_queue, state) =>
        work(new Limited(state, { ...env, FORWARD_LIMIT_BYTES: name.endsWith('south') ? '300' : '30000' })),
      )
    return {
      add: (rows: string) => within((own) => own.add(rows)),
      full: (bytes: number) => within((own) => own.full(bytes)),
    }
  }
  const FORWARDERS = { getByName: limited } as unknown as typeof env.FORWARDERS
  const post = async (ids: readonly number[]) => {
    const events = ids.map((id) => flight(id, id, { origin: id % 2 === 0 ? 'SEA' : 'LAX' }))
    const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }
    const request = new Request('http://door/v1/sources/flights/events', {
      method: 'POST',
      headers,
      body: JSON.stringify(events),
    })
    const response = await door.fetch(request, { ...env, FORWARDERS })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }
  const waits = async () =>
    await Promise.all(['far', 'south'].map(async (home) => (await at(`local/flights/${home}`).status()).events))
  expect(await post([1, 2])).toMatchObject({ status: 202, body: { forwarded: 2 } })
  // Their own objects have read the storage before these wrote.
  await abortAllDurableObjects()
  expect(await waits()).toEqual([1, 1])
  expect(await post([4, 3])).toMatchObject({ status: 503, body: { code: 'queue_full' } })
  await abortAllDurableObjects()
  expect(await waits()).toEqual([1, 1])
})

test('a source tells what waits for other regions, and why', async () => {
  await send(flight(1, 0))
  await expect
    .poll(async () => (await ask('GET', '/v1/sources/flights')).body.forwards)
    .toMatchObject([
      { home: 'far', events: 1, problem: expect.stringContaining('no binding REGION_FAR to the region far') },
    ])
})

test('a dead letter is replayed to its home', async () => {
  await ask('POST', '/v1/sources/flights/events', { ...flight(1, 0), delay: 'late' })
  await runInDurableObject(env.DEAD_LETTERS.getByName('local/flights'), (_letters, state) => {
    // Mended by hand, as a new contract would mend it.
    state.storage.sql.exec(
      `UPDATE dead_letter SET payload = replace(payload, '"late"', '5'), payload_units = payload_units - 5`,
    )
  })
  const { body } = await ask('POST', '/v1/dead-letters/replay', { source: 'flights' })
  expect(body).toMatchObject({ replayed: 0, forwarded: 1, refusedAgain: 0 })
  expect((await deadLetters()).body.count).toBe(0)
  expect(await take(await waiting())).toMatchObject({ accepted: 1 })
})

test('a home of another routing takes nothing, and says what it believes', async () => {
  await send(flight(1, 0))
  const request = new Request('http://door/forward/flights', {
    method: 'POST',
    body: forwardedText('far', await waiting()),
  })
  const answer = await createRegionDoor(away).fetch(request, env)
  expect(await answer.json()).toMatchObject({ rows: 0, problem: expect.stringContaining('lives in far') })
  const unknown = await homeDoor.fetch(new Request('http://door/forward/flihgts', { method: 'POST', body: '' }), env)
  expect(unknown.status).toBe(503)
  const newer = new Request('http://door/forward/flights', { method: 'POST', body: '{"version":9,"from":"far"}\n' })
  expect(await (await homeDoor.fetch(newer, env)).json()).toMatchObject({ code: 'unknown_version' })
})

test.each([
  ['here', { home: 'local', before: ['far'] }],
  ['everywhere', 'local' as const],
])('what waits for a home of before is told when the source lives %s now', async (_where, now) => {
  const after = createIngest({ ...away, routing: { flights: now } })
  const show = async () => {
    const headers = { authorization: `Bearer ${TOKEN}` }
    const response = await after.fetch(new Request('http://door/v1/sources/flights', { headers }), env)
    return await response.json()
  }
  expect(await show()).not.toHaveProperty('forwards')
  await send(flight(1, 0))
  expect(await show()).toMatchObject({ forwards: [{ home: 'far', events: 1 }] })
})

test('what its home turns away again and again is taken out by a person, and kept as dead letters', async () => {
  await send([flight(1, 0), flight(2, 1)])
  await send(flight(3, 2))
  const skip = () => ask('POST', '/v1/sources/flights/forwards/far/skip')
  expect(await skip()).toMatchObject({ status: 409, body: { code: 'not_stuck' } })
  expect(await queue().status()).toMatchObject({ events: 3 })
  expect(await ask('POST', '/v1/sources/flights/forwards/fra/skip')).toMatchObject({
    status: 404,
    body: { detail: expect.stringContaining('Did you mean "far"?') },
  })
  const turnAway = (times: number, atMs: number) =>
    runInDurableObject(queue(), (object) => {
      const head = Reflect.get(object, 'head') as HeadWatch
      for (let i = 0; i < times; i++) head.answered(0, true, atMs)
    })
  await turnAway(11, Date.now() - 600_000)
  expect(await skip()).toMatchObject({ status: 409 })
  await turnAway(1, Date.now())
  expect((await ask('GET', '/v1/sources/flights')).body.forwards).toMatchObject([{ events: 3, stuck: { tries: 12 } }])
  expect(await skip()).toMatchObject({ status: 200, body: { skipped: 2, status: { events: 1 } } })
  const { letters } = (await deadLetters()).body
  const poison = { reason: 'poison', message: expect.stringContaining('region far did not take it') }
  expect(letters).toMatchObject([poison, poison])
  expect(await waiting()).toContain(JSON.stringify(flight(3, 2)))
  // The next one has its own time.
  expect(await skip()).toMatchObject({ status: 409 })
})

test('another region that asks for the puller of a partition nobody knows yet is told to come again', async () => {
  const answer = await homeDoor.fetch(new Request('http://door/pullers/flights/flights/0'), env)
  expect(answer.status).toBe(503)
  expect(await answer.json()).toMatchObject({ code: 'unknown_partition' })
})
