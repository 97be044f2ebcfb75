/** What a real Redis does not do and a server of Upstash does: it takes key locking, and fails in ways of its own. */
import { createHash } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { freePort } from '../../scripts/local/port.ts'
import { RedisStore } from '../../src/online/redis/index.ts'
import { copyOf, entityAt } from './conformance.ts'

type Command = readonly [name: string, ...rest: string[]]
type Answer = { readonly status: number; readonly text: string }

let server: Server | undefined
afterEach(() => void server?.close())

/** A server that answers what it is asked as a test says, and notes it. */
async function serve(answer: (path: string, body: unknown) => Answer): Promise<{ url: string; asked: unknown[] }> {
  const asked: unknown[] = []
  const port = await freePort(0)
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'))
    asked.push(body)
    const { status, text } = answer(request.url ?? '', body)
    response.writeHead(status).end(text)
  })
  await new Promise<void>((listening) => server?.listen(port, '127.0.0.1', listening))
  return { url: `http://127.0.0.1:${port}`, asked }
}

const open = (url: string) => new RedisStore({ url, token: 'secret-token' }, { name: 'east/near' })
const ok = (result: unknown): Answer => ({ status: 200, text: JSON.stringify(result) })

test('key locking is asked for, and where it is taken it stays', async () => {
  const scripts = new Map<string, string>()
  const { url, asked } = await serve((path, body) => {
    if (path === '/') {
      const [, , text = ''] = body as Command
      const sha = createHash('sha1').update(text).digest('hex')
      scripts.set(sha, text)
      return ok({ result: sha })
    }
    const known = ([, sha = '']: Command) => scripts.has(sha)
    return ok(
      (body as Command[]).map((command) =>
        known(command) ? { result: ['stored'] } : { error: 'NOSCRIPT No matching script. Please use EVAL.' },
      ),
    )
  })
  const store = open(url)
  expect(await store.put([copyOf(entityAt('k'), { seq: 1 })])).toEqual(['stored'])
  expect([...scripts.values()].map((text) => text.split('\n')[0])).toEqual(['#!lua flags=allow-key-locking'])
  expect(asked).toHaveLength(3)
  expect(await store.put([copyOf(entityAt('k'), { seq: 2 })])).toEqual(['stored'])
  expect(asked).toHaveLength(4)
})

test.each([
  ['a page of a proxy', { status: 502, text: '<html>Bad Gateway</html>' }, 'Bad Gateway'],
  ['its own error', { status: 500, text: '{"error":"ERR too busy"}' }, 'ERR too busy'],
  ['a used up quota', { status: 400, text: '{"error":"ERR max daily request limit exceeded"}' }, 'limit exceeded'],
  ['half an answer', { status: 200, text: '[{"result"' }, 'Unable to parse'],
])('%s is told in its words, once, and nothing that was put is in it', async (_what, answer, words) => {
  const { url, asked } = await serve(() => answer)
  const copy = { ...copyOf(entityAt('k')), body: new Uint8Array(5_000) }
  const [outcome] = await open(url).put([copy])
  expect(outcome).toEqual({ again: expect.stringContaining(words) })
  expect(JSON.stringify(outcome)).not.toMatch(/AAAAAAAA|secret-token/)
  expect(asked).toHaveLength(1)
  await expect(open(url).get([copy.address])).rejects.toThrow('The store east/near cannot be read: ')
})

test('what a script did not get to is put again, and the rest is known', async () => {
  const { url } = await serve((_path, body) =>
    ok(
      (body as Command[]).map((_, i) =>
        i === 0 ? { result: Array(32).fill('stored') } : { error: 'OOM command not allowed' },
      ),
    ),
  )
  const copies = Array.from({ length: 40 }, (_, i) => copyOf(entityAt(`k${i}`)))
  const outcomes = await open(url).put(copies)
  expect(outcomes.slice(0, 32)).toEqual(Array(32).fill('stored'))
  expect(outcomes.slice(32)).toEqual(Array(8).fill({ again: 'the store east/near says: OOM command not allowed' }))
})

test('after a request that failed the next ones are not made', async () => {
  const { url, asked } = await serve(() => ({ status: 503, text: '{"error":"down"}' }))
  const copies = Array.from({ length: 6 }, (_, i) => copyOf(entityAt(`k${i}`), {}, 400_000))
  const outcomes = await open(url).put(copies)
  expect(asked).toHaveLength(1)
  expect(outcomes).toHaveLength(6)
  for (const outcome of outcomes) expect(outcome).toEqual({ again: expect.stringContaining('east/near') })
})
