import type { ListedObject, ObjectStore, StoredObject } from '../objects.ts'
import { OfflineError } from './offline-error.ts'

/** Where the ingest Worker of a region answers, and as whom it is asked: a token with the scope `log:read`. */
export interface HttpPlace {
  /** Without a slash at its end. */
  readonly url: string
  readonly token: string | undefined
}

type Fetch = (url: string, init: RequestInit) => Promise<Response>

const TIMEOUT_MS = 120_000
const MOST_TRIES = 4
const PAUSE_MS = 500

/** The bucket of a region's log by way of its ingest Worker, for reading: whoever may read the log needs no credentials of R2. */
export class HttpObjects implements Pick<ObjectStore, 'get' | 'list'> {
  private readonly place: HttpPlace
  private readonly fetch: Fetch
  private readonly pause: (ms: number) => Promise<void>

  constructor(
    place: HttpPlace,
    fetch: Fetch = globalThis.fetch,
    pause = (ms: number) => new Promise<void>((next) => setTimeout(next, ms)),
  ) {
    this.place = place
    this.fetch = fetch
    this.pause = pause
  }

  async get(key: string): Promise<StoredObject | undefined> {
    const path = `/v1/log/objects/${key.split('/').map(encodeURIComponent).join('/')}`
    const response = await this.ask(path, 'no_object')
    if (response === undefined) return undefined
    return { bytes: response.bytes, etag: response.headers.get('etag') ?? '' }
  }

  async list(prefix: string): Promise<readonly ListedObject[]> {
    const found: ListedObject[] = []
    for (let cursor: string | undefined; ; ) {
      const query = new URLSearchParams({ prefix, ...(cursor !== undefined && { cursor }) })
      const answer = await this.ask(`/v1/log/objects?${query.toString()}`)
      const page = JSON.parse(new TextDecoder().decode(answer?.bytes)) as Page
      found.push(...page.objects)
      if (page.cursor === undefined) return found.sort((a, b) => (a.key < b.key ? -1 : 1))
      cursor = page.cursor
    }
  }

  /** Undefined for an answer that says `absent`. Tries again what may go well another time. */
  private async ask(path: string, absent?: string): Promise<{ bytes: Uint8Array; headers: Headers } | undefined> {
    for (let tries = 1; ; tries++) {
      let why: string
      try {
        const { url, token } = this.place
        const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
        const response = await this.fetch(url + path, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) })
        const bytes = new Uint8Array(await response.arrayBuffer())
        if (response.ok) return { bytes, headers: response.headers }
        const { code, detail } = problemOf(bytes)
        if (absent !== undefined && code === absent) return undefined
        why = `${response.status}: ${detail}`
        if (response.status < 500 && response.status !== 429) throw new OfflineError(`${this.place.url} says ${why}`)
      } catch (error) {
        if (error instanceof OfflineError) throw error
        const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : ''
        why = cause || (error instanceof Error ? error.message : String(error))
      }
      if (tries === MOST_TRIES) throw new OfflineError(`the log at ${this.place.url} cannot be read (${why})`)
      await this.pause(PAUSE_MS * tries)
    }
  }
}

interface Page {
  readonly objects: readonly ListedObject[]
  readonly cursor?: string
}

function problemOf(bytes: Uint8Array): { readonly code?: string; readonly detail: string } {
  const text = new TextDecoder().decode(bytes)
  try {
    const { code, detail = text } = JSON.parse(text) as { readonly code?: string; readonly detail?: string }
    return { detail, ...(code !== undefined && { code }) }
  } catch {
    return { detail: text.slice(0, 300) }
  }
}
