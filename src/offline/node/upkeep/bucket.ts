import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { SourceSpec } from '../../../engine/index.ts'
import {
  type LogEdit,
  type LogShard,
  type Manifest,
  manifestKey,
  manifestPrefix,
  type ObjectStore,
  readManifest,
  type Segment,
} from '../../index.ts'
import { OfflineError } from '../offline-error.ts'
import type { Piece } from './rewrite.ts'

/** Has a shard name other files of its log: nobody but the shard writes its manifest. */
export interface LogEditor {
  edit(shard: LogShard, change: LogEdit): Promise<'edited' | 'changed' | 'no log'>
}

/** A log that is worked on: its bucket, its shards, and where files are put on this machine meanwhile. */
export interface Upkeep {
  readonly objects: ObjectStore
  readonly editor: LogEditor
  readonly folder: string
  /** What DuckDB may take to sort with, MB. */
  readonly memoryMb: number
  readonly now: () => number
}

/** Every manifest of a bucket, or of some entities. Throws an {@link OfflineError} for one that is none. */
export async function readManifests(objects: Pick<ObjectStore, 'get' | 'list'>): Promise<Manifest[]> {
  const found: Manifest[] = []
  for (const { key } of await objects.list(manifestPrefix)) {
    const stored = await objects.get(key)
    if (stored !== undefined) found.push(parsed(stored.bytes, key))
  }
  return found
}

function parsed(bytes: Uint8Array, key: string): Manifest {
  try {
    return readManifest(bytes, key)
  } catch (error) {
    throw new OfflineError(error instanceof Error ? error.message : String(error))
  }
}

/** The manifest of one shard as it is now. */
export async function manifestNow(objects: Pick<ObjectStore, 'get'>, shard: LogShard): Promise<Manifest | undefined> {
  const key = manifestKey(shard)
  const stored = await objects.get(key)
  return stored && parsed(stored.bytes, key)
}

/** Brings a segment to this machine. Undefined where it is gone: replaced meanwhile. Throws for one that is not what its manifest says. */
export async function fetchPiece(
  objects: Pick<ObjectStore, 'get'>,
  segment: Segment,
  folder: string,
): Promise<Piece | undefined> {
  const stored = await objects.get(segment.key)
  if (stored === undefined) return undefined
  const sum = createHash('sha256').update(stored.bytes).digest('hex')
  if (sum !== segment.sha256)
    throw new OfflineError(`${segment.key} was changed: its SHA-256 is ${sum}, its manifest says ${segment.sha256}.`)
  const path = join(folder, `${sum}.parquet`)
  await writeFile(path, stored.bytes)
  return { segment, path }
}

/** The contract that a segment's rows are of. */
export function contractOf({ contracts, shard }: Manifest, { contract, key }: Segment): SourceSpec {
  const found = contracts.find(({ number }) => number === contract)?.source
  if (found === undefined)
    throw new OfflineError(`the manifest of ${nameOf(shard)} has no contract ${contract}, which ${key} is of.`)
  return found
}

export const nameOf = ({ region, entity, epoch, shard }: LogShard): string => `${region}/${entity}/${epoch}/${shard}`

/**
 * Has the shard name other files. An answer that was lost is looked up: true where the log is as it should be, false where somebody was quicker and
 * nothing was done.
 */
export async function editLog({ objects, editor }: Upkeep, shard: LogShard, change: LogEdit): Promise<boolean> {
  if ((await editor.edit(shard, change)) === 'edited') return true
  const now = await manifestNow(objects, shard)
  const names = new Set(now?.segments.map(({ key }) => key))
  const isDone = change.add.every(({ key }) => names.has(key)) && !change.remove.some((key) => names.has(key))
  return now !== undefined && isDone && change.remove.length > 0
}
