import type { KafkaConnection, KafkaFailure } from './kafka-http.ts'

/** What an adapter needs of the world; nothing else is reached for. */
export interface KafkaHttpEnvironment {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>
  /** Milliseconds since the epoch, for deadlines only. */
  readonly now: () => number
  /** In [0, 1), for names of consumer instances. */
  readonly random: () => number
  /** Who reads: the consumer group and the beginning of instance names. Letters, digits, `.`, `_` and `-`. */
  readonly name: string
}

export interface HttpCall {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** After the connection's url, with its query. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** The call ends by then, ms since the epoch. */
  readonly deadlineMs: number
  /** An answer with a longer body is cancelled and is a failure. Default {@link SMALL_ANSWER_BYTES}. */
  readonly maxBytes?: number
}

export interface HttpAnswer {
  readonly kind: 'answer'
  readonly status: number
  readonly header: (name: string) => string | null
  readonly text: string
}

/** Sends one request and reads its whole answer; everything that can go wrong is a value. */
export type Caller = (call: HttpCall) => Promise<HttpAnswer | KafkaFailure>

/** What answers without records stay far below. */
export const SMALL_ANSWER_BYTES = 4 * 1024 * 1024
/** How much of an answer is shown to a person. */
const SHOWN_UNITS = 300

/** Nothing was read: `transient` when another try may help. */
export function failure(message: string, transient: boolean, retryAfterMs?: number): KafkaFailure {
  return { kind: 'failed', transient, message, ...(retryAfterMs !== undefined && { retryAfterMs }) }
}

/**
 * A caller for one connection: adds who we are, holds the deadline, caps the body, follows no redirects (a redirect could
 * carry the credentials elsewhere), and takes no text that is not UTF-8.
 */
export function httpCaller(connection: KafkaConnection, { fetch, now }: KafkaHttpEnvironment): Caller {
  const base = connection.url.replace(/\/+$/, '')
  const authorization = authorizationOf(connection)
  return async (call) => {
    const where = `${call.method} ${base}${call.path}`
    const leftMs = call.deadlineMs - now()
    if (leftMs <= 0) return failure(`${where}: no time was left for it.`, true)
    // Beside the signal the caller stops waiting by itself: not every fetch heeds a signal while a body trickles in.
    const aborted = new AbortController()
    const late = new Promise<KafkaFailure>((resolve) => {
      aborted.signal.addEventListener('abort', () => resolve(failure(`${where}: no answer within ${leftMs} ms.`, true)))
    })
    const timer = setTimeout(() => aborted.abort(), leftMs)
    try {
      return await Promise.race([late, exchange(where)])
    } finally {
      clearTimeout(timer)
    }

    async function exchange(where: string): Promise<HttpAnswer | KafkaFailure> {
      try {
        const response = await fetch(`${base}${call.path}`, {
          method: call.method,
          headers: { ...call.headers, ...(authorization !== undefined && { authorization }) },
          ...(call.body !== undefined && { body: call.body }),
          redirect: 'manual',
          signal: aborted.signal,
        })
        const bytes = await readBody(response, call.maxBytes ?? SMALL_ANSWER_BYTES)
        if (typeof bytes === 'number')
          return {
            ...failure(`${where}: the answer is larger than ${bytes} bytes and was not read.`, true),
            oversized: true,
          }
        const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes)
        return { kind: 'answer', status: response.status, header: (name) => response.headers.get(name), text }
      } catch (cause) {
        return failure(`${where}: ${cause instanceof Error ? described(cause) : String(cause)}`, true)
      }
    }
  }
}

/** The bytes of a body, or the cap when it is longer. */
async function readBody(response: Response, cap: number): Promise<Uint8Array | number> {
  if (response.body === null) return new Uint8Array(0)
  if (Number(response.headers.get('content-length') ?? 0) > cap) {
    await response.body.cancel()
    return cap
  }
  const reader = response.body.getReader()
  const pieces: Uint8Array[] = []
  let length = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    length += value.byteLength
    if (length > cap) {
      await reader.cancel()
      return cap
    }
    pieces.push(value)
  }
  const only = pieces[0]
  if (only !== undefined && pieces.length === 1) return only
  const whole = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.byteLength
  }
  return whole
}

/** An error with its cause: Node's fetch says only `fetch failed` and keeps the reason in there. */
function described(error: Error): string {
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : ''
  return `${error.message}${cause}`
}

function authorizationOf({ token, username, password }: KafkaConnection): string | undefined {
  if (token !== undefined) return `Bearer ${token}`
  if (username === undefined) return undefined
  const bytes = new TextEncoder().encode(`${username}:${password ?? ''}`)
  return `Basic ${btoa(String.fromCharCode(...bytes))}`
}

/** A topic that does not exist yet, an instance of another format or name, a position that is in doubt, too many requests. */
const PASSING: ReadonlySet<number> = new Set([404, 406, 408, 409, 422, 429])

/** The failure that an answer means, when its status is not what was hoped for. */
export function refusedAnswer(what: string, { status, header, text }: HttpAnswer): KafkaFailure {
  const shown = text.length > SHOWN_UNITS ? `${text.slice(0, SHOWN_UNITS)}...` : text
  const message = `${what} was answered with ${status}${shown === '' ? '' : `: ${shown}`}`
  if (status === 401 || status === 403) {
    return failure(`${message} Look at the credentials of this connection in the secret CONNECTIONS.`, false)
  }
  return failure(message, status >= 500 || PASSING.has(status), retryAfter(header))
}

/** `Retry-After` in seconds; dates are not asked for by any of these servers. */
function retryAfter(header: HttpAnswer['header']): number | undefined {
  const text = header('retry-after')
  return text !== null && /^\d{1,6}$/.test(text) ? Number(text) * 1000 : undefined
}

/** The JSON of an answer with status 200 and a JSON content type, or what is wrong with it. */
export function jsonOf(
  what: string,
  answer: HttpAnswer,
): { readonly kind: 'json'; readonly json: unknown } | KafkaFailure {
  if (answer.status !== 200) return refusedAnswer(what, answer)
  const type = answer.header('content-type') ?? 'none'
  if (!/[/+]json\b/i.test(type)) return failure(`${what} was answered with content type ${type}, not JSON.`, true)
  try {
    return { kind: 'json', json: JSON.parse(answer.text) }
  } catch {
    return failure(`${what} was answered with ${answer.text.length} characters that are no JSON: cut off?`, true)
  }
}

/** A property of a value that came from outside; undefined when there is none. */
export function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}

/** Whether it can be an offset, a count or a number of a partition. */
export function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
