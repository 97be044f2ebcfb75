import { isRefusal, keyFromJson, type Refusal } from '../contract/index.ts'
import type { Value } from '../engine/index.ts'
import { type Commit, type EntityRuntime, type Plan, spreadOf, type VectorPlan } from '../plan/index.ts'
import type { RowText } from '../shard/index.ts'
import type { Reach } from './reach.ts'
import { readAtShards } from './read-at-shards.ts'
import { readMerged } from './read-merged.ts'
import { type KeyRead, oldestParts, type PartAge, type RunFailure, type RunRead } from './run.ts'

/** At most this many rows of entities in one request. */
export const MAX_ROWS = 1_000

export interface LookupRequest {
  readonly vector: VectorPlan
  /** Each holds the keys of all entities of the vector. */
  readonly entities: readonly unknown[]
  /** The request time, ms. */
  readonly t: number
  /** Commits that the read must see. */
  readonly after: readonly Commit[]
  /** How old what is read may be, ms; 0: through the shards. */
  readonly maxStalenessMs: number
}

/** Why a lookup has no answer. `serve/problem.ts` maps each to HTTP. */
export type LookupFailure =
  | { readonly failure: 'bad_key'; readonly row: number; readonly why: Refusal }
  | { readonly failure: 'too_many_rows'; readonly rows: number }
  | { readonly failure: 'at_too_old'; readonly row: number; readonly oldestMs: number }
  | { readonly failure: 'commit_not_seen'; readonly commit: string }
  | { readonly failure: 'unknown_commit'; readonly commit: string }
  | { readonly failure: 'unavailable'; readonly message: string }

/** One vector: for each run of the vector's features the text of its values, the commits seen, and how old each part is. */
export interface LookupRow {
  readonly texts: readonly RowText[]
  readonly commits: readonly string[]
  readonly parts: readonly PartAge[]
}

/** Reads vectors, all shards and stores side by side; equal keys are read once. */
export async function lookup(
  plan: Plan,
  reach: Reach,
  { vector, entities, t, after, maxStalenessMs }: LookupRequest,
): Promise<readonly LookupRow[] | LookupFailure> {
  if (entities.length > MAX_ROWS) return { failure: 'too_many_rows', rows: entities.length }
  const foreign = after.find((commit) => !isServed(plan, reach, commit))
  if (foreign) {
    const { region, entity, epoch, shard } = foreign
    return { failure: 'unknown_commit', commit: `${region}/${entity}/${epoch}/${shard}` }
  }
  const keys = keysOf(vector, entities)
  if ('failure' in keys) return keys
  const runs = vector.runs.map(({ entity }, run) => {
    const { list } = keys.get(entity) as EntityKeys
    return { vector, run, entity, keys: list, t, after, maxStalenessMs }
  })
  const reads = await Promise.all(runs.map((run) => readRun(plan, reach, run)))
  const good: (readonly KeyRead[])[] = []
  for (const [i, read] of reads.entries()) {
    if (!('failed' in read)) good.push(read)
    else return failureOf(read.failed, (keys.get((runs[i] as RunRead).entity) as EntityKeys).places)
  }
  return entities.map((_, row) => {
    const found = runs.map(({ entity }, i) => {
      const place = keys.get(entity)?.places[row] as number
      return good[i]?.[place] as KeyRead
    })
    return together(found)
  })
}

/** One region's own shards answer in values where nothing has to be merged; all else is merged here. */
async function readRun(plan: Plan, reach: Reach, read: RunRead): Promise<readonly KeyRead[] | { failed: RunFailure }> {
  const holders = reach.holders(read.entity)
  const [only] = holders
  const isWhole = holders.length === 1 && spreadOf(read.entity) === 1
  if (only === undefined || !isWhole || read.maxStalenessMs > 0) return await readMerged(plan, reach, read)
  const breaker = reach.breakers?.get(only.region)
  if (breaker?.isClosed) return await readMerged(plan, reach, read)
  const found = await readAtShards(plan, only, read)
  if ('failed' in found && 'unavailable' in found.failed) breaker?.failed()
  else breaker?.answered()
  const hasCopies = reach.nearStores.length + reach.farStores.length > 0
  const isLost = 'failed' in found && 'unavailable' in found.failed
  return isLost && hasCopies ? await readMerged(plan, reach, read) : found
}

interface EntityKeys {
  /** Each once. */
  readonly list: string[]
  /** By row of the request, the place of its key in the list. */
  readonly places: number[]
}

function keysOf(vector: VectorPlan, rows: readonly unknown[]): Map<EntityRuntime, EntityKeys> | LookupFailure {
  const all = new Map<EntityRuntime, EntityKeys>()
  for (const entity of vector.entities) {
    const known = new Map<string, number>()
    const keys: EntityKeys = { list: [], places: [] }
    for (let row = 0; row < rows.length; row++) {
      const key = keyFromJson(rows[row], entity.spec)
      if (isRefusal(key)) return { failure: 'bad_key', row, why: key }
      let place = known.get(key.key)
      if (place === undefined) {
        place = keys.list.push(key.key) - 1
        known.set(key.key, place)
      }
      keys.places.push(place)
    }
    all.set(entity, keys)
  }
  return all
}

/** Whether a commit is of a shard that this door reads; one of an earlier epoch was inherited. */
function isServed(plan: Plan, { regions }: Reach, { region, entity, epoch, shard }: Commit): boolean {
  const shards = regions.find((one) => one.region === region)
  if (shards === undefined || !plan.entities.has(entity) || epoch > shards.epoch) return false
  // What a restore has left behind is not there any more.
  if (epoch < (shards.oldestEpoch ?? shards.epoch)) return false
  return epoch < shards.epoch || shard < shards.shardsOf(entity)
}

function failureOf(failed: RunFailure, places: readonly number[]): LookupFailure {
  if ('unavailable' in failed) return { failure: 'unavailable', message: failed.unavailable }
  if ('notYet' in failed) return { failure: 'commit_not_seen', commit: failed.notYet }
  return { failure: 'at_too_old', row: places.indexOf(failed.tooOld.key), oldestMs: failed.tooOld.oldestMs }
}

function together(found: readonly KeyRead[]): LookupRow {
  const texts = found.map(({ text }) => text)
  const [first] = found
  if (first !== undefined && found.length === 1) return { texts, commits: first.commits, parts: first.parts }
  const commits = [...new Set(found.flatMap((read) => read.commits))]
  const isSame = found.every(({ parts }) => parts === first?.parts)
  return { texts, commits, parts: isSame ? (first?.parts ?? []) : oldestParts(found.flatMap(({ parts }) => parts)) }
}

/** A vector as objects by feature name, as the client, RPC and `localStore` give it. */
export interface TypedRow {
  readonly features: Readonly<Record<string, Value>>
  readonly metadata?: RowMetadata
}

export interface RowMetadata {
  readonly status: Readonly<Record<string, string>>
  readonly exact: Readonly<Record<string, boolean>>
  /** For a partial value: since when its history is complete, ISO time. */
  readonly since: Readonly<Record<string, string>>
  /** For an error: why, such as `overflow`. */
  readonly reasons: Readonly<Record<string, string>>
  /** ISO time of the newest event seen, or null. */
  readonly eventTime: string | null
  readonly commits: readonly string[]
  /** How old each region's part is, and which tier gave it. */
  readonly parts: readonly PartAge[]
}
