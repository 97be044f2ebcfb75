/** The dead letters of a deployment, over HTTP. */
import type { LetterList, ListedLetter } from '../../src/dead-letters/index.ts'
import { type IngestClient, queryText } from '../lib/ingest-client.ts'
import type { Filter } from './options.ts'

export interface ReplayPart {
  readonly replayed: number
  readonly duplicates: number
  /** On their way to the region that keeps them; absent when there are none. */
  readonly forwarded?: number
  readonly refusedAgain: number
  readonly notReplayable: number
  readonly remaining: number
  readonly next?: string
}

type Asked = Filter & { readonly source: string }

const IDS_A_REQUEST = 500

export class DeadLettersClient {
  private readonly ingest: IngestClient

  constructor(ingest: IngestClient) {
    this.ingest = ingest
  }

  list(filter: Filter, limit: number): Promise<LetterList> {
    return this.ask('GET', queryText({ ...filter, limit: String(limit) }))
  }

  get(id: string, source: string | undefined): Promise<ListedLetter> {
    return this.ask('GET', `/${encodeURIComponent(id)}${queryText({ source })}`)
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
      const part = await this.ask<Part>('DELETE', queryText({ ...filter, ...left }))
      dropped += part.dropped
      if (part.next === undefined) return dropped
      left = { confirm: String(part.remaining), cursor: String(part.next) }
    }
  }

  async dropOne(id: string, source: string | undefined): Promise<number> {
    return (
      await this.ask<{ readonly dropped: number }>('DELETE', `/${encodeURIComponent(id)}${queryText({ source })}`)
    ).dropped
  }

  private ask<T>(method: string, path: string, body?: object): Promise<T> {
    return this.ingest.ask(method, `/v1/dead-letters${path}`, body)
  }
}
