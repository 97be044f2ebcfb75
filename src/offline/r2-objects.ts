import type { ListedObject, ObjectStore, StoredObject } from './objects.ts'

/** What is used of a bucket of R2 (`R2Bucket` of the runtime). */
export interface R2 {
  get(key: string): Promise<{ readonly etag: string; arrayBuffer(): Promise<ArrayBuffer> } | null>
  /** Null: the condition did not hold. */
  put(key: string, bytes: Uint8Array, options?: { readonly onlyIf: R2Condition }): Promise<object | null>
  /** At most 1,000 keys. */
  delete(keys: string[]): Promise<void>
  list(options: { readonly prefix: string; readonly cursor?: string }): Promise<R2Page>
}

type R2Condition = { readonly etagMatches: string } | { readonly etagDoesNotMatch: string }

type R2Page = {
  readonly objects: readonly { readonly key: string; readonly size: number; readonly uploaded?: Date }[]
} & ({ readonly truncated: true; readonly cursor: string } | { readonly truncated: false })

const MAX_DELETED = 1000

/** A bucket of R2. It takes one write a second of one key; what it refuses for a reason of its own is thrown. */
export class R2Objects implements ObjectStore {
  private readonly bucket: R2

  constructor(bucket: R2) {
    this.bucket = bucket
  }

  async get(key: string): Promise<StoredObject | undefined> {
    const found = await this.bucket.get(key)
    return found === null ? undefined : { bytes: new Uint8Array(await found.arrayBuffer()), etag: found.etag }
  }

  async put(key: string, bytes: Uint8Array, match?: { readonly etag: string | null }): Promise<boolean> {
    if (match === undefined) return (await this.bucket.put(key, bytes)) !== null
    const onlyIf = match.etag === null ? { etagDoesNotMatch: '*' } : { etagMatches: match.etag }
    return (await this.bucket.put(key, bytes, { onlyIf })) !== null
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (let at = 0; at < keys.length; at += MAX_DELETED) await this.bucket.delete(keys.slice(at, at + MAX_DELETED))
  }

  async list(prefix: string): Promise<readonly ListedObject[]> {
    const found: ListedObject[] = []
    for (let cursor: string | undefined; ; ) {
      const page = await this.bucket.list({ prefix, ...(cursor !== undefined && { cursor }) })
      for (const { key, size, uploaded } of page.objects)
        found.push({ key, bytes: size, ...(uploaded && { modifiedMs: uploaded.getTime() }) })
      // R2 sorts by UTF-8, which differs from code units beyond U+FFFF.
      if (!page.truncated) return found.sort((a, b) => (a.key < b.key ? -1 : 1))
      cursor = page.cursor
    }
  }
}
