import type { EntityRuntime, Route } from '../plan/index.ts'
import type { OutboxStorage } from './storage.ts'
import type { Target } from './targets.ts'

/** Keys of entities that changed in the same views. */
export interface ChangedKeys {
  /** Names, sorted. */
  readonly views: readonly string[]
  /** Encoded entity keys, each once. */
  readonly keys: readonly string[]
  /** Only for this reader of the list: what it has never been told. Absent: for all. */
  readonly only?: string
}

/** What one batch changed. */
export interface ChangeRow {
  readonly id: number
  /** When the batch was accepted, ms. */
  readonly atMs: number
  /** The shard's commit after it, and that before it; 0 in a row that older code wrote. */
  readonly seq: number
  readonly from: number
  readonly changed: readonly ChangedKeys[]
}

const FORMAT = 1
/** About the length of a row in UTF-16 code units: at three bytes each it stays below the 2 MB of a row. */
const ROW_UNITS = 512 * 1024
/** What JSON adds to a key, mostly. */
const QUOTES = 3

/**
 * Which entities of a shard changed, batch by batch, for whoever keeps a copy of them: the list is written in the batch's
 * own transaction, so that it has exactly what is durable. It has keys alone; what an entity is, is looked up when it leaves,
 * so that many changes are one message.
 */
export class ChangeList {
  private readonly storage: OutboxStorage
  private readonly views: ReadonlySet<string>
  private readonly entity: EntityRuntime
  /** By views; what the batch at hand has changed. */
  private pending = new Map<string, Set<string>>()
  /** The row at hand, and about its length. */
  private row: ChangedKeys[] = []
  private units = 0
  private readonly names = new Map<Route, string>()
  private next: number
  /** Who reads the list, and the last row that each is done with. */
  private readonly readers = new Map<string, number>()

  /** `views`: only changes of these are kept. */
  constructor(views: ReadonlySet<string>, entity: EntityRuntime, storage: OutboxStorage) {
    this.views = views
    this.entity = entity
    this.storage = storage
    this.next = storage.lastOutboxId() + 1
  }

  /** Notes the entities that an event was folded into. */
  note(here: readonly Target[]): void {
    for (const { route, key } of here) {
      const views = this.viewsOf(route)
      if (views === '') continue
      const keys = this.pending.get(views)
      if (keys) keys.add(key)
      else this.pending.set(views, new Set([key]))
    }
  }

  /** The views of a route that are kept, sorted, with commas between. */
  private viewsOf(route: Route): string {
    let known = this.names.get(route)
    if (known === undefined) {
      const names = route.views.map(({ view }) => this.entity.plan[view]?.spec.name ?? '')
      known = names
        .filter((name) => this.views.has(name))
        .sort()
        .join()
      this.names.set(route, known)
    }
    return known
  }

  /** Writes what was noted: a row, or none. Inside the batch's transaction; the commits before and after it. */
  write(atMs: number, from: number, seq: number): void {
    if (this.pending.size === 0) return
    const at = { atMs, from, seq }
    for (const [views, keys] of this.pending) this.pack(at, { views: views.split(','), keys: [...keys] })
    this.close(at)
    this.pending = new Map()
  }

  /** Writes keys that did not change, for a reader that was never told of them. Inside a transaction. */
  list(atMs: number, seq: number, changed: ChangedKeys): void {
    if (changed.keys.length === 0) return
    const at = { atMs, from: seq, seq }
    this.pack(at, changed)
    this.close(at)
  }

  private pack(at: RowHead, { keys, ...about }: ChangedKeys): void {
    for (let from = 0; from < keys.length; ) {
      let to = from
      while (to < keys.length && this.units < ROW_UNITS) this.units += (keys[to++] as string).length + QUOTES
      this.row.push({ ...about, keys: keys.slice(from, to) })
      from = to
      if (this.units >= ROW_UNITS) this.close(at)
    }
  }

  private close(at: RowHead): void {
    const { row } = this
    this.row = []
    this.units = 0
    if (row.length === 0) return
    this.storage.writeOutbox(this.next++, `${JSON.stringify({ format: FORMAT, ...at })}\n${JSON.stringify(row)}`)
  }

  /** The oldest rows behind a number. */
  read(after: number, limit: number): ChangeRow[] {
    return this.storage.readOutbox(limit, after).map(({ id, body }) => {
      const cut = body.indexOf('\n')
      return { id, ...head(body), changed: JSON.parse(body.slice(cut + 1)) as ChangedKeys[] }
    })
  }

  /** Everything up to this commit has left for all readers; undefined when nothing waits. */
  get releasedSeq(): number | undefined {
    const [row] = this.storage.readOutbox(1, 0)
    return row && head(row.body).from
  }

  /** When the oldest row behind a number was accepted; null when there is none. */
  oldestMs(after: number): number | null {
    const [row] = this.storage.readOutbox(1, after)
    return row === undefined ? null : head(row.body).atMs
  }

  /** How many rows there are behind a number. */
  count(after: number): number {
    const [row] = this.storage.readOutbox(1, after)
    return row === undefined ? 0 : this.last - row.id + 1
  }

  /** The number of the newest row, or 0. */
  get last(): number {
    return this.next - 1
  }

  /** Makes somebody a reader of the list: rows stay until all readers are done with them. */
  join(reader: string): void {
    this.readers.set(reader, 0)
  }

  /** A reader is done with the rows up to this one; they go when all are. */
  release(reader: string, upTo: number): void {
    const before = Math.min(...this.readers.values())
    this.readers.set(reader, upTo)
    const done = Math.min(...this.readers.values())
    if (done > before) this.storage.transaction(() => this.storage.deleteOutbox(done))
  }
}

type RowHead = Pick<ChangeRow, 'atMs' | 'seq' | 'from'>

function head(body: string): RowHead {
  const { format, atMs, seq, from } = JSON.parse(body.slice(0, body.indexOf('\n'))) as Record<
    'format' | 'atMs',
    number
  > &
    Partial<RowHead>
  if (format !== FORMAT) throw new Error(`a row of changes of format ${format}; this code reads ${FORMAT}`)
  return { atMs, seq: seq ?? 0, from: from ?? 0 }
}
