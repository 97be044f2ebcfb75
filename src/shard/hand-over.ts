import type { Part } from '../engine/index.ts'
import { type EntityRuntime, hashKey, type ShardName, sliceIn, spreadOf } from '../plan/index.ts'
import { ByteWriter } from '../util/byte-writer.ts'
import type { IdIndex } from './id-index.ts'
import { RUN_PARTS } from './id-run.ts'
import { Layouts } from './layouts.ts'
import type { Pages } from './pages.ts'
import type { Positions } from './positions.ts'
import type { StoredQuality } from './quality.ts'
import type { ShardStorage } from './storage.ts'

/** Raised when a child of before could not read what is handed over. */
export const HAND_OVER_FORMAT = 1

/** A run of ids, as its parent lists it. Equal lists are equal runs. */
export interface RunName {
  readonly id: number
  readonly tier: number
  readonly count: number
  readonly newestMs: number
  /** Of its content. */
  readonly sum: number
}

export const isSameRun = (a: RunName, b: RunName): boolean =>
  a.id === b.id && a.tier === b.tier && a.count === b.count && a.newestMs === b.newestMs && a.sum === b.sum

/** How a shard stands that is to hand over. */
export interface HandOverHead {
  readonly format: number
  /** Names what it holds since it was restored; absent of one that never was. What was copied under another name may not be so. */
  readonly lineage?: string
  readonly seq: number
  readonly availableAt: number
  readonly mark: number
  readonly pages: number
  /** About how many entities it has. */
  readonly entities: number
  readonly runs: readonly RunName[]
}

/** What a child has besides entities and ids; complete once its parent is sealed. */
export interface HandOverRest extends HandOverHead {
  /** Rows of meta, as they are stored. */
  readonly meta: Readonly<Record<string, string>>
  readonly quality: Readonly<Record<string, StoredQuality>> | null
}

/** Notes that a shard, or a table's, is as it was at another time: children that copied it before begin anew. */
/** What {@link startLineage} has named; undefined of a shard that was never restored. */
export const restoredLineage = (storage: Pick<ShardStorage, 'readMeta'>): string | undefined =>
  storage.readMeta(LINEAGE)

export function startLineage(storage: Pick<ShardStorage, 'writeMeta'>, lineage: string): void {
  storage.writeMeta(LINEAGE, lineage)
}

/** Which of a parent's children asks. */
export type ChildName = Pick<ShardName, 'epoch' | 'shards' | 'shard'>

/** Some cells of a child, as a page holds them, one behind the other. */
export interface HandedCells {
  readonly bytes: Uint8Array
  readonly cells: number
  /** The page to go on at; null behind the last. */
  readonly next: number | null
}

/** Some parts of a run, each as its number, its length and its entries. */
export interface HandedIds {
  readonly bytes: Uint8Array
  /** The part to go on at; null behind the last. */
  readonly next: number | null
}

/** A shard as those see it that take over from it: over RPC in a deploy. Each throws when it cannot be reached. */
export interface ParentShard {
  head(): Promise<HandOverHead>
  /** Stops it for good: from then on nothing is taken in and nothing is read. May be repeated. */
  seal(child: ChildName): Promise<HandOverRest>
  /** Cells of a child that have changed since a commit, from a page on. */
  cells(child: ChildName, page: number, since: number): Promise<HandedCells>
  /** A run's parts from one on; null when there is no such run any more: look at the head again. */
  ids(run: RunName, part: number): Promise<HandedIds | null>
}

/** About what one answer holds: little beside the 128 MB of an object, much beside a round trip. */
const ANSWER_BYTES = 512 * 1024
/** So long after it was asked for, runs of ids stay as they are. */
const HOLD_MS = 600_000
/** Rows of meta that say what was there before a deploy, and how long it has been. */
const META = [
  'spread',
  'contracts',
  'since',
  'born',
  'view starts',
  'view came',
  'backfills',
  'topics',
  'stores',
] as const
const SEALED = 'sealed'
const LINEAGE = 'lineage'
const writer = new ByteWriter()

interface Handing {
  readonly entity: EntityRuntime
  readonly part: Part
  readonly shards: number
  readonly storage: ShardStorage
  readonly layouts: Layouts
  readonly pages: Pages
  readonly ids: IdIndex
  readonly positions: Positions
  readonly report: (problem: string) => void
  /** As the shard counts them now. */
  readonly counters: () => Pick<HandOverHead, 'seq' | 'availableAt' | 'mark'>
  readonly quality: () => HandOverRest['quality']
}

/** The side of a shard that hands over to those of the next epoch. */
export class HandOver {
  private readonly of: Handing
  private sealedFor: number | null

  constructor(of: Handing) {
    this.of = of
    const sealed = of.storage.readMeta(SEALED)
    this.sealedFor = sealed === undefined ? null : Number(sealed)
  }

  /** The epoch that has taken over; null while none has. */
  get sealed(): number | null {
    return this.sealedFor
  }

  head(): HandOverHead {
    const { pages, ids, counters, storage } = this.of
    const now = counters()
    ids.holdMerges(now.availableAt + HOLD_MS)
    const lineage = storage.readMeta(LINEAGE)
    return {
      format: HAND_OVER_FORMAT,
      ...(lineage !== undefined && { lineage }),
      ...now,
      pages: pages.count,
      entities: pages.roughCells,
      runs: ids.handedOver.map(({ id, tier, count, newestMs, sum }): RunName => ({ id, tier, count, newestMs, sum })),
    }
  }

  seal({ epoch }: ChildName): HandOverRest {
    const { storage, ids, counters, positions, quality } = this.of
    if (this.sealedFor === null) {
      storage.transaction(() => {
        storage.writeMeta(SEALED, String(epoch))
        // All of them are in runs then.
        ids.save(counters().availableAt)
      })
      this.sealedFor = epoch
    }
    const own = META.flatMap((key) => {
      const text = storage.readMeta(key)
      return text === undefined ? [] : [[key, text] as const]
    })
    const meta = Object.fromEntries([...own, ...Layouts.rows(storage), ...positions.rows])
    return { ...this.head(), meta, quality: quality() }
  }

  cells(child: ChildName, page: number, since: number): HandedCells {
    const { pages, layouts, part, report } = this.of
    writer.reset()
    let cells = 0
    let next = page
    // Whole pages: while they are copied cells come, and pages are split, but what is moved goes to a page behind.
    for (; next < pages.count && writer.length < ANSWER_BYTES; next++) {
      for (const cell of pages.changedCells(next, since)) {
        if (cell.seq <= since || !this.isOf(child, cell.key)) continue
        cell.handOver(writer, layouts, part, report)
        cells++
      }
      pages.shrink()
    }
    return { bytes: writer.finish(), cells, next: next < pages.count ? next : null }
  }

  /** Whether what this shard has of a key goes to a child. */
  private isOf({ shards, shard }: ChildName, key: string): boolean {
    const { entity, part, shards: own } = this.of
    const hash = hashKey(key)
    const slice = sliceIn(part.shard, hash, own)
    return slice < spreadOf(entity) && (hash + slice) % shards === shard
  }

  ids(name: RunName, from: number): HandedIds | null {
    const run = this.of.ids.handedOver.find((one) => isSameRun(one, name))
    if (run === undefined) return null
    writer.reset()
    let part = from
    for (; part < RUN_PARTS && writer.length < ANSWER_BYTES; part++) {
      writer.varint(part)
      writer.blob(run.partBytes(part))
    }
    return { bytes: writer.finish(), next: part < RUN_PARTS ? part : null }
  }
}
