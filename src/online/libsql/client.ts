import { type Client, createClient } from '@libsql/client/web'
import { wordsOf } from '../batches.ts'
import { within } from '../deadline.ts'
import type { StoreConnection } from '../store.ts'

/**
 * One exchange with a libSQL server, or an Error within the time. A client of its own each time: the package's client counts
 * what is under way and waits for a place, and a request of a Worker that ends early would never give its place back.
 */
export async function exchange<T>(
  connection: StoreConnection,
  timeoutMs: number,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const signal = AbortSignal.timeout(timeoutMs)
  const client = createClient({
    url: connection.url,
    intMode: 'bigint',
    fetch: (request: Request) => send(request, signal),
    ...(connection.token !== undefined && { authToken: connection.token }),
  })
  try {
    return await within(timeoutMs, work(client))
  } finally {
    client.close()
  }
}

/**
 * The client asks first whether the server speaks Protobuf: a request more for every exchange. It is told no, and goes on with
 * `POST /v2/pipeline` and JSON, which every server speaks.
 */
async function send(request: Request, signal: AbortSignal): Promise<Response> {
  if (request.method === 'GET') return new Response(null, { status: 404 })
  return await fetch(request, { signal, redirect: 'manual' })
}

/** What an error says, with the code that SQLite or the client gave it. */
export function problemOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : ''
  const words = wordsOf(error)
  return code === '' || words.includes(code) ? words : `${code}: ${words}`
}
