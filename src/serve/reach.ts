import type { OnlineStore } from '../online/index.ts'
import type { EntityRuntime } from '../plan/index.ts'
import type { CopiesAnswer, CopiesMessage, ReadAnswer, ReadMessage, ShardUnavailable } from '../shard/index.ts'
import type { Breaker } from './breaker.ts'
import type { PartCache } from './part-cache.ts'

/** A shard as a lookup sees it. */
export interface ShardReads {
  read(message: ReadMessage): Promise<ReadAnswer | ShardUnavailable>
  copies(message: CopiesMessage): Promise<CopiesAnswer | ShardUnavailable>
}

/** The shards of one region, for reading. */
export interface RegionShards {
  /** As commits name it. */
  readonly region: string
  readonly epoch: number
  /** The oldest epoch whose copies still say something: that of before a change of the shard count. Absent: the epoch. */
  readonly oldestEpoch?: number
  shardsOf(entity: string): number
  shard(entity: string, shard: number): ShardReads
}

/** An online store with copies of every region's entities. */
export interface NearStore {
  /** `REGION/NAME`. */
  readonly name: string
  readonly store: OnlineStore
  readonly breaker: Breaker
}

/** Everything that a lookup can ask. */
export interface Reach {
  /** The regions of the environment, nearest first. */
  readonly regions: readonly RegionShards[]
  /** Those that may have a part of an entity, nearest first. */
  readonly holders: (entity: EntityRuntime) => readonly RegionShards[]
  /** Of the nearest region: asked before the shards when a copy is fresh enough. */
  readonly nearStores: readonly NearStore[]
  /** Of the other regions, nearest first: asked when neither a near store nor the shard has answered. */
  readonly farStores: readonly NearStore[]
  /** Copies in this isolate; absent: none are kept. */
  readonly cache?: PartCache
  /** By region: what keeps a read from waiting for one that does not answer. Absent for those that are always waited for. */
  readonly breakers?: ReadonlyMap<string, Breaker>
  /** ms since the epoch. */
  readonly now: () => number
  /** Tells a person of a copy that is passed over. */
  readonly report?: (problem: string) => void
}

/** The shards of one region and nothing else. */
export const alone = (shards: RegionShards): Reach => ({
  regions: [shards],
  holders: () => [shards],
  nearStores: [],
  farStores: [],
  now: () => 0,
})
