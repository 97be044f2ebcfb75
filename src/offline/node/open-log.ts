import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Manifest, manifestPrefix, readManifest, type Segment } from '../index.ts'
import { FileObjects } from './file-objects.ts'
import { OfflineError } from './offline-error.ts'

/** The log of one shard: its manifest, and where its files are. */
export interface ShardLog {
  readonly manifest: Manifest
  readonly files: readonly { readonly segment: Segment; readonly path: string }[]
}

/**
 * The log of some entities: every manifest, and every segment that these name, each there with its size and its checksum.
 * Throws an {@link OfflineError} for a manifest that is none, and for a segment that is missing or changed.
 *
 * @param folder the bucket, as files
 * @param entities all when absent
 * @param isTrusted does not read the files to compare checksums
 */
export async function openLog(
  folder: string,
  { entities, isTrusted = false }: { readonly entities?: readonly string[]; readonly isTrusted?: boolean } = {},
): Promise<ShardLog[]> {
  const objects = new FileObjects(folder)
  const logs: ShardLog[] = []
  for (const { key } of await objects.list(manifestPrefix)) {
    const entity = key.slice(manifestPrefix.length).split('/')[0] ?? ''
    if (entities && !entities.includes(entity)) continue
    const stored = await objects.get(key)
    if (stored === undefined) continue
    const manifest = manifestOf(stored.bytes, key)
    const files = manifest.segments.map((segment) => ({ segment, path: join(folder, segment.key) }))
    logs.push({ manifest, files })
  }
  for (const { manifest, files } of logs) {
    for (const { segment, path } of files) await checkSegment(segment, path, manifest, isTrusted)
  }
  return logs
}

function manifestOf(bytes: Uint8Array, key: string): Manifest {
  try {
    return readManifest(bytes, key)
  } catch (error) {
    throw new OfflineError(error instanceof Error ? error.message : String(error))
  }
}

async function checkSegment(segment: Segment, path: string, { shard }: Manifest, isTrusted: boolean): Promise<void> {
  const { region, entity, epoch, shard: number } = shard
  const of = `the log of ${region}/${entity}/${epoch}/${number}`
  const mend = 'Restore it from a copy of the bucket: without it values would be wrong.'
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) throw new OfflineError(`${path} is missing: ${of} names it. ${mend}`)
  if (found.size !== segment.bytes)
    throw new OfflineError(
      `${path} has ${found.size} bytes, ${of} says ${segment.bytes}: it was changed or cut. ${mend}`,
    )
  if (isTrusted) return
  const sha256 = await sha256Of(path)
  if (sha256 !== segment.sha256)
    throw new OfflineError(`${path} was changed: its SHA-256 is ${sha256}, ${of} says ${segment.sha256}. ${mend}`)
}

/** Of a file, hexadecimal. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(path)) hash.update(piece as Uint8Array)
  return hash.digest('hex')
}
