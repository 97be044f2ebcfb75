import { reset } from 'cloudflare:test'
import { afterEach, describe, expect, test } from 'vitest'
import { at, deadLetters, flight, INGEST_ONLY, read, SEA_LAX, send, values } from './doors.ts'

afterEach(() => reset())

const EVER = ['airport_departures.departures_ever', 'route_history.route_flights_ever']

describe('what is accepted', () => {
  test('is counted, for both entities and at both ends, and named by commits that a read can ask for', async () => {
    const { status, body } = await send([flight(1, 0), flight(2, 5), flight(3, 9, { destination: 'SFO' })])
    expect({ status, ...body }).toMatchObject({ status: 202, accepted: 3, duplicates: 0, refused: [] })
    for (const commit of body.commits ?? []) expect(commit).toMatch(/^local\/(airport|route)\/0\/[0-3]\/\d+$/)
    const after = await read({ service: 'delay_risk', entities: [SEA_LAX], at: at(10), after: body.commits })
    expect(after.status).toBe(200)
    expect(await values(EVER, 10)).toEqual([3, 2])
    expect(await values(['airport_inbound.inbound_1h'], 10, { airport: 'LAX' })).toEqual([2])
    // Before t only: the flight of minute 9 is at t.
    expect(await values(EVER, 9)).toEqual([2, 2])
  })

  test('one object, a list, lines, pretty JSON and gzip are all the same', async () => {
    const gzip = new Blob([JSON.stringify([flight(5, 5)])]).stream().pipeThrough(new CompressionStream('gzip'))
    const zipped = new Uint8Array(await new Response(gzip).arrayBuffer())
    const sent = [
      await send(flight(1, 1)),
      await send([flight(2, 2)]),
      await send(`${JSON.stringify(flight(3, 3))}\n`, {
        headers: { 'content-type': 'application/x-ndjson; charset=utf-8' },
      }),
      await send(JSON.stringify(flight(4, 4), null, 2), { headers: { 'content-type': 'text/plain' } }),
      await send(zipped, { headers: { 'content-encoding': 'gzip' } }),
    ]
    expect(sent.map(({ status, body }) => [status, body.accepted])).toEqual(sent.map(() => [202, 1]))
    expect(await values(EVER, 10)).toEqual([5, 5])
  })

  test('a batch sent again is known, and so is any part of it in any company', async () => {
    const batch = [flight(1, 0), flight(2, 5), flight(3, 9, { destination: 'SFO' })]
    await send(batch)
    expect((await send(batch)).body).toMatchObject({ accepted: 0, duplicates: 3 })
    expect((await send([batch[2], flight(4, 1), batch[0], flight(4, 1)])).body).toMatchObject({
      accepted: 1,
      duplicates: 3,
    })
    expect(await values(EVER, 10)).toEqual([4, 3])
    expect((await deadLetters()).body.count).toBe(0)
  })

  test('an empty list is nothing, and fine', async () => {
    expect(await send([])).toMatchObject({ status: 202, body: { accepted: 0, refused: [], commits: [] } })
  })
})

/** Each is one wrong event; the reason and the field that it is refused for. */
const wrongEvents: [string, string | object, string, string | undefined][] = [
  ['a text where a number belongs', { ...flight(1, 0), delay: '5' }, 'wrong_type', 'delay'],
  ['a missing key', { ...flight(1, 0), origin: undefined }, 'missing_field', 'origin'],
  ['a null key', { ...flight(1, 0), origin: null }, 'wrong_type', 'origin'],
  ['a key that is a number', { ...flight(1, 0), origin: 5 }, 'wrong_type', 'origin'],
  ['a missing id', { ...flight(1, 0), id: undefined }, 'missing_field', 'id'],
  ['NaN', JSON.stringify(flight(1, 0)).replace('"delay":0', '"delay":NaN'), 'bad_json', undefined],
  ['an infinite number', JSON.stringify(flight(1, 0)).replace('"delay":0', '"delay":1e999'), 'out_of_range', 'delay'],
  ['half a minute', { ...flight(1, 0), delay: 0.5 }, 'wrong_type', 'delay'],
  ['a date that is none', { ...flight(1, 0), departed: '2001-02-30T00:00:00Z' }, 'bad_time', 'departed'],
  ['a time without a zone', { ...flight(1, 0), departed: '2001-01-01T00:00:00' }, 'bad_time', 'departed'],
  ['a time before 1971', { ...flight(1, 0), departed: '1970-01-01T00:00:05Z' }, 'too_old_time', 'departed'],
  ['a time in the future', { ...flight(1, 0), departed: '2999-01-01T00:00:00Z' }, 'future_time', 'departed'],
  ['a lone surrogate', JSON.stringify(flight(1, 0)).replace('"SEA"', '"\\ud800"'), 'ill_formed_string', 'origin'],
  ['a very long key', flight(1, 0, { origin: 'x'.repeat(513) }), 'too_large', 'origin'],
  ['a list', '[[1]]', 'not_object', undefined],
  ['a number', '[5]', 'not_object', undefined],
]

