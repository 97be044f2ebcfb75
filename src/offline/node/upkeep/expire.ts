import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Manifest, Segment } from '../../index.ts'
import { listOf, openDuck, rowsOf } from '../duck.ts'
import { contractOf, editLog, fetchPiece, nameOf, readManifests, type Upkeep } from './bucket.ts'
import { insistIsReplaced } from './compact.ts'
import { rewrite } from './rewrite.ts'

/** What goes of one shard's log. */
export interface Expiring {
  readonly manifest: Manifest
  /** Files that go whole. */
  readonly whole: readonly Segment[]
  /** Files that some rows of go. */
  readonly part: readonly Segment[]
}

export interface Expired {
  readonly shards: number
  readonly rows: number
  readonly filesDropped: number
  readonly filesRewritten: number
  /** Shards that were left, for somebody changed their log meanwhile. */
  readonly left: readonly string[]
}

/** What rows arrived before a time, ms: nothing is changed. */
export async function expiring({ objects }: Pick<Upkeep, 'objects'>, beforeMs: number): Promise<Expiring[]> {
  return (await readManifests(objects)).flatMap((manifest) => {
    const whole = manifest.segments.filter(({ toArrivalMs }) => toArrivalMs < beforeMs)
    const part = manifest.segments.filter((one) => one.fromArrivalMs < beforeMs && one.toArrivalMs >= beforeMs)
    return whole.length + part.length === 0 ? [] : [{ manifest, whole, part }]
  })
}

/**
 * Takes away what arrived before a time, shard by shard: the manifest says so and begins later, so that whoever reads what is left knows. Wherever it
 * ends, running it again goes on.
 */
export async function expire(
  upkeep: Upkeep,
  beforeMs: number,
  onShard: (done: number, of: number) => void = () => {},
): Promise<Expired> {
  const all = await expiring(upkeep, beforeMs)
  const sum = { shards: 0, rows: 0, filesDropped: 0, filesRewritten: 0 }
  const left: string[] = []
  for (const [i, one] of all.entries()) {
    const rows = await expireShard(upkeep, one, beforeMs)
    if (rows === undefined) left.push(nameOf(one.manifest.shard))
    else {
      sum.shards++
      sum.rows += rows
      sum.filesDropped += one.whole.length
      sum.filesRewritten += one.part.length
    }
    onShard(i + 1, all.length)
  }
  return { ...sum, left }
}

async function expireShard(
  upkeep: Upkeep,
  { manifest, whole, part }: Expiring,
  beforeMs: number,
): Promise<number | undefined> {
  const { objects, memoryMb, now } = upkeep
  const folder = await mkdtemp(join(upkeep.folder, 'expire-'))
  const duck = await openDuck({ threads: 2, memoryMb, temporary: folder })
  try {
    let rows = whole.reduce((sum, segment) => sum + segment.rows, 0)
    // Of a file that goes whole its last commit is known by its bounds: rather too much is said to be gone than too little.
    let lastSeq = Math.max(0, ...whole.map(({ toSeq }) => toSeq))
    const add: Segment[] = []
    for (const segment of part) {
      const piece = await fetchPiece(objects, segment, folder)
      if (piece === undefined) return await insistIsReplaced(upkeep, manifest, segment)
      const [gone] = await rowsOf<{ n: bigint; last: bigint | null }>(
        duck.connection,
        `SELECT count(*) AS n, max(tm_seq) AS last FROM read_parquet(${listOf([piece.path])}, hive_partitioning = false) WHERE epoch_ms(tm_available_at) < ${beforeMs}`,
      )
      rows += Number(gone?.n ?? 0)
      lastSeq = Math.max(lastSeq, Number(gone?.last ?? 0))
      const stays = `epoch_ms(r.tm_available_at) >= ${beforeMs}`
      const source = contractOf(manifest, segment)
      const made = await rewrite({
        instance: duck.instance,
        shard: manifest.shard,
        source,
        pieces: [piece],
        stays,
        folder,
      })
      if (made === null) continue
      await objects.put(made.segment.key, await readFile(made.path))
      add.push(made.segment)
    }
    const remove = [...whole, ...part].map(({ key }) => key)
    const change = {
      remove,
      add,
      removed: { atMs: now(), why: 'retention' as const, beforeMs, rows },
      fromSeq: Math.min(manifest.seq, lastSeq) + 1,
    }
    if (!(await editLog(upkeep, manifest.shard, change))) return undefined
    await objects.delete(remove)
    return rows
  } finally {
    duck.connection.closeSync()
    duck.instance.closeSync()
    await rm(folder, { recursive: true, force: true })
  }
}
