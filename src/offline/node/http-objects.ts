import { createHash } from 'node:crypto'
import type { ListedObject, ObjectStore, StoredObject } from '../objects.ts'
import { OfflineError } from './offline-error.ts'

/** Where the ingest Worker of a region answers, and as whom it is asked: a token with the scope `log:read`, and `log:write` to put and delete. */
export interface HttpPlace {
  /** Without a slash at its end. */
  readonly url: string
  readonly token: string | undefined
}

type Fetch = (url: string, init: RequestInit) => Promise<Response>

const TIMEOUT_MS = 120_000
const MOST_TRIES = 4
const PAUSE_MS = 500
/** Deletions that are under way at once. */
const AT_ONCE = 8

/**
 * The bucket of a region's log by way of its ingest Worker: whoever may read the log, or write it, needs no credentials of R2. A put makes an object and never
 * changes one, and objects that a manifest names are not deleted: the Worker refuses both.
 */
export class HttpObjects implements ObjectStore {
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
    const response = await this.ask('GET', pathOf(key), { absent: 'no_object' })
    if (response === undefined) return undefined
    return { bytes: response.bytes, etag: response.headers.get('etag') ?? '' }
  }

  /** False where another object has the key; over one that was read nothing is put. */
  async put(key: string, bytes: Uint8Array, match?: { readonly etag: string | null }): Promise<boolean> {
    if (match !== undefined && match.etag !== null)
      throw new OfflineError(`${this.place.url} puts nothing over ${key}: objects of the log do not change.`)
    const md5 = createHash('md5').update(bytes).digest('base64')
    const headers = { 'content-md5': md5, 'content-type': 'application/octet-stream' }
    const absent = match === undefined ? {} : { absent: 'object_exists' }
    return (await this.ask('PUT', pathOf(key), { body: bytes, headers, ...absent })) !== undefined
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (let at = 0; at < keys.length; at += AT_ONCE)
      await Promise.all(keys.slice(at, at + AT_ONCE).map((key) => this.ask('DELETE', pathOf(key))))
  }

  async list(prefix: string): Promise<readonly ListedObject[]> {
    const found: ListedObject[] = []
    for (let cursor: string | undefined; ; ) {
      const query = new URLSearchParams({ prefix, ...(cursor !== undefined && { cursor }) })
      const answer = await this.ask('GET', `/v1/log/objects?${query.toString()}`)
      const page = JSON.parse(new TextDecoder().decode(answer?.bytes)) as Page
      found.push(...page.objects)
      if (page.cursor === undefined) return found.sort((a, b) => (a.key < b.key ? -1 : 1))
      cursor = page.cursor
    }
  }

  /** Undefined for an answer that says `absent`. Tries again what may go well another time. */
  private async ask(
    method: string,
    path: string,
    { absent, body, headers: own }: Asked = {},
  ): Promise<{ bytes: Uint8Array; headers: Headers } | undefined> {
    for (let tries = 1; ; tries++) {
      let why: string
      try {
        const { url, token } = this.place
        const headers = { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...own }
        const response = await this.fetch(url + path, {
          method,
          headers,
          ...(body && { body: body as Uint8Array<ArrayBuffer> }),
          signal: AbortSignal.timeout(TIMEOUT_MS),
        })
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
      if (tries === MOST_TRIES)
        throw new OfflineError(
          `the log at ${this.place.url} cannot be ${method === 'GET' ? 'read' : 'written'} (${why})`,
        )
      await this.pause(PAUSE_MS * tries)
    }
  }
}

const pathOf = (key: string): string => `/v1/log/objects/${key.split('/').map(encodeURIComponent).join('/')}`

interface Asked {
  /** The code of an answer that is none. */
  readonly absent?: string
  readonly body?: Uint8Array
  readonly headers?: Readonly<Record<string, string>>
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