describe('what is refused', () => {
  test.each(wrongEvents)(
    '%s: 422 alone, kept as a dead letter, and no harm to a good one beside it',
    async (_what, event, reason, field) => {
      const text = typeof event === 'string' ? event : JSON.stringify(event)
      const alone = await send(text)
      expect(alone).toMatchObject({ status: 422, body: { code: 'all_refused' } })
      expect(alone.body.refused).toMatchObject([{ index: 0, reason, ...(field && { field }) }])
      const beside = await send(`[${JSON.stringify(flight(7, 0))},${text.replace(/^\[|\]$/g, '')}]`)
      expect(beside).toMatchObject({ status: 202, body: { accepted: 1, refused: [{ index: 1, reason }] } })
      expect(await values(EVER, 1)).toEqual([1, 1])
      await expectLetters(1, { [reason]: 1 })
    },
  )

  test('the same id with another payload is 409, and 422 or a line of 202 in a batch', async () => {
    await send(flight(1, 0))
    expect(await send(flight(1, 0, { delay: 5 }))).toMatchObject({
      status: 409,
      body: { code: 'conflict', accepted: 0, refused: [{ index: 0, reason: 'conflict' }] },
    })
    expect((await send([flight(2, 0), flight(1, 0, { delay: 5 })])).body).toMatchObject({ accepted: 1 })
    expect((await send([flight(1, 0, { delay: 5 }), flight(2, 0, { delay: 9 })])).status).toBe(422)
    expect(await values(EVER, 1)).toEqual([2, 2])
    expect(await values(['airport_departures.delay_max_1d'], 1)).toEqual([0])
    await expectLetters(2, { conflict: 2 })
  })

  test('a batch in which all is refused is 422, names each, and changes nothing', async () => {
    const { status, body } = await send([{ id: 1 }, 5, { ...flight(3, 0), delay: null }])
    expect(status).toBe(422)
    expect(body.refused?.map(({ index }) => index)).toEqual([0, 1, 2])
    expect(body.detail).toContain('All 3 events')
    expect(await values(EVER, 1)).toEqual([0, 0])
    await expectLetters(3, { missing_field: 1, not_object: 1, wrong_type: 1 })
  })
})

/** Letters leave the shards after the answer. */
async function expectLetters(count: number, byReason: object): Promise<void> {
  await expect.poll(async () => (await deadLetters()).body).toMatchObject({ count, byReason })
}

describe('what is not looked at', () => {
  test.each(['', 'hello', '"text"', '[{"id":1}', '{"id":', '[1}]'])(
    'a body that is no JSON, %j, is 400',
    async (body) => {
      expect(await send(body)).toMatchObject({ status: 400, body: { code: 'bad_json' } })
      expect((await deadLetters()).body.count).toBe(0)
    },
  )

  test('a body of 10 MB is 413, plain or out of gzip', async () => {
    expect(await send(' '.repeat(10 * 1024 * 1024))).toMatchObject({ status: 413, body: { code: 'body_too_large' } })
    const gzip = new Blob([' '.repeat(10 * 1024 * 1024)]).stream().pipeThrough(new CompressionStream('gzip'))
    const zipped = new Uint8Array(await new Response(gzip).arrayBuffer())
    expect(await send(zipped, { headers: { 'content-encoding': 'gzip' } })).toMatchObject({ status: 413 })
  })

  test('an unknown encoding or content type is 415, broken gzip and bytes that are no text are 400', async () => {
    expect(await send([], { headers: { 'content-encoding': 'br' } })).toMatchObject({
      status: 415,
      body: { code: 'unknown_encoding' },
    })
    expect(await send([], { headers: { 'content-type': 'text/csv' } })).toMatchObject({
      status: 415,
      body: { code: 'unknown_type' },
    })
    expect(await send([], { headers: { 'content-encoding': 'gzip' } })).toMatchObject({
      status: 400,
      body: { code: 'bad_gzip' },
    })
    expect(await send(new Uint8Array([0x5b, 0xff, 0x5d]))).toMatchObject({ status: 400, body: { code: 'bad_utf8' } })
  })

  test('an unknown source is 404 with the nearest name, an unknown route too', async () => {
    const { status, body } = await send([], { source: 'flihgts' })
    expect(status).toBe(404)
    expect(body).toMatchObject({ code: 'unknown_source', detail: expect.stringContaining('Did you mean "flights"?') })
  })

  test('no token and a wrong one are 401, a token without the scope 403', async () => {
    const none = await send([flight(1, 0)], { token: null })
    expect(none).toMatchObject({ status: 401, body: { code: 'no_token' } })
    expect(none.headers.get('www-authenticate')).toBe('Bearer')
    expect(none.headers.get('content-type')).toBe('application/problem+json')
    expect(await send([flight(1, 0)], { token: 'test-tokem' })).toMatchObject({
      status: 401,
      body: { code: 'unknown_token' },
    })
    expect((await send([flight(1, 0)], { token: INGEST_ONLY })).status).toBe(202)
    expect(await deadLetters('', INGEST_ONLY)).toMatchObject({ status: 403, body: { code: 'scope_missing' } })
    expect((await deadLetters('', null)).status).toBe(401)
  })

  test('a webhook-id of a page is refused, for it would be kept with every event', async () => {
    expect(await send([flight(1, 0)], { headers: { 'webhook-id': 'x'.repeat(257) } })).toMatchObject({ status: 400 })
    expect((await send([flight(1, 0)], { headers: { 'webhook-id': 'x'.repeat(256) } })).status).toBe(202)
  })
})
