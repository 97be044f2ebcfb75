/** How the entities of a region are spread over Durable Objects. */
export interface Shards {
  /** Shard count of every entity that is not named below. */
  readonly default: number
  /** Shard count by entity name. */
  readonly entities?: Readonly<Record<string, number>>
  /** Shard count of every table; absent: the default. */
  readonly tables?: number
}

export interface Region {
  /** Lower case letters, digits and dashes; part of every Durable Object's name and of every commit. */
  readonly name: string
  /** Number of the region in stored bytes: 1 to 65535, never changed and never given to another region. */
  readonly id: number
  /** Raised by one with every change of a shard count: the epoch is part of a shard's name, so old shards stay readable. */
  readonly epoch: number
  readonly shards: Shards
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

/** Shard count of every table in a region. */
export const tableShardCount = ({ shards }: Region): number => shards.tables ?? shards.default

/** Shard count of an entity in a region. */
export function shardCount(region: Region, entity: string): number {
  const { entities } = region.shards
  // Own keys only: an entity named "constructor" must not find Object's.
  return entities !== undefined && Object.hasOwn(entities, entity)
    ? (entities[entity] ?? region.shards.default)
    : region.shards.default
}
