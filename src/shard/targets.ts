import { encodeKey } from '../contract/index.ts'
import type { Value } from '../engine/index.ts'
import {
  type EntityRuntime,
  hashKey,
  type Route,
  type SourceRuntime,
  sliceIn,
  sliceOf,
  spreadOf,
} from '../plan/index.ts'

/** An entity of this shard that an event feeds, and by which route. */
export interface Target {
  readonly route: Route
  readonly key: string
  readonly hash: number
}

/** Finds the entities of one shard that events feed: an event goes to several, and some of them live elsewhere. */
export class Targets {
  private readonly entity: EntityRuntime
  private readonly shard: number
  private readonly shards: number
  /** Of an entity that is spread, so many shards have a slice. */
  private readonly spread: number
  private readonly routes = new Map<SourceRuntime, readonly Route[]>()

  constructor(entity: EntityRuntime, shard: number, shards: number) {
    this.entity = entity
    this.shard = shard
    this.shards = shards
    this.spread = spreadOf(entity)
  }

  /**
   * The targets of an event's checked values; none when it was routed wrongly. `slice`: of an entity that is spread, which slice the
   * event belongs to, as its door says by the id; of a table's row it is told by the primary key.
   */
  find(source: SourceRuntime, values: readonly Value[], slice: number): Target[] {
    const here: Target[] = []
    const own = this.spread > 1 && source.table ? sliceOf(keyOf(source.table, values), this.spread) : slice
    for (const route of this.routesOf(source)) {
      // Only of an event that was accepted by an older contract: it has no such key now.
      if (route.keyFields.some((field) => (values[field] ?? null) === null)) continue
      const key = keyOf(route, values)
      const hash = hashKey(key)
      if (sliceIn(this.shard, hash, this.shards) === own) here.push({ route, key, hash })
    }
    return here
  }

  private routesOf(source: SourceRuntime): readonly Route[] {
    let routes = this.routes.get(source)
    if (routes === undefined) {
      routes = source.routes.filter((route) => route.entity === this.entity)
      this.routes.set(source, routes)
    }
    return routes
  }
}

const keyOf = ({ keyFields, keyTypes }: Route, values: readonly Value[]): string =>
  encodeKey(
    keyFields.map((field) => values[field] ?? null),
    keyTypes,
  )
