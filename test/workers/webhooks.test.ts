import { reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, test } from 'vitest'
import { app } from '../../workers/app.ts'
import { createIngest } from '../../workers/ingest/app.ts'
import { deadLetters, flight, TOKEN, values } from './doors.ts'

afterEach(() => reset())

const EVER = ['airport_departures.departures_ever']
const SECRET = new Uint8Array(32).fill(7)
const NEXT_SECRET = new Uint8Array(32).fill(8)
const base64 = (bytes: Uint8Array) => btoa(String.fromCharCode(...bytes))
const whsec = (bytes: Uint8Array) => `whsec_${base64(bytes)}`
const ingest = createIngest(app)
const keyed = {
  ...env,
  TOKENS: JSON.stringify({ [TOKEN]: ['*'], anonymous: ['ingest:*'] }),
  CONNECTIONS: JSON.stringify({ webhooks: { flights: [whsec(SECRET), whsec(NEXT_SECRET)] } }),
}

async function signature(
  id: string,
  seconds: number,
  body: Uint8Array,
  secret: Uint8Array<ArrayBuffer> = SECRET,
): Promise<string> {
  const key = await crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  const head = new TextEncoder().encode(`${id}.${seconds}.`)
  const signed = new Uint8Array([...head, ...body])
  return `v1,${base64(new Uint8Array(await crypto.subtle.sign('HMAC', key, signed)))}`
}

interface Change {
  readonly id?: string
  readonly agoS?: number
  readonly secret?: Uint8Array<ArrayBuffer>
  readonly headers?: Readonly<Record<string, string>>
  /** What is sent instead of what was signed. */
  readonly sent?: string | Uint8Array
}

