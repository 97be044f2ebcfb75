import { encodeKey } from '../contract/index.ts'
import type { Value } from '../engine/index.ts'
import { type EntityRuntime, hashKey, type Route, type SourceRuntime, sliceIn, spreadOf } from '../plan/index.ts'

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
  /** Of an entity that is spread, so many shards have a slice: which one an event belongs to, its door knows by the id. */
  private readonly spread: number
  private readonly routes = new Map<SourceRuntime, readonly Route[]>()

  constructor(entity: EntityRuntime, shard: number, shards: number) {
    this.entity = entity
    this.shard = shard
    this.shards = shards
    this.spread = spreadOf(entity)
  }

  /** The targets of an event's checked values; none when it was routed wrongly. */
  find(source: SourceRuntime, values: readonly Value[]): Target[] {
    const here: Target[] = []
    for (const route of this.routesOf(source)) {
      // Only of an event that was accepted by an older contract: it has no such key now.
      if (route.keyFields.some((field) => (values[field] ?? null) === null)) continue
      const key = encodeKey(
        route.keyFields.map((field) => values[field] ?? null),
        route.keyTypes,
      )
      const hash = hashKey(key)
      if (sliceIn(this.shard, hash, this.shards) < this.spread) here.push({ route, key, hash })
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
