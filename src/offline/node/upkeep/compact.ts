import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Manifest, Segment } from '../../index.ts'
import { openDuck } from '../duck.ts'
import { contractOf, editLog, fetchPiece, manifestNow, readManifests, type Upkeep } from './bucket.ts'
import { type Piece, rewrite } from './rewrite.ts'

const DAY_MS = 86_400_000
const TARGET_BYTES = 64 * 1024 * 1024

export interface CompactOptions {
  /** Also what arrived today. */
  readonly all?: boolean
  /** How many days one file may have; default 1: then `tm_day` tells the day of each row. */
  readonly days?: number
  /** Files that are together as large become one; default 64 MB. */
  readonly targetBytes?: number
}

/** Files that become one. */
export interface Group {
  readonly manifest: Manifest
  readonly segments: readonly Segment[]
}

export interface Compacted {
  readonly groups: number
  readonly filesBefore: number
  readonly filesAfter: number
  readonly bytesBefore: number
  readonly bytesAfter: number
  readonly rows: number
  /** Groups that were left, for somebody changed the log meanwhile. */
  readonly left: number
}

/**
 * What a compaction would make one file of: of each source and contract what lies together in the order of commits. A file that was made this way and is
 * a quarter of the target is left for ever.
 */
export function groupsOf(
  manifest: Manifest,
  nowMs: number,
  { all = false, days = 1, targetBytes = TARGET_BYTES }: CompactOptions = {},
): Group[] {
  const today = Math.floor(nowMs / DAY_MS) * DAY_MS
  const byKind = new Map<string, Segment[]>()
  for (const segment of manifest.segments) {
    if (!all && segment.toArrivalMs >= today) continue
    const isKept = segment.order === 'entity' && segment.bytes >= targetBytes / 4
    if (isKept) continue
    // Commits that the log has not all of stay apart from those that it has.
    const isCut = segment.fromSeq < manifest.fromSeq
    const day = Math.floor(segment.fromArrivalMs / (days * DAY_MS))
    const kind = `${segment.source} ${segment.contract} ${isCut} ${day}`
    const known = byKind.get(kind)
    if (known) known.push(segment)
    else byKind.set(kind, [segment])
  }
  return [...byKind.values()].flatMap((segments) => filled(manifest, segments, targetBytes))
}

function filled(manifest: Manifest, segments: readonly Segment[], targetBytes: number): Group[] {
  const groups: Group[] = []
  let open: Segment[] = []
  let bytes = 0
  const close = (): void => {
    if (open.length > 1 || open.some(({ order }) => order === 'commit')) groups.push({ manifest, segments: open })
    open = []
    bytes = 0
  }
  for (const segment of [...segments].sort((a, b) => a.fromSeq - b.fromSeq || (a.key < b.key ? -1 : 1))) {
    if (open.length > 0 && bytes + segment.bytes > targetBytes) close()
    open.push(segment)
    bytes += segment.bytes
  }
  close()
  return groups
}

/**
 * Makes few large files, sorted by entity, of many small ones. Wherever it ends, nothing is lost: a new file counts from when its shard names it, and
 * one that nobody names is swept. Running it again goes on.
 */
export async function compact(
  upkeep: Upkeep,
  options: CompactOptions = {},
  onGroup: (done: number, of: number) => void = () => {},
): Promise<Compacted> {
  const sum = { groups: 0, filesBefore: 0, filesAfter: 0, bytesBefore: 0, bytesAfter: 0, rows: 0, left: 0 }
  // What comes out may be small enough to go together once more.
  for (let round = 0; round < 8; round++) {
    const nowMs = upkeep.now()
    const groups = (await readManifests(upkeep.objects)).flatMap((manifest) => groupsOf(manifest, nowMs, options))
    if (groups.length === 0) break
    const leftBefore = sum.left
    for (const [i, group] of groups.entries()) {
      const made = await compactGroup(upkeep, group)
      if (made === undefined) sum.left++
      else {
        sum.groups++
        sum.filesBefore += group.segments.length
        sum.filesAfter++
        sum.bytesBefore += group.segments.reduce((bytes, segment) => bytes + segment.bytes, 0)
        sum.bytesAfter += made.bytes
        sum.rows += made.rows
      }
      onGroup(i + 1, groups.length)
    }
    if (sum.left > leftBefore) break
  }
  return sum
}

async function compactGroup(upkeep: Upkeep, { manifest, segments }: Group): Promise<Segment | undefined> {
  const { objects, memoryMb } = upkeep
  const folder = await mkdtemp(join(upkeep.folder, 'compact-'))
  const duck = await openDuck({ threads: 2, memoryMb, temporary: folder })
  try {
    const pieces: Piece[] = []
    for (const segment of segments) {
      const piece = await fetchPiece(objects, segment, folder)
      if (piece === undefined) return await insistIsReplaced(upkeep, manifest, segment)
      pieces.push(piece)
    }
    const [first] = segments as readonly [Segment]
    const source = contractOf(manifest, first)
    const made = await rewrite({ instance: duck.instance, shard: manifest.shard, source, pieces, folder })
    if (made === null) throw new Error(`${first.key} and its neighbours have no rows`)
    await objects.put(made.segment.key, await readFile(made.path))
    const remove = segments.map(({ key }) => key).filter((key) => key !== made.segment.key)
    if (!(await editLog(upkeep, manifest.shard, { remove, add: [made.segment] }))) return undefined
    await objects.delete(remove)
    return made.segment
  } finally {
    duck.connection.closeSync()
    duck.instance.closeSync()
    await rm(folder, { recursive: true, force: true })
  }
}

/** A file that is gone was replaced by somebody else; if the manifest still names it, it is lost, and that is told. */
export async function insistIsReplaced({ objects }: Upkeep, { shard }: Manifest, { key }: Segment): Promise<undefined> {
  const now = await manifestNow(objects, shard)
  if (now?.segments.some((segment) => segment.key === key))
    throw new Error(`${key} is missing, and its manifest names it. Restore it from a copy of the bucket.`)
  return undefined
}