async function post(body: string | Uint8Array, headers: Readonly<Record<string, string>>, bindings = keyed) {
  const request = new Request('http://door/v1/sources/flights/events', {
    method: 'POST',
    headers,
    body: body as string,
  })
  const response = await ingest.fetch(request, bindings)
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

async function signed(events: unknown, { id = 'msg_1', agoS = 0, secret = SECRET, headers = {}, sent }: Change = {}) {
  const body = new TextEncoder().encode(typeof events === 'string' ? events : JSON.stringify(events))
  const seconds = Math.floor(Date.now() / 1_000) - agoS
  return await post(sent ?? body, {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(seconds),
    'webhook-signature': await signature(id, seconds, body, secret),
    ...headers,
  })
}

describe('a signature', () => {
  test('stands for a token, by any key of the source', async () => {
    expect(await signed([flight(1, 0)])).toMatchObject({ status: 202, body: { accepted: 1 } })
    expect(await signed([flight(2, 0)], { secret: NEXT_SECRET })).toMatchObject({ status: 202, body: { accepted: 1 } })
    expect(await values(EVER, 10)).toEqual([2])
  })

  test('the same request again counts nothing, with its own signature and time or with new ones', async () => {
    await signed([flight(1, 0)])
    expect(await signed([flight(1, 0)])).toMatchObject({ status: 202, body: { accepted: 0, duplicates: 1 } })
    expect(await signed([flight(1, 0)], { id: 'msg_2', agoS: 200 })).toMatchObject({ body: { duplicates: 1 } })
    expect(await values(EVER, 10)).toEqual([1])
  })

  test('requests in any order give the same', async () => {
    await signed([flight(3, 9)], { id: 'c' })
    await signed([flight(1, 0)], { id: 'a', agoS: 250 })
    await signed([flight(2, 5)], { id: 'b', agoS: 100 })
    expect(await values(EVER, 10)).toEqual([3])
  })

  test.each([
    ['of another key', { secret: new Uint8Array(32).fill(9) }, 'bad_signature'],
    ['of another body', { sent: JSON.stringify([flight(1, 1)]) }, 'bad_signature'],
    ['of another id', { headers: { 'webhook-id': 'msg_2' } }, 'bad_signature'],
    ['of no id', { headers: { 'webhook-id': '' } }, 'bad_signature'],
    ['six minutes old', { agoS: 360 }, 'expired_signature'],
    ['of six minutes ahead', { agoS: -360 }, 'expired_signature'],
    ['that is none', { headers: { 'webhook-signature': 'v1,AAAA' } }, 'bad_signature'],
    [
      'of another key, with a right token',
      { secret: new Uint8Array(32), headers: { authorization: `Bearer ${TOKEN}` } },
      'bad_signature',
    ],
  ] as const)('%s is refused, and counts and keeps nothing', async (_what, change, code) => {
    expect(await signed([flight(1, 0)], change)).toMatchObject({ status: 401, body: { code } })
    expect(await values(EVER, 10)).toEqual([0])
    expect((await deadLetters()).body.count).toBe(0)
  })

  test('is over what was compressed', async () => {
    const text = JSON.stringify([flight(1, 0)])
    const zipped = new Uint8Array(
      await new Response(new Blob([text]).stream().pipeThrough(new CompressionStream('gzip'))).arrayBuffer(),
    )
    expect(await signed(text, { sent: zipped, headers: { 'content-encoding': 'gzip' } })).toMatchObject({ status: 202 })
  })
})

describe('a source with keys', () => {
  const type = { 'content-type': 'application/json' }

  test('takes a token instead, also as Debezium Server writes it, and nobody without either', async () => {
    const body = JSON.stringify([flight(1, 0)])
    expect(await post(body, type)).toMatchObject({ status: 401, body: { code: 'no_signature' } })
    expect(await post(body, { ...type, authorization: 'Bearer wrong' })).toMatchObject({ status: 401 })
    expect(await post(body, { ...type, authorization: `Bearer ${TOKEN}` })).toMatchObject({ status: 202 })
    expect(await post(body, { ...type, authorization: `Bearer: ${TOKEN}` })).toMatchObject({ body: { duplicates: 1 } })
  })

  test('without keys a signature says nothing', async () => {
    const headers = { ...type, 'webhook-id': 'm', 'webhook-timestamp': '1', 'webhook-signature': 'v1,AAAA' }
    const open = { ...keyed, CONNECTIONS: '{}', TOKENS: JSON.stringify({ [TOKEN]: ['*'] }) }
    expect(await post('[]', headers, open)).toMatchObject({ status: 401, body: { code: 'no_token' } })
    expect(await post('[]', { ...headers, authorization: `Bearer ${TOKEN}` }, open)).toMatchObject({ status: 202 })
  })

  test('a secret that is not what it should be stops everything, and is not told', async () => {
    const broken = { ...keyed, CONNECTIONS: '{"webhooks": {"flights": ["whsec_hunter2"]}}' }
    const { status, body } = await post('[]', { ...type, authorization: `Bearer ${TOKEN}` }, broken)
    expect(status).toBe(503)
    expect(body.detail).toContain('webhooks.flights[0]')
    expect(JSON.stringify(body)).not.toContain('hunter2')
  })
})

describe('what is too much', () => {
  test.each(['plain', 'gzip'])('10 MB, %s, are refused however well they are signed', async (encoding) => {
    const text = ' '.repeat(10 * 1024 * 1024)
    const zip = async () =>
      new Uint8Array(
        await new Response(new Blob([text]).stream().pipeThrough(new CompressionStream('gzip'))).arrayBuffer(),
      )
    const change = encoding === 'gzip' ? { sent: await zip(), headers: { 'content-encoding': 'gzip' } } : {}
    expect(await signed(text, change)).toMatchObject({ status: 413, body: { code: 'body_too_large' } })
  })

  test('a bomb of 200 MB in 200 KB is given up at the cap', async () => {
    let left = 200
    const zeros = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (left-- > 0) controller.enqueue(new Uint8Array(1024 * 1024))
        else controller.close()
      },
    })
    const bomb = new Uint8Array(await new Response(zeros.pipeThrough(new CompressionStream('gzip'))).arrayBuffer())
    expect(bomb.length).toBeLessThan(300_000)
    expect(await signed('[]', { sent: bomb, headers: { 'content-encoding': 'gzip' } })).toMatchObject({ status: 413 })
  })
})

describe('CloudEvents', () => {
  const attributes = (id: number) => ({ specversion: '1.0', id: String(id), source: '/airport', type: 'departed' })
  const type = (name: string) => ({ headers: { 'content-type': name } })

  test('structured, in a batch and binary are all counted, and each refused one is a letter', async () => {
    const structured = { ...attributes(1), data: flight(1, 0) }
    expect(await signed(structured, type('application/cloudevents+json'))).toMatchObject({
      status: 202,
      body: { accepted: 1 },
    })
    const batch = [
      { ...attributes(2), data: flight(2, 1) },
      { ...attributes(3), source: undefined, data: flight(3, 1) },
      { ...attributes(4), data: { ...flight(4, 1), delay: 'late' } },
    ]
    expect(await signed(batch, type('application/cloudevents-batch+json'))).toMatchObject({
      status: 202,
      body: {
        accepted: 1,
        refused: [
          { index: 1, reason: 'bad_envelope' },
          { index: 2, reason: 'wrong_type' },
        ],
      },
    })
    const headers = { 'ce-specversion': '1.0', 'ce-id': '5', 'ce-source': '/airport', 'ce-type': 'departed' }
    expect(await signed(flight(5, 2), { headers })).toMatchObject({ status: 202, body: { accepted: 1 } })
    expect(await values(EVER, 10)).toEqual([3])
    await expect.poll(async () => (await deadLetters()).body.byReason).toEqual({ bad_envelope: 1, wrong_type: 1 })
  })
})
