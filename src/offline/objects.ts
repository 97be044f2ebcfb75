/** Where the log is kept: R2 in a Worker, files in Node, memory in tests. Each passes one conformance suite. */
export interface ObjectStore {
  get(key: string): Promise<StoredObject | undefined>
  /**
   * Writes an object, all of it or nothing. With `match`, only over the very object that was read (its `etag`), or with null only
   * where there is none: then it may say false, and nothing was written.
   */
  put(key: string, bytes: Uint8Array, match?: { readonly etag: string | null }): Promise<boolean>
  /** Of one that is not there: nothing. */
  delete(keys: readonly string[]): Promise<void>
  /** Keys with this beginning, sorted by code units. */
  list(prefix: string): Promise<readonly ListedObject[]>
}

export interface StoredObject {
  readonly bytes: Uint8Array
  /** Changes whenever the object does. */
  readonly etag: string
}

export interface ListedObject {
  readonly key: string
  readonly bytes: number
  /** When it was put, ms; absent where the store does not tell. */
  readonly modifiedMs?: number
}

/** The reference implementation. */
export class MemoryObjects implements ObjectStore {
  private readonly objects = new Map<string, StoredObject>()
  private writes = 0

  async get(key: string): Promise<StoredObject | undefined> {
    return this.objects.get(key)
  }

  async put(key: string, bytes: Uint8Array, match?: { readonly etag: string | null }): Promise<boolean> {
    if (match && (this.objects.get(key)?.etag ?? null) !== match.etag) return false
    this.objects.set(key, { bytes: bytes.slice(), etag: String(++this.writes) })
    return true
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.objects.delete(key)
  }

  async list(prefix: string): Promise<readonly ListedObject[]> {
    const found = [...this.objects].filter(([key]) => key.startsWith(prefix))
    return found.map(([key, { bytes }]) => ({ key, bytes: bytes.length })).sort((a, b) => (a.key < b.key ? -1 : 1))
  }
}
