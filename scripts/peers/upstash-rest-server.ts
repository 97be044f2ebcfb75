/**
 * Upstash's REST interface before a real Redis, as a process: an emulator. The commands go through the npm package
 * `@humanwhocodes/upstash-redis-server`; what it lacks and Upstash has is added here, where our client meets it:
 * - the token is asked for on every path (the package asks on `/` alone);
 * - a wrong command is status 400 with Redis' own words (the package: 500 and words of its own before them);
 * - a request of more than 10 MB is refused (the package takes any).
 * Still missing: `/multi-exec`, answers in base64, `/subscribe`, the REST paths of single commands, `Upstash-Sync-Token`, key
 * locking of scripts (Redis 7.0 refuses the line that asks for it, which is what our client must stand).
 *
 * node scripts/peers/upstash-rest-server.ts PORT REDIS_PORT   with the token in UPSTASH_TOKEN
 */
import { timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import { createApp } from '@humanwhocodes/upstash-redis-server'

const MAX_REQUEST_BYTES = 10_000_000
const OWN_WORDS = /^Failed to execute Redis command: /

const [port, redisPort] = process.argv.slice(2).map(Number)
const token = process.env.UPSTASH_TOKEN ?? ''
const app = createApp({ token, redisUrl: `redis://127.0.0.1:${redisPort}` })

createServer(async (request, response) => {
  const { status, text } = await answer(request)
  response.writeHead(status, { 'content-type': 'application/json' }).end(text)
}).listen(port, '127.0.0.1')

async function answer(request: IncomingMessage): Promise<{ status: number; text: string }> {
  const body = await bodyOf(request)
  if (!isToken(request.headers.authorization ?? '')) return refusal(401, 'WRONGPASS invalid or missing auth token')
  if (body === undefined) return refusal(413, 'ERR max request size exceeded')
  const answered = await app.fetch(
    new Request(`http://127.0.0.1${request.url ?? '/'}`, {
      method: request.method ?? 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(request.method === 'POST' && { body }),
    }),
  )
  const text = await answered.text()
  if (answered.status !== 500 || !text.includes('Failed to execute Redis command'))
    return { status: answered.status, text }
  const { error } = JSON.parse(text) as { error: string }
  return refusal(400, error.replace(OWN_WORDS, ''))
}

const refusal = (status: number, error: string) => ({ status, text: JSON.stringify({ error }) })

function isToken(authorization: string): boolean {
  const [given, right] = [Buffer.from(authorization), Buffer.from(`Bearer ${token}`)]
  return given.length === right.length && timingSafeEqual(given, right)
}

/** Undefined when it is too large; read to its end all the same, so that the client hears the answer. */
async function bodyOf(request: IncomingMessage): Promise<Buffer<ArrayBuffer> | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    size += chunk.length
    if (size <= MAX_REQUEST_BYTES) chunks.push(chunk)
  }
  return size > MAX_REQUEST_BYTES ? undefined : Buffer.from(Buffer.concat(chunks))
}
