/** The HTTP server around the bridge's routes: who may ask, how large a body may be, compression, and a clean end. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { constants, gzip } from 'node:zlib'
import { type ClusterOptions, connectCluster } from './cluster.ts'
import { BadRequest } from './new-records.ts'
import { answerRequest, type BridgeAnswer, errorAnswer, exceptionAnswer } from './routes.ts'

export interface BridgeOptions {
  readonly cluster: ClusterOptions
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Default any free one. */
  readonly port?: number
  /** What a caller must show as `Bearer TOKEN`, or as the password of `Basic`; without one everybody may ask. */
  readonly token?: string
  /** When answers are compressed, if the caller takes gzip. Default `remote`: not towards this machine itself. */
  readonly gzip?: 'remote' | 'always' | 'never'
}

export interface Bridge {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  /** Takes no more requests, lets those that run end, and leaves the brokers. */
  close(): Promise<void>
}

const MOST_BODY_BYTES = 16 * 1024 * 1024
const LEAST_GZIP_BYTES = 1_024
/** Requests that still run after this are cut off. */
const CLOSE_GRACE_MS = 5_000
const compress = promisify(gzip)

/**
 * Starts a bridge. It connects to the brokers with the first request.
 *
 * @example
 * const bridge = await startBridge({ cluster: { brokers: ['127.0.0.1:9092'], clientId: 'bridge', connection: {} } })
 */
export async function startBridge(options: BridgeOptions): Promise<Bridge> {
  const cluster = connectCluster(options.cluster)
  const host = options.host ?? '127.0.0.1'
  const closing = new AbortController()
  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy())
  })
  // A poll waits up to a minute by itself; slow headers and bodies may not.
  server.headersTimeout = 10_000
  server.requestTimeout = 60_000
  server.keepAliveTimeout = 65_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, host, resolve)
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return { url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`, close }

  async function close(): Promise<void> {
    closing.abort()
    const ended = new Promise<void>((resolve) => server.close(() => resolve()))
    server.closeIdleConnections()
    const force = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS)
    await ended
    clearTimeout(force)
    await cluster.close()
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const left = new AbortController()
    response.once('close', () => left.abort())
    const path = pathOf(request.url ?? '/')
    const answer = await answerFor(request, path, AbortSignal.any([left.signal, closing.signal]))
    await send(request, response, answer)
  }

  async function answerFor(request: IncomingMessage, path: string[], signal: AbortSignal): Promise<BridgeAnswer> {
    try {
      const allowed = isAllowed(request.headers.authorization, options.token)
      if (request.method === 'GET' && path[0] === 'health' && path.length === 1) return await health(allowed)
      if (!allowed) {
        request.resume()
        return errorAnswer(401, 'Send "Authorization: Bearer TOKEN" with the token that the bridge was started with.')
      }
      const header = (name: string) => {
        const value = request.headers[name]
        return Array.isArray(value) ? value[0] : value
      }
      const json = async () => parseJson(await readBody(request))
      return await answerRequest(cluster, { method: request.method ?? '', path, header, json, signal })
    } catch (error) {
      return error instanceof TooLarge
        ? errorAnswer(413, `A body may have ${MOST_BODY_BYTES} bytes. Send less at a time.`)
        : exceptionAnswer(error)
    }
  }

  /** For everybody, but the brokers' addresses in a reason are not. */
  async function health(allowed: boolean): Promise<BridgeAnswer> {
    try {
      await cluster.topics()
      return { status: 200, body: JSON.stringify({ status: 'ok', brokers: cluster.brokerCount() }) }
    } catch (error) {
      return allowed ? exceptionAnswer(error) : errorAnswer(503, 'No broker answers.')
    }
  }

  async function send(request: IncomingMessage, response: ServerResponse, answer: BridgeAnswer): Promise<void> {
    let body: Buffer | string = answer.body
    const headers: Record<string, string | number> = { 'content-type': 'application/json', ...answer.headers }
    if (body.length >= LEAST_GZIP_BYTES && takesGzip(request)) {
      body = await compress(body, { level: constants.Z_BEST_SPEED })
      headers['content-encoding'] = 'gzip'
    }
    headers['content-length'] = Buffer.byteLength(body)
    // A body that is too large is not read to its end, so its connection cannot serve another request.
    const last = closing.signal.aborted || answer.status === 413
    if (last) headers.connection = 'close'
    response.writeHead(answer.status, headers)
    response.end(body, () => {
      if (last) request.destroy()
    })
  }

  function takesGzip(request: IncomingMessage): boolean {
    const mode = options.gzip ?? 'remote'
    if (mode === 'never' || !/\bgzip\b/.test(request.headers['accept-encoding'] ?? '')) return false
    return mode === 'always' || !isLoopback(request.socket.remoteAddress ?? '')
  }
}

/** Whether an address is this machine's own. */
export function isLoopback(address: string): boolean {
  return /^(?:::1$|(?:::ffff:)?127\.)/.test(address) || address === 'localhost'
}

function pathOf(url: string): string[] {
  const path = url.split('?')[0] ?? ''
  try {
    return path.split('/').filter(Boolean).map(decodeURIComponent)
  } catch {
    return ['%']
  }
}

class TooLarge extends Error {}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = []
  let length = 0
  for await (const piece of request as AsyncIterable<Buffer>) {
    length += piece.length
    if (length > MOST_BODY_BYTES) throw new TooLarge()
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {
    throw new BadRequest('The body is no JSON text in UTF-8.')
  }
}

/** Compares digests in constant time: neither the token's length nor its beginning shows. */
function isAllowed(authorization: string | undefined, token: string | undefined): boolean {
  if (token === undefined) return true
  const [scheme, credentials = ''] = (authorization ?? '').split(' ', 2)
  const shown = scheme?.toLowerCase() === 'basic' ? passwordOf(credentials) : credentials
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(shown), digest(token)) && /^(?:basic|bearer)$/i.test(scheme ?? '')
}

function passwordOf(credentials: string): string {
  const text = Buffer.from(credentials, 'base64').toString('utf8')
  return text.slice(text.indexOf(':') + 1)
}
