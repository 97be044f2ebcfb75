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
  readJournal(): string[]

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
  private outbox: { id: number; body: string }[] = []

  transaction(work: () => void): void {
    work()
  }

  readMeta(key: string): string | undefined {
    return this.meta.get(key)
  }

  writeMeta(key: string, value: string): void {
    this.meta.set(key, value)
  }

  writeJournal(slot: number, body: string): void {
    this.journal.set(slot, body)
  }

  readJournal(): string[] {
    return [...this.journal.values()]
  }

  writeBlob(kind: BlobKind, id: number, bytes: Uint8Array): void {
    this.blobs.set(`${kind}/${id}`, bytes.slice())
  }

  readBlob(kind: BlobKind, id: number): Uint8Array | undefined {
    return this.blobs.get(`${kind}/${id}`)
  }

  deleteBlob(kind: BlobKind, id: number): void {
    this.blobs.delete(`${kind}/${id}`)
  }

  writeOutbox(id: number, body: string): void {
    this.outbox.push({ id, body })
  }

  lastOutboxId(): number {
    return this.outbox.at(-1)?.id ?? 0
  }

  readOutbox(limit: number): { readonly id: number; readonly body: string }[] {
    return this.outbox.slice(0, limit)
  }

  deleteOutbox(upTo: number): void {
    this.outbox = this.outbox.filter((row) => row.id > upTo)
  }
}
