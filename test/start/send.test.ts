import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { sendAll } from '../../scripts/start/send.ts'

interface Reply {
  readonly status: number
  readonly body: object
  readonly headers?: Readonly<Record<string, string>>
}

let server: Server | undefined
afterEach(() => server?.close())

/** A webhook that answers in turn with these; null hangs up. */
async function webhook(replies: (Reply | null)[]) {
  const bodies: string[] = []
  server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => (body += chunk))
    request.on('end', () => {
      bodies.push(body)
      const reply = replies[Math.min(bodies.length, replies.length) - 1]
      if (reply) response.writeHead(reply.status, reply.headers).end(JSON.stringify(reply.body))
      else request.socket.destroy()
    })
  })
  await new Promise<void>((listening) => server?.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/`, bodies }
}

const busy = (status: number): Reply => ({ status, body: { detail: 'later' }, headers: { 'retry-after': '0' } })
const taken = (accepted: number): Reply => ({ status: 202, body: { accepted, duplicates: 0, refused: [] } })
const batches = (...sizes: number[]) => sizes.map((size) => Array(size).fill({ id: 1 }) as object[]).values()
const options = (url: string) => ({ url, token: 't', inFlight: 1, onProgress: () => undefined })

test('a batch that was told to come back later, or whose answer was lost, is sent again unchanged', async () => {
  const { url, bodies } = await webhook([busy(503), null, busy(429), taken(3)])
  expect(await sendAll(batches(3), options(url))).toEqual({ accepted: 3, duplicates: 0, refused: 0, retries: 3 })
  expect(new Set(bodies).size).toBe(1)
})

test('refused events are counted and the first is told, also when a whole batch is refused', async () => {
  const refused = { status: 422, body: { accepted: 0, duplicates: 0, refused: [{ index: 0, message: 'no origin' }] } }
  const { url } = await webhook([refused, taken(2)])
  const sent = await sendAll(batches(1, 2), options(url))
  expect(sent).toEqual({ accepted: 2, duplicates: 0, refused: 1, retries: 0, firstRefusal: 'no origin' })
})

test('an answer that will not change is an error at once, in the words of the Worker', async () => {
  const { url, bodies } = await webhook([{ status: 401, body: { detail: 'The bearer token is not known here.' } }])
  await expect(sendAll(batches(1), options(url))).rejects.toThrow(/401 .*not known here/)
  expect(bodies).toHaveLength(1)
})
