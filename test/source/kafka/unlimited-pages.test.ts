import { expect, test } from 'vitest'
import { connectKafka } from '../../../src/source/index.ts'

// A server that gives pages of any size: then no single record is to blame that a page is too large.

const page = JSON.stringify(
  Array.from({ length: 8_000 }, (_, offset) => ({
    topic: 't',
    partition: 0,
    offset,
    timestamp: 0,
    headers: [],
    key: null,
    value: 'x'.repeat(1_000),
  })),
)

function connect(tellsId: boolean) {
  const json = (body: string, status = 200) =>
    new Response(body, { status, headers: { 'content-type': 'application/json' } })
  const fetch = async (url: string) => {
    const { pathname } = new URL(url)
    if (pathname === '/topics/t') return tellsId ? json('{"id":"a","partitions":1}') : json('{}', 404)
    return pathname === '/topics' ? json('{"t":1}') : json(page)
  }
  return connectKafka({ dialect: 'upstash', url: 'http://kafka' }, { fetch, now: Date.now, random: () => 0, name: 'n' })
}

const request = { topic: 't', partition: 0, offset: 0, maxBytes: 1, waitMs: 0 }

test('a server of the plain dialect is refused for good, with what to do: its records are not too large', async () => {
  const kafka = connect(false)
  await kafka.topic('t')
  const result = await kafka.read(request)
  expect(result).toMatchObject({ kind: 'failed', transient: false })
  expect(result).not.toHaveProperty('oversized')
  expect(result).toHaveProperty('message', expect.stringContaining('This server does not limit its pages'))
})

test('of the bridge, which limits them, a page that is too large is one record', async () => {
  const kafka = connect(true)
  await kafka.topic('t')
  expect(await kafka.read(request)).toMatchObject({ kind: 'failed', oversized: true })
})
