/** The dead letters of a deployment, over HTTP. */
import type { LetterList, ListedLetter } from '../../src/dead-letters/index.ts'
import type { Filter } from './options.ts'

export interface ReplayPart {
  readonly replayed: number
  readonly duplicates: number
  readonly refusedAgain: number
  readonly notReplayable: number
  readonly remaining: number
  readonly next?: string
}

type Fetch = (url: string, init: RequestInit) => Promise<Response>
type Asked = Filter & { readonly source: string }

const TIMEOUT_MS = 120_000
const MOST_TRIES = 5
const PAUSE_MS = 1_000
const IDS_A_REQUEST = 500

export class DeadLettersClient {
  private readonly url: string
  private readonly headers: Readonly<Record<string, string>>
  private readonly fetch: Fetch
  private readonly pause: (ms: number) => Promise<void>

  constructor(
    url: string,
    token: string | undefined,
    fetch: Fetch,
    pause = (ms: number) => new Promise<void>((next) => setTimeout(next, ms)),
  ) {
    this.url = `${url}/v1/dead-letters`
    this.headers = {
      'content-type': 'application/json',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    }
    this.fetch = fetch
    this.pause = pause
  }

  list(filter: Filter, limit: number): Promise<LetterList> {
    return this.ask('GET', `?${query({ ...filter, limit: String(limit) })}`)
  }

  get(id: string, source: string | undefined): Promise<ListedLetter> {
    return this.ask('GET', `/${encodeURIComponent(id)}?${query({ source })}`)
  }

  /** Replays to the end, a part at a time; what a part says was done stays done. */
  async *replay(filter: Asked, ids: readonly string[]): AsyncGenerator<ReplayPart> {
    if (ids.length > 0) {
      for (let at = 0; at < ids.length; at += IDS_A_REQUEST) {
        const some = ids.slice(at, at + IDS_A_REQUEST)
        const part = await this.ask<ReplayPart>('POST', '/replay', { source: filter.source, ids: some })
        yield { ...part, remaining: Math.max(0, ids.length - at - some.length) }
      }
      return
    }
    for (let cursor: string | undefined, isFirst = true; isFirst || cursor !== undefined; isFirst = false) {
      const part: ReplayPart = await this.ask('POST', '/replay', { ...filter, ...(cursor !== undefined && { cursor }) })
      yield part
      cursor = part.next
    }
  }

  /** Drops what fits, if there are exactly `count`; how many were dropped. */
  async drop(filter: Asked, count: number): Promise<number> {
    let dropped = 0
    let left = { confirm: String(count), cursor: undefined as string | undefined }
    for (;;) {
      type Part = { readonly dropped: number; readonly remaining: number; readonly next?: number }
      const part = await this.ask<Part>('DELETE', `?${query({ ...filter, ...left })}`)
      dropped += part.dropped
      if (part.next === undefined) return dropped
      left = { confirm: String(part.remaining), cursor: String(part.next) }
    }
  }

  async dropOne(id: string, source: string | undefined): Promise<number> {
    return (await this.ask<{ readonly dropped: number }>('DELETE', `/${encodeURIComponent(id)}?${query({ source })}`))
      .dropped
  }

  /** Asks again while the Worker says that this helps. Throws with the Worker's own words. */
  private async ask<T>(method: string, path: string, body?: object): Promise<T> {
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

function query(members: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(members).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return new URLSearchParams(given).toString()
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
