/**
 * What a shard asks of its storage. Two implementations: SQLite in a Durable Object, and memory (the reference; also what
 * `localStore` runs on). Every write of a batch happens inside one `transaction`; the tables are described in
 * docs/storage-schema.md.
 */
export interface ShardStorage {
  /** Runs `work` so that all of its writes become durable together, or none. Synchronous: nothing can come between. */
  transaction(work: () => void): void

  readMeta(key: string): string | undefined
  writeMeta(key: string, value: string): void

  /** A ring of rows: writing a slot again replaces it. */
  writeJournal(slot: number, body: string): void
  readJournal(slot: number): string | undefined

  /** Blobs by number, in one namespace for each kind. A blob may be larger than a row: the storage cuts it. */
  writeBlob(kind: BlobKind, id: number, bytes: Uint8Array): void
  readBlob(kind: BlobKind, id: number): Uint8Array | undefined
  deleteBlob(kind: BlobKind, id: number): void

  /** Refusals on their way to the dead letters, oldest first. */
  writeOutbox(id: number, body: string): void
  /** The greatest id ever written that is still known, or 0. */
  lastOutboxId(): number
  readOutbox(limit: number): { readonly id: number; readonly body: string }[]
  deleteOutbox(upTo: number): void
}

/** Entity pages; sorted runs of event ids; Bloom filters of those runs. */
export type BlobKind = 'page' | 'ids' | 'filter'

/** The reference implementation: everything in maps, nothing durable. */
export class MemoryStorage implements ShardStorage {
  private readonly meta = new Map<string, string>()
  private readonly journal = new Map<number, string>()
  private readonly blobs = new Map<string, Uint8Array>()
  private outbox: readonly { readonly id: number; readonly body: string }[] = []
  /** How to take back what the transaction under way has written. */
  private undo: (() => void)[] | null = null

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

  private setOutbox(rows: readonly { readonly id: number; readonly body: string }[]): void {
    const before = this.outbox
    this.undo?.push(() => {
      this.outbox = before
    })
    this.outbox = rows
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
    this.setOutbox([...this.outbox, { id, body }])
  }

  lastOutboxId(): number {
    return this.outbox.at(-1)?.id ?? 0
  }

  readOutbox(limit: number): { readonly id: number; readonly body: string }[] {
    return this.outbox.slice(0, limit)
  }

  deleteOutbox(upTo: number): void {
    this.setOutbox(this.outbox.filter((row) => row.id > upTo))
  }
}
