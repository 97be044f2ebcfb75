/** The ingest Worker of a deployment, as commands reach it: where it is, who asks, and its answers. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DEFAULT_PORT } from '../start/options.ts'
import { cacheFolder } from './paths.ts'
import { UsageError } from './usage-error.ts'

/** Where a Worker answers, and as whom it is asked. */
export interface IngestAddress {
  /** Without a slash at its end. */
  readonly url: string
  readonly token: string | undefined
}

export type Fetch = (url: string, init: RequestInit) => Promise<Response>

/** Where `npm start` serves. */
export const LOCAL_URL = `http://127.0.0.1:${DEFAULT_PORT}`

const TIMEOUT_MS = 120_000
const MOST_TRIES = 5
const PAUSE_MS = 1_000

/** The options by which every command finds its Worker, for parseArgs. */
export const ADDRESS_OPTIONS = { url: { type: 'string' }, token: { type: 'string' } } as const

/**
 * The Worker that `--url` and `--token` name, or TIDEMARK_URL and TIDEMARK_TOKEN, or the one of `npm start`. Throws a
 * {@link UsageError}.
 *
 * @param option what the address was given by, for the message
 */
export function ingestAddress(
  given: { readonly url?: string | undefined; readonly token?: string | undefined },
  env: Readonly<Record<string, string | undefined>>,
  option = '--url',
): IngestAddress {
  const text = given.url ?? env.TIDEMARK_URL ?? LOCAL_URL
  const parsed = URL.parse(text)
  if (parsed === null || (parsed.protocol !== 'http:' && parsed.protocol !== 'https:'))
    throw new UsageError(`${option} takes the address of the ingest Worker, such as ${LOCAL_URL}; got "${text}".`)
  const url = parsed.href.replace(/\/$/, '')
  return { url, token: given.token ?? env.TIDEMARK_TOKEN ?? localToken(url) }
}

/** The token that `npm start` made: it is of no use anywhere else. */
function localToken(url: string): string | undefined {
  const file = join(cacheFolder, 'start', 'token')
  return new URL(url).hostname === '127.0.0.1' && existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined
}

/**
 * Asks one Worker, again while it says that this helps (429 and 503). Throws an Error with the Worker's own words.
 *
 * @example
 * const client = new IngestClient({ url: 'http://127.0.0.1:8787', token }, fetch)
 * const { sources } = await client.ask<SourceList>('GET', '/v1/sources')
 */
export class IngestClient {
  private readonly url: string
  private readonly headers: Readonly<Record<string, string>>
  private readonly fetch: Fetch
  private readonly pause: (ms: number) => Promise<void>

  constructor(
    { url, token }: IngestAddress,
    fetch: Fetch,
    pause = (ms: number) => new Promise<void>((next) => setTimeout(next, ms)),
  ) {
    this.url = url
    this.headers = {
      'content-type': 'application/json',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    }
    this.fetch = fetch
    this.pause = pause
  }

  async ask<T>(method: string, path: string, body?: object): Promise<T> {
    for (let tries = 1; ; tries++) {
      const response = await this.request(method, path, body)
      const text = await response.text()
      if (response.ok) return JSON.parse(text) as T
      const mayTryAgain = response.status === 429 || response.status === 503
      if (!mayTryAgain || tries === MOST_TRIES) throw new Error(problemText(response.status, text))
      await this.pause(PAUSE_MS * tries)
    }
  }

  private async request(method: string, path: string, body: object | undefined): Promise<Response> {
    try {
      return await this.fetch(this.url + path, {
        method,
        headers: this.headers,
        signal: AbortSignal.timeout(TIMEOUT_MS),
        ...(body && { body: JSON.stringify(body) }),
      })
    } catch (error) {
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : ''
      const why = cause || (error instanceof Error ? error.message : String(error))
      throw new Error(`nothing answers at ${this.url} (${why}). Is it running? npm start serves one on this machine.`)
    }
  }
}

/** `?a=1&b=2` of the members that are given. */
export function queryText(members: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(members).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return `?${new URLSearchParams(given).toString()}`
}

function problemText(status: number, text: string): string {
  try {
    const { detail } = JSON.parse(text) as { readonly detail?: string }
    if (detail !== undefined) return `${status}: ${detail}`
  } catch {
    // Not one of ours: shown as it is.
  }
  return `${status}: ${text.slice(0, 300)}`
}
