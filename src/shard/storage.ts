/**
 * What a shard asks of its storage. Two implementations: SQLite in a Durable Object, and memory (the reference; also what
 * `localStore` runs on). Every write of a batch happens inside one `transaction`; the tables are described in
 * docs/storage-schema.md. Its own rows that wait are refusals on their way to the dead letters.
 */
export interface ShardStorage extends OutboxStorage {
  readMeta(key: string): string | undefined
  writeMeta(key: string, value: string): void

  /** A ring of rows: writing a slot again replaces it. */
  writeJournal(slot: number, body: string): void
  readJournal(slot: number): string | undefined

  /** Blobs by number, in one namespace for each kind. A blob may be larger than a row: the storage cuts it. */
  writeBlob(kind: BlobKind, id: number, bytes: Uint8Array): void
  readBlob(kind: BlobKind, id: number): Uint8Array | undefined
  deleteBlob(kind: BlobKind, id: number): void

  /** Changes on their way to those who keep copies. */
  readonly changes: OutboxStorage

  /** Journal rows that the log has not had yet and that the ring has no place for any more. */
  readonly unlogged: OutboxStorage
}

/** Rows that wait to leave, oldest first. */
export interface OutboxStorage {
  /** Runs `work` so that all of its writes become durable together, or none. Synchronous: nothing can come between. */
  transaction(work: () => void): void
  writeOutbox(id: number, body: string): void
  /** The greatest id that is there, or 0. */
  lastOutboxId(): number
  /** At most so many of the rows whose id is greater than `after`; default: of all. */
  readOutbox(limit: number, after?: number): WaitingRow[]
  deleteOutbox(upTo: number): void
}

export interface WaitingRow {
  readonly id: number
  readonly body: string
}

/** Entity pages; sorted runs of event ids; Bloom filters of those runs. */
export type BlobKind = 'page' | 'ids' | 'filter'

/** The reference implementation: everything in maps, nothing durable. */
export class MemoryStorage implements ShardStorage {
  private readonly meta = new Map<string, string>()
  private readonly journal = new Map<number, string>()
  private readonly blobs = new Map<string, Uint8Array>()
  private readonly waiting = {
    outbox: [] as readonly WaitingRow[],
    changes: [] as readonly WaitingRow[],
    unlogged: [] as readonly WaitingRow[],
  }
  readonly changes = this.outboxOf('changes')
  readonly unlogged = this.outboxOf('unlogged')
  /** How to take back what the transaction under way has written. */
  private undo: (() => void)[] | null = null

  private outboxOf(kind: Waiting): OutboxStorage {
    return {
      transaction: (work) => this.transaction(work),
      writeOutbox: (id, body) => this.addRow(kind, id, body),
      lastOutboxId: () => this.lastRow(kind),
      readOutbox: (limit, after = 0) => this.rowsAfter(kind, after, limit),
      deleteOutbox: (upTo) => this.dropRows(kind, upTo),
    }
  }

  transaction(work: () => void): void {
    if (this.undo) throw new Error('a transaction inside of another')
    const undo: (() => void)[] = []
    this.undo = undo
    try {
      work()
    } catch (cause) {
      for (const step of undo.reverse()) step()
      throw cause
    } finally {
      this.undo = null
    }
  }

  private put<K, V>(map: Map<K, V>, key: K, value: V | undefined): void {
    const before = map.get(key)
    this.undo?.push(() => (before === undefined ? map.delete(key) : map.set(key, before)))
    if (value === undefined) map.delete(key)
    else map.set(key, value)
  }

  private setRows(kind: Waiting, rows: readonly WaitingRow[]): void {
    const before = this.waiting[kind]
    this.undo?.push(() => {
      this.waiting[kind] = before
    })
    this.waiting[kind] = rows
  }

  readMeta(key: string): string | undefined {
    return this.meta.get(key)
  }

  writeMeta(key: string, value: string): void {
    this.put(this.meta, key, value)
  }

  writeJournal(slot: number, body: string): void {
    this.put(this.journal, slot, body)
  }

  readJournal(slot: number): string | undefined {
    return this.journal.get(slot)
  }

  writeBlob(kind: BlobKind, id: number, bytes: Uint8Array): void {
    this.put(this.blobs, `${kind}/${id}`, bytes.slice())
  }

  readBlob(kind: BlobKind, id: number): Uint8Array | undefined {
    return this.blobs.get(`${kind}/${id}`)
  }

  deleteBlob(kind: BlobKind, id: number): void {
    this.put(this.blobs, `${kind}/${id}`, undefined)
  }

  writeOutbox(id: number, body: string): void {
    this.addRow('outbox', id, body)
  }

  lastOutboxId(): number {
    return this.lastRow('outbox')
  }

  readOutbox(limit: number, after = 0): WaitingRow[] {
    return this.rowsAfter('outbox', after, limit)
  }

  deleteOutbox(upTo: number): void {
    this.dropRows('outbox', upTo)
  }

  private addRow(kind: Waiting, id: number, body: string): void {
    this.setRows(kind, [...this.waiting[kind], { id, body }])
  }

  private lastRow(kind: Waiting): number {
    return this.waiting[kind].at(-1)?.id ?? 0
  }

  private rowsAfter(kind: Waiting, after: number, limit: number): WaitingRow[] {
    return this.waiting[kind].filter(({ id }) => id > after).slice(0, limit)
  }

  private dropRows(kind: Waiting, upTo: number): void {
    const left = this.waiting[kind].filter(({ id }) => id > upTo)
    this.setRows(kind, left)
  }
}

type Waiting = 'outbox' | 'changes' | 'unlogged'
