/** How the entities of a region are spread over Durable Objects. */
export interface Shards {
  /** Shard count of every entity that is not named below. */
  readonly default: number
  /** Shard count by entity name. */
  readonly entities?: Readonly<Record<string, number>>
  /** Shard count of every table; absent: the default. */
  readonly tables?: number
}

/** How a region's shards are counted in one epoch. */
export interface ShardEpoch {
  /** Raised by one with every change of a shard count: the epoch is part of a shard's name, so old shards stay readable. */
  readonly epoch: number
  readonly shards: Shards
  /**
   * The epoch before, of every epoch but the first: from its shards those of this one begin. It stays here for good, and so does
   * the one before it: a shard may be asked for the first time years later.
   */
  readonly previous?: ShardEpoch
  /** Of a previous epoch: its shards were taken back to a point in time, so copies of it hold what is no longer true. */
  readonly isRestored?: true
}

export const STORE_KINDS = ['redis', 'libsql', 'kv'] as const
export type StoreKind = (typeof STORE_KINDS)[number]

/** An online store of a region: what it is, and how often changes leave for it. Its address is in the secret CONNECTIONS. */
export interface StoreSpec {
  /** Lower case letters, digits and dashes; one of its kind in the region. `REGION/NAME` names it in the secret CONNECTIONS. */
  readonly name: string
  /** `redis`: Upstash Redis over REST. `libsql`: Turso over HTTP. `kv`: a namespace of Workers KV. */
  readonly kind: StoreKind
  /** Changes leave together, at most so often, ms; default 1,000, for KV 30,000: it takes a write a second and key, and its readers see it up to a minute later. */
  readonly flushMs?: number
  /** At least so often a shard that has nothing to publish says that its copies are still true, ms; default 60,000. */
  readonly heartbeatMs?: number
  /** Of KV: the id of the namespace at Cloudflare. */
  readonly id?: string
}

/** The offline log of a region: what its shards accepted, as Parquet in a bucket of R2 (docs/log-format.md). */
export interface LogSpec {
  /** The bucket; default `tidemark-REGION`. Regions may share one: what is in it is under their names. */
  readonly bucket?: string
  /** A shard's rows leave together, at most so often, ms; default 60,000: each time is two writes of R2, of a shard that has rows. */
  readonly flushMs?: number
  /** The share of served vectors that are kept beside the log, for `tidemark parity`: 0 to 1, default 0.001; 0 keeps none. */
  readonly servedShare?: number
}

export interface Region extends ShardEpoch {
  /** Lower case letters, digits and dashes; part of every Durable Object's name and of every commit. */
  readonly name: string
  /** Number of the region in stored bytes: 1 to 65535, never changed and never given to another region. */
  readonly id: number
  /** Regions of one environment serve one set of data and read each other's parts; default `production`. */
  readonly environment?: string
  /** Where its Durable Objects are made, as Cloudflare names places: `weur`, `enam`, `apac` ... */
  readonly location?: string
  /** Where copies of every region's entities are kept, nearest and freshest first: reads ask them in this order. */
  readonly stores?: readonly StoreSpec[]
  /** Absent: no log is kept, so nothing can be trained on or computed anew from what the region accepted. */
  readonly log?: LogSpec
  /** The epoch to come: its shards are filled while this one's still serve. Each new count is a whole multiple of the old one. */
  readonly next?: ShardEpoch
}

/** The region of that name; throws when there is none, for a Worker without its region can route nothing. */
export function regionNamed(regions: readonly Region[], name: string): Region {
  const region = regions.find((candidate) => candidate.name === name)
  if (region === undefined) {
    const known = regions.map((candidate) => candidate.name).join(', ')
    throw new Error(`regions.ts has no region "${name}" (it has: ${known}). Set the variable REGION to one of them.`)
  }
  return region
}

export const environmentOf = ({ environment }: Region): string => environment ?? 'production'

/** A region and all others of its environment, in the order of regions.ts. */
export const environmentAround = (regions: readonly Region[], region: Region): readonly Region[] =>
  regions.filter((other) => environmentOf(other) === environmentOf(region))

/** What a Worker's binding to another region is called: `REGION_` and the region's name. */
export const regionBinding = (region: string): string => `REGION_${region.toUpperCase().replaceAll('-', '_')}`

/** The oldest epoch of a region whose copies still say something: what was restored is not what was copied before. */
export function oldestEpochOf({ epoch, previous }: ShardEpoch): number {
  return previous === undefined || previous.isRestored ? epoch : oldestEpochOf(previous)
}

/** Shard count of every table in a region. */
export const tableShardCount = ({ shards }: ShardEpoch): number => shards.tables ?? shards.default

/** Shard count of an entity in a region. */
export function shardCount({ shards }: ShardEpoch, entity: string): number {
  const { entities } = shards
  // Own keys only: an entity named "constructor" must not find Object's.
  return entities !== undefined && Object.hasOwn(entities, entity)
    ? (entities[entity] ?? shards.default)
    : shards.default
}
