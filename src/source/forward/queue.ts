import type { OutboxStorage } from '../../shard/index.ts'
import { type NewRow, parseRows, type QueuedRow, writeRows } from './row.ts'

/** Where a queue is kept: rows that wait, and one text beside them. */
export interface QueueStorage extends OutboxStorage {
  readMeta(key: string): string | undefined
  writeMeta(key: string, value: string): void
}

/** What a queue says to events that are put into it: they are in, or why they are not. */
export type QueueAnswer = { readonly queued: number } | { readonly full: string }

export interface QueueOptions {
  readonly storage: QueueStorage
  /** The region that the events came in, and the one that keeps them. */
  readonly from: string
  readonly home: string
  /** ms since the epoch: when a queue begins, which tells its numbers from those of another one of its name. */
  readonly now: () => number
  /** Bytes that may wait. */
  readonly maxBytes: number
}

/** What is known of a queue. */
export interface QueueStatus {
  readonly home: string
  readonly events: number
  readonly bytes: number
  /** When the oldest event that waits reached this region, ms; null when none waits. */
  readonly oldestMs: number | null
}

/** The queue's birth, the next place and how much there is, in one row beside the rows that wait. */
interface State {
  /** When the queue began, ms: numbers of a queue that was made anew are none of this one's. */
  readonly born: number
  readonly next: number
  readonly events: number
  readonly bytes: number
}

export const DEFAULT_QUEUE_BYTES = 256 * 1024 * 1024
/** What leaves in one request: rows, and about so much text. */
const SENT_ROWS = 200
const SENT_UNITS = 2 * 1024 * 1024
const utf8 = new TextEncoder()

/**
 * Events on their way to another region, in the order in which they came, each with a number that rises. They are kept until
 * their home has all of a row; what is sent again, the shards there know by the numbers.
 */
export class ForwardQueue {
  private readonly options: QueueOptions
  private state: State

  constructor(options: QueueOptions) {
    this.options = options
    const text = options.storage.readMeta('queue')
    // A queue of code that knew no birth is one that begins now: what it has given out bears an epoch, which is less.
    const begun = { born: options.now(), next: 1, events: 0, bytes: 0 }
    this.state = text === undefined ? begun : { ...begun, ...(JSON.parse(text) as Partial<State>) }
  }

  get isEmpty(): boolean {
    return this.state.events === 0
  }

  get status(): QueueStatus {
    const { events, bytes } = this.state
    return { home: this.options.home, events, bytes, oldestMs: this.first()?.arrivalMs ?? null }
  }

  /** Why a request of so many bytes has no room; undefined when it has. */
  full(more: number): string | undefined {
    const { maxBytes, home, from } = this.options
    const { events, bytes } = this.state
    // A queue that is empty takes any request: else one that is larger than the bound could never leave.
    if (this.isEmpty || bytes + more <= maxBytes) return undefined
    const waiting = `${events} events (${megabytes(bytes)} MB) wait in ${from} for region ${home}`
    return `${waiting}, which keeps them and does not take them; at most ${megabytes(maxBytes)} MB may wait`
  }

  /** Puts events at the end, all of them or none. Throws only when the storage does. */
  add(rows: readonly NewRow[]): QueueAnswer {
    const { storage } = this.options
    const { born } = this.state
    let { next, events, bytes } = this.state
    const bodies = rows.map((row) => {
      const body = writeRows([{ ...row, incarnation: born, first: next }])
      next += row.count
      events += row.count
      bytes += utf8.encode(body).length
      return body
    })
    const full = this.full(bytes - this.state.bytes)
    if (full !== undefined) return { full }
    const queued = next - this.state.next
    this.change({ born, next, events, bytes }, () => {
      let id = storage.lastOutboxId()
      for (const body of bodies) storage.writeOutbox(++id, body)
    })
    return { queued }
  }

  /** The oldest rows, as one text for their home; undefined when nothing waits. */
  take(): { readonly text: string; readonly rows: number; readonly hasImported: boolean } | undefined {
    const waiting = this.options.storage.readOutbox(1)
    if (waiting.length === 0) return undefined
    let text = ''
    let rows = 0
    let hasImported = false
    for (let after = 0; rows < SENT_ROWS; ) {
      const [row] = this.options.storage.readOutbox(1, after)
      if (row === undefined || (rows > 0 && text.length + row.body.length > SENT_UNITS)) break
      text += row.body
      // Quotes within a text are escaped, so nothing else looks like it.
      hasImported ||= row.body.slice(0, row.body.indexOf('\n')).includes('"imported":[')
      rows++
      after = row.id
    }
    return { text, rows, hasImported }
  }

  /** The oldest row; undefined when nothing waits. */
  first(): QueuedRow | undefined {
    const [row] = this.options.storage.readOutbox(1)
    return row && parseRows<QueuedRow>(row.body)[0]
  }

  /** Lets go the oldest rows, whose events their home has. */
  taken(rows: number): void {
    const { storage } = this.options
    if (rows === 0) return
    const gone = storage.readOutbox(rows)
    let { events, bytes } = this.state
    for (const { body } of gone) {
      bytes -= utf8.encode(body).length
      for (const { count } of parseRows<QueuedRow>(body)) events -= count
    }
    const last = gone.at(-1)?.id ?? 0
    this.change({ ...this.state, events, bytes }, () => storage.deleteOutbox(last))
  }

  /** Memory follows the storage: when that throws, nothing has happened. */
  private change(state: State, write: () => void): void {
    const { storage } = this.options
    storage.transaction(() => {
      write()
      storage.writeMeta('queue', JSON.stringify(state))
    })
    this.state = state
  }
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)
