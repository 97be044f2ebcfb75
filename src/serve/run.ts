import { type Commit, type EntityRuntime, formatCommit, type VectorPlan } from '../plan/index.ts'
import type { RowText } from '../shard/index.ts'
import type { Tier } from './part.ts'
import type { RegionShards } from './reach.ts'

/** One region's part of what was read. */
export interface PartAge {
  readonly region: string
  /** How long ago it was all there was, ms; null when the part is absent. */
  readonly ageMs: number | null
  /** Where it was read; absent with the part. */
  readonly tier?: Tier
}

/** A run of a vector for several entities: what is read in one go. */
export interface RunRead {
  readonly vector: VectorPlan
  readonly run: number
  readonly entity: EntityRuntime
  /** Encoded keys, each once. */
  readonly keys: readonly string[]
  readonly t: number
  readonly after: readonly Commit[]
  readonly maxStalenessMs: number
}

/** What was read of one entity. */
export interface KeyRead {
  readonly text: RowText
  readonly commits: readonly string[]
  readonly parts: readonly PartAge[]
}

/** Why a run could not be read; `key`: the place among its keys. */
export type RunFailure =
  | { readonly tooOld: { readonly key: number; readonly oldestMs: number } }
  | { readonly notYet: string }
  | { readonly unavailable: string }

/** The commit that a read of one shard must have seen; undefined when none is named. */
export function afterOf(
  after: readonly Commit[],
  { region, epoch }: RegionShards,
  entity: string,
  shard: number,
): number | undefined {
  let seq: number | undefined
  for (const commit of after) {
    const isHere = commit.region === region && commit.epoch === epoch && commit.shard === shard
    if (isHere && commit.entity === entity) seq = Math.max(seq ?? 0, commit.seq)
  }
  return seq
}

export const commitOf = (region: string, epoch: number, entity: string, shard: number, seq: number): string =>
  formatCommit({ region, entity, epoch, shards: 0, shard }, seq)

const TIERS: readonly Tier[] = ['isolate', 'store', 'shard']

/** Of each region the oldest of several parts. */
export function oldestParts(parts: readonly PartAge[]): readonly PartAge[] {
  const oldest = new Map<string, PartAge>()
  for (const part of parts) {
    const known = oldest.get(part.region)
    if (known === undefined || isOlder(part, known)) oldest.set(part.region, part)
  }
  return [...oldest.values()]
}

function isOlder(a: PartAge, b: PartAge): boolean {
  if (a.ageMs === null || b.ageMs === null) return b.ageMs !== null
  if (a.ageMs !== b.ageMs) return a.ageMs > b.ageMs
  return TIERS.indexOf(a.tier ?? 'shard') > TIERS.indexOf(b.tier ?? 'shard')
}
