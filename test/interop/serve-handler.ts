/** Serves a handler of requests on 127.0.0.1, so that clients speak real HTTP with it. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Handler } from '../source/kafka/test-log.ts'

export interface Served {
  readonly url: string
  close(): Promise<void>
}

export async function serveHandler(handler: Handler): Promise<Served> {
  const server = createServer((request, response) => {
    answer(handler, request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
  const close = async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { url, close }
}

async function answer(handler: Handler, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const pieces: Buffer[] = []
  for await (const piece of incoming as AsyncIterable<Buffer>) pieces.push(piece)
  const headers = Object.entries(incoming.headers).map(([name, value]) => [name, String(value)] as [string, string])
  const body = Buffer.concat(pieces)
  const method = incoming.method ?? 'GET'
  const url = `http://${incoming.headers.host}${incoming.url}`
  const response = await handler(new Request(url, { method, headers, ...(body.length > 0 && { body }) }))
  outgoing.writeHead(response.status, Object.fromEntries(response.headers))
  outgoing.end(Buffer.from(await response.arrayBuffer()))
}
