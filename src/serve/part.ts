import { decodeState, type EntityState } from '../engine/index.ts'
import { type Copy, type Head, isWithheld, printOf, type Version } from '../online/index.ts'
import { type Commit, type EntityRuntime, sliceShard } from '../plan/index.ts'
import type { CopyBytes, History } from '../shard/index.ts'
import { ByteReader } from '../util/byte-reader.ts'
import type { RegionShards } from './reach.ts'

/** Which of the tiers gave an answer. */
export type Tier = 'isolate' | 'store' | 'shard'

/** One entity's part that is to be read: of one region, and of one slice of it. */
export interface PartRequest {
  readonly entity: EntityRuntime
  readonly key: string
  readonly slice: number
  readonly region: RegionShards
  readonly shard: number
  /** Commits of the entity in the region that the part must have seen, as far as they are of its shard. */
  readonly after?: readonly Commit[]
}

/** One entity's part as it was at some time. */
export interface Part {
  /** Null when the part has no state: the entity was never seen there, or was erased. */
  readonly state: EntityState | null
  /** Undefined when there is nothing to order. */
  readonly version: Version | undefined
  /** The last commit of its shard that it has certainly seen; the shard is null where only the region is known. */
  readonly epoch: number
  readonly shard: number | null
  readonly seq: number
  /** It holds everything that was accepted up to then, ms. */
  readonly asOfMs: number
  /** From when on it is complete; null when that is not known. */
  readonly history: History | null
  readonly tier: Tier
  /** About what it takes in memory, bytes. */
  readonly size: number
}

/** What a decoded state takes, measured with 1, 20 and 200 events an entity: so much, and so many times its bytes. */
const STATE_BYTES = 4_000
const DECODED = 12
const EMPTY_BYTES = 400

/** The part that a shard has answered. `askedMs`: when it was asked, by the asker's own clock. */
export function partOfShard(
  { entity, region, shard }: PartRequest,
  bytes: CopyBytes | null,
  { seq, bornMs, since }: History & { readonly seq: number },
  askedMs: number,
): Part {
  const { epoch } = region
  const version = bytes === null ? undefined : { epoch, mark: bytes.mark, seq: bytes.seq, revision: 0 }
  const about = { version, epoch, shard, seq, asOfMs: askedMs, history: { bornMs, since }, tier: 'shard' } as const
  return { ...about, ...stateOf(entity, bytes?.state ?? undefined) }
}

function stateOf(entity: EntityRuntime, bytes: Uint8Array | undefined): Pick<Part, 'state' | 'size'> {
  if (bytes === undefined || bytes.length === 0) return { state: null, size: EMPTY_BYTES }
  const state = decodeState(new ByteReader(bytes), entity.plan)
  return { state, size: EMPTY_BYTES + STATE_BYTES + bytes.length * DECODED }
}

/**
 * The part that a store's copy and the head of its shard say; undefined when they do not say enough. The head must have been read
 * before the copy, or together with it. Throws `CorruptBytes` for a state that is damaged, or of a definition that is not known.
 *
 * @param staleMs how much older a store's answer may be than what was put
 */
export function partOfStore(
  { entity, key, slice, region, shard }: PartRequest,
  copy: Copy | undefined,
  head: Head | undefined,
  staleMs: number,
): Part | undefined {
  const oldest = region.oldestEpoch ?? region.epoch
  if (copy !== undefined && (isWithheld(copy) || copy.version.epoch < oldest)) return undefined
  // What another definition said of its history is not true of this one; a shard of another count may not be the entity's.
  const isOwn = (one: Head) => one.print === printOf(entity) && sliceShard(key, slice, one.shards) === one.shard
  const own = head !== undefined && head.epoch >= oldest && isOwn(head) ? head : undefined
  // A copy that was put after a head of its epoch, as something newer: a definition may have come and gone in between.
  const isBefore = copy !== undefined && (copy.version.epoch > (own?.epoch ?? 0) || isRevised(copy, own))
  const history = own === undefined || isBefore ? null : { bornMs: own.bornMs, since: own.since }
  // What a stale store says of one address may be newer than what it says of another.
  const headMs = own === undefined ? Number.NEGATIVE_INFINITY : own.atMs - staleMs
  const headSeq = own === undefined || staleMs > 0 ? 0 : own.seq
  if (copy !== undefined) {
    const { epoch, seq } = copy.version
    const reached = own?.epoch === epoch ? { seq: headSeq, asOfMs: headMs } : { seq: 0, asOfMs: 0 }
    const place = own?.epoch === epoch ? own.shard : epoch === region.epoch ? shard : null
    const about = { version: copy.version, epoch, shard: place, history, tier: 'store' } as const
    const seen = { seq: Math.max(seq, reached.seq), asOfMs: Math.max(copy.atMs, reached.asOfMs) }
    return { ...about, ...seen, ...stateOf(entity, copy.body) }
  }
  if (own === undefined) return undefined
  const seen = { epoch: own.epoch, shard: own.shard, seq: headSeq, asOfMs: headMs }
  return { version: undefined, ...seen, history, tier: 'store', ...stateOf(entity, undefined) }
}

const isRevised = ({ version }: Copy, head: Head | undefined): boolean =>
  version.epoch === head?.epoch && version.revision > head.revision

/** Whether a part holds everything that it must. What an epoch before had accepted was inherited by the next. */
export function hasSeen({ epoch, shard, seq }: Part, { after, region, shard: own }: PartRequest): boolean {
  return (after ?? []).every((commit) => {
    if (commit.epoch < epoch) return true
    // Of another shard than the entity's: it says nothing of it. Which shard an epoch before had, only the part may tell.
    const there = commit.epoch === region.epoch ? own : commit.epoch === epoch ? shard : null
    if (there !== null && there !== commit.shard) return true
    return commit.epoch === epoch && seq >= commit.seq
  })
}
