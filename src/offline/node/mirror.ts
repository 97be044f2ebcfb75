import { createHash } from 'node:crypto'
import type { ListedObject, ObjectStore } from '../index.ts'
import { manifestPrefix, readManifest, type Segment } from '../index.ts'
import type { FileObjects } from './file-objects.ts'
import { OfflineError } from './offline-error.ts'

/** Segments that are fetched side by side. */
const AT_ONCE = 4

/**
 * Brings the log of some entities into a folder: manifests always, a segment only when it is not there yet, for a segment
 * never changes. What comes is held against its checksum; a segment that was compacted away in between makes it begin again.
 *
 * @returns bytes of segments that were fetched
 */
export async function mirrorLog(
  from: Pick<ObjectStore, 'get' | 'list'>,
  to: FileObjects,
  entities: readonly string[],
): Promise<number> {
  for (let tries = 1; ; tries++) {
    const fetched = await mirrorOnce(from, to, entities)
    if (typeof fetched === 'number') return fetched
    if (tries === 3) throw new OfflineError(`${fetched.missing} is missing, and its manifest names it.`)
  }
}

async function mirrorOnce(
  from: Pick<ObjectStore, 'get' | 'list'>,
  to: FileObjects,
  entities: readonly string[],
): Promise<number | { readonly missing: string }> {
  const manifests: { readonly key: string; readonly bytes: Uint8Array }[] = []
  const segments: Segment[] = []
  for (const entity of entities) {
    for (const { key } of await from.list(`${manifestPrefix}${entity}/`)) {
      const stored = await from.get(key)
      if (stored === undefined) continue
      manifests.push({ key, bytes: stored.bytes })
      segments.push(...readManifest(stored.bytes, key).segments)
    }
  }
  const known = new Map((await to.list('log/tm_')).map((one: ListedObject) => [one.key, one.bytes]))
  const lacking = segments.filter(({ key, bytes }) => known.get(key) !== bytes)
  let fetched = 0
  for (let at = 0; at < lacking.length; at += AT_ONCE) {
    const some = await Promise.all(lacking.slice(at, at + AT_ONCE).map((segment) => fetchSegment(from, to, segment)))
    const missing = lacking[at + some.indexOf(undefined)]
    if (some.includes(undefined) && missing !== undefined) return { missing: missing.key }
    fetched += some.reduce<number>((sum, bytes) => sum + (bytes ?? 0), 0)
  }
  // Last, so that what a manifest names is there.
  for (const { key, bytes } of manifests) await to.put(key, bytes)
  // What was compacted, retained no longer or erased goes here too.
  const names = new Set(segments.map(({ key }) => key))
  const folders = entities.map((entity) => `/tm_entity=${entity}/`)
  await to.delete([...known.keys()].filter((key) => !names.has(key) && folders.some((folder) => key.includes(folder))))
  return fetched
}

async function fetchSegment(
  from: Pick<ObjectStore, 'get'>,
  to: FileObjects,
  { key, sha256 }: Segment,
): Promise<number | undefined> {
  const stored = await from.get(key)
  if (stored === undefined) return undefined
  const sum = createHash('sha256').update(stored.bytes).digest('hex')
  if (sum !== sha256) throw new OfflineError(`${key} was changed: its SHA-256 is ${sum}, its manifest says ${sha256}.`)
  await to.put(key, stored.bytes)
  return stored.bytes.length
}
