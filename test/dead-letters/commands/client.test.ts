import { expect, test } from 'vitest'
import { DeadLettersClient, type ReplayPart } from '../../../scripts/dead-letters/client.ts'
import { IngestClient } from '../../../scripts/lib/ingest-client.ts'

/** A client whose requests are answered one after the other; what it asked is noted. */
function clientOf(...answers: readonly [status: number, body: object][]) {
  const asked: string[] = []
  const pauses: number[] = []
  let next = 0
  const fetch = async (url: string, { method, body }: RequestInit) => {
    asked.push(`${method} ${url.replace('http://h/v1/dead-letters', '')}${typeof body === 'string' ? ` ${body}` : ''}`)
    const [status, answer] = answers[next++] ?? [500, {}]
    return new Response(JSON.stringify(answer), { status })
  }
  const pause = async (ms: number) => void pauses.push(ms)
  return {
    client: new DeadLettersClient(new IngestClient({ url: 'http://h', token: 't' }, fetch, pause)),
    asked,
    pauses,
  }
}

async function partsOf(replay: AsyncIterable<ReplayPart>): Promise<ReplayPart[]> {
  const parts: ReplayPart[] = []
  for await (const part of replay) parts.push(part)
  return parts
}

test('a replay goes on with what each answer gives as next', async () => {
  const { client, asked } = clientOf([200, { replayed: 1, next: '5-9' }], [200, { replayed: 2 }])
  const parts = await partsOf(client.replay({ source: 's', reason: 'r' }, []))
  expect(parts.map(({ replayed }) => replayed)).toEqual([1, 2])
  expect(asked).toEqual([
    'POST /replay {"source":"s","reason":"r"}',
    'POST /replay {"source":"s","reason":"r","cursor":"5-9"}',
  ])
})

test('ids go 500 a request', async () => {
  const ids = Array.from({ length: 1_100 }, (_, i) => `${i}`)
  const { client, asked } = clientOf([200, {}], [200, {}], [200, {}])
  const parts = await partsOf(client.replay({ source: 's' }, ids))
  expect(parts.map(({ remaining }) => remaining)).toEqual([600, 100, 0])
  expect(asked).toHaveLength(3)
})

test('a drop that takes several requests confirms what remains each time', async () => {
  const { client, asked } = clientOf([200, { dropped: 4, remaining: 3, next: 9 }], [200, { dropped: 3, remaining: 0 }])
  expect(await client.drop({ source: 's' }, 7)).toBe(7)
  expect(asked).toEqual(['DELETE ?source=s&confirm=7', 'DELETE ?source=s&confirm=3&cursor=9'])
})

test('busy and unavailable are asked again, a few times; everything else fails with the words of the answer', async () => {
  const again = clientOf([429, {}], [503, {}], [200, { count: 1 }])
  expect(await again.client.list({}, 1)).toEqual({ count: 1 })
  expect(again.pauses).toEqual([1_000, 2_000])
  const down = clientOf(...Array.from({ length: 9 }, (): [number, object] => [503, { detail: 'Down.' }]))
  await expect(down.client.list({}, 1)).rejects.toThrow('503: Down.')
  expect(down.asked).toHaveLength(5)
  const denied = clientOf([403, { detail: 'Not you.' }])
  await expect(denied.client.list({}, 1)).rejects.toThrow('403: Not you.')
  expect(denied.asked).toHaveLength(1)
})

test('when nothing answers it says how to start one', async () => {
  const failing = async () => Promise.reject(new TypeError('fetch failed', { cause: new Error('ECONNREFUSED') }))
  const client = new DeadLettersClient(new IngestClient({ url: 'http://h', token: undefined }, failing))
  await expect(client.list({}, 1)).rejects.toThrow(/ECONNREFUSED.*npm start/)
})
