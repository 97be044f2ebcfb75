/** Sends rows to the ingest Worker, and says what became of each. */
import { gzipSync } from 'node:zlib'
import { importText, type Receipt } from '../../src/source/index.ts'
import type { Fetch, IngestAddress } from '../lib/ingest-client.ts'
import { FileError, type Rows } from './row.ts'

export type Sent = Pick<Receipt, 'accepted' | 'duplicates' | 'forwarded' | 'refused'>

export interface SenderOptions {
  readonly address: IngestAddress
  readonly source: string
  /** The only entity that the rows are for; absent: all. */
  readonly entity?: string
  /** With an entity, the only view by whose keys they go there. */
  readonly view?: string
  readonly fetch: Fetch
  /** Waits; ends early when the import is interrupted. */
  readonly pause: (ms: number) => Promise<void>
  /** True: whoever waits to send again gives up. */
  readonly isStopped: () => boolean
  /** Told when a request is sent again, and why. */
  readonly waiting: (why: string) => void
}

const TIMEOUT_MS = 120_000
/** A Worker that is busy is asked for so long, and what does not answer at all less; the import goes on later where it stood. */
const MOST_TRIES = 12
const MOST_SILENT_TRIES = 4
const MOST_PAUSE_MS = 30_000

/** Why an import stopped: started again, it goes on. */
export class Stopped extends Error {}

export class Sender {
  private readonly options: SenderOptions

  constructor(options: SenderOptions) {
    this.options = options
  }

  /** Sends rows of one file until they are acknowledged. Throws {@link Stopped}, or what the Worker says is wrong. */
  async send(file: string, rows: Rows): Promise<Sent> {
    const { waiting, pause, isStopped } = this.options
    const head = { file, lines: rows.map(({ line }) => line), knownAt: rows.map((row) => row.knownAt), ...idsOf(rows) }
    const body = gzipSync(
      importText(
        head,
        rows.map(({ text }) => text),
      ),
      { level: 1 },
    )
    let said = ''
    for (let tries = 1; ; tries++) {
      const answer = await this.post(body)
      if ('receipt' in answer) return answer.receipt
      if (!answer.mayTryAgain) throw new FileError(answer.why)
      const most = answer.isSilent ? MOST_SILENT_TRIES : MOST_TRIES
      if (tries >= most || isStopped()) throw new Stopped(answer.why)
      if (answer.why !== said) waiting(answer.why)
      said = answer.why
      await pause(Math.min(MOST_PAUSE_MS, Math.max(answer.retryAfterMs, 250 * 2 ** tries)))
      if (isStopped()) throw new Stopped(answer.why)
    }
  }

  private async post(body: Uint8Array): Promise<
    | { readonly receipt: Sent }
    | {
        readonly why: string
        readonly mayTryAgain: boolean
        readonly retryAfterMs: number
        readonly isSilent: boolean
      }
  > {
    const { address, source, entity, view, fetch } = this.options
    const only = new URLSearchParams({ ...(entity !== undefined && { entity }), ...(view !== undefined && { view }) })
    const query = only.size === 0 ? '' : `?${only.toString()}`
    const { url, token } = address
    let response: Response
    let text: string
    try {
      response = await fetch(`${url}/v1/imports/${encodeURIComponent(source)}${query}`, {
        method: 'POST',
        headers: {
          'content-type': 'application/x-ndjson',
          'content-encoding': 'gzip',
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
        },
        body: body as Uint8Array<ArrayBuffer>,
        signal: AbortSignal.timeout(TIMEOUT_MS),
      })
      text = await response.text()
    } catch (error) {
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : ''
      const why = `nothing answers at ${url} (${cause || (error instanceof Error ? error.message : String(error))})`
      const hint = '. Is it running? npm start serves one on this machine'
      return { why: `${why}${hint}`, mayTryAgain: true, retryAfterMs: 500, isSilent: true }
    }
    if (response.ok) return { receipt: JSON.parse(text) as Sent }
    const mayTryAgain = response.status === 429 || response.status === 503
    const retryAfterMs = 1_000 * (Number(response.headers.get('retry-after')) || 1)
    return { why: `${response.status} from ${url}: ${detailOf(text)}`, mayTryAgain, retryAfterMs, isSilent: false }
  }
}

function idsOf(rows: Rows): { readonly ids?: readonly string[] } {
  const ids = rows.flatMap(({ id }) => (id === undefined ? [] : [id]))
  return ids.length === rows.length ? { ids } : {}
}

function detailOf(text: string): string {
  try {
    const { detail } = JSON.parse(text) as { readonly detail?: string }
    if (detail !== undefined) return detail
  } catch {
    // Not one of ours: shown as it is.
  }
  return text.slice(0, 300)
}
