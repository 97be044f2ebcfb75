/**
 * One keep-alive HTTP/1.1 connection, on a raw socket: node:http costs more a request than the Worker under load, and both
 * share the machine. One request in flight; requests are prepared as bytes.
 */
import { createConnection, type Socket } from 'node:net'

export interface Reply {
  readonly status: number
  readonly body: Buffer
}

/** A whole request as bytes. `path` begins with a slash. */
export function requestBytes(url: string, path: string, body: string, token = 'bench'): Buffer {
  const { host } = new URL(url)
  const content = Buffer.from(body)
  const head = [
    `${body === '' ? 'GET' : 'POST'} ${path} HTTP/1.1`,
    `host: ${host}`,
    'content-type: application/json',
    `authorization: Bearer ${token}`,
    `content-length: ${content.length}`,
    '',
    '',
  ]
  return Buffer.concat([Buffer.from(head.join('\r\n')), content])
}

const NOTHING = Buffer.alloc(0)

export class Connection {
  private readonly socket: Socket
  private received: Buffer = NOTHING
  private pending: { readonly done: (reply: Reply) => void; readonly fail: (error: Error) => void } | null = null

  constructor(url: string) {
    const { hostname, port } = new URL(url)
    this.socket = createConnection({ host: hostname, port: Number(port), noDelay: true })
    this.socket.on('data', (bytes) => this.take(bytes))
    this.socket.on('error', (error) => this.fail(error))
    this.socket.on('close', () => this.fail(new Error('the connection was closed')))
  }

  send(request: Buffer): Promise<Reply> {
    return new Promise((done, fail) => {
      this.pending = { done, fail }
      this.socket.write(request)
    })
  }

  close(): void {
    this.socket.destroy()
  }

  private fail(error: Error): void {
    const { pending } = this
    this.pending = null
    pending?.fail(error)
  }

  private take(bytes: Buffer): void {
    this.received = this.received.length === 0 ? bytes : Buffer.concat([this.received, bytes])
    const reply = parseReply(this.received)
    if (reply === undefined) return
    this.received = NOTHING
    const { pending } = this
    this.pending = null
    pending?.done(reply)
  }
}

/** The reply when all of it is there; undefined when more is to come. */
export function parseReply(bytes: Buffer): Reply | undefined {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const head = bytes.toString('latin1', 0, end)
  const status = Number(head.slice(9, 12))
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  if (length !== undefined) {
    const body = bytes.subarray(end + 4)
    return body.length < Number(length) ? undefined : { status, body }
  }
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) return { status, body: NOTHING }
  const body = unchunked(bytes, end + 4)
  return body && { status, body }
}

function unchunked(bytes: Buffer, from: number): Buffer | undefined {
  const parts: Buffer[] = []
  for (let at = from; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd < 0) return undefined
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16)
    const start = lineEnd + 2
    if (bytes.length < start + size + 2) return undefined
    if (size === 0) return Buffer.concat(parts)
    parts.push(bytes.subarray(start, start + size))
    at = start + size + 2
  }
}
