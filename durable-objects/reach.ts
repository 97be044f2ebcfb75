import { type EntityRuntime, environmentAround, holdersOf, type Region, regionNamed } from '../src/plan/index.ts'
import { Breaker, type NearStore, nearestFirst, PartCache, type Reach, type RegionShards } from '../src/serve/index.ts'
import { type App, planOf } from './app.ts'
import { directoryOf, type ShardNamespace } from './directory.ts'
import { farShards } from './far-shards.ts'
import { storesOf } from './stores.ts'

/** What a Worker that reads is bound to. */
export interface ReadBindings {
  /** The region that it is deployed with. */
  readonly REGION: string
  readonly SHARDS: ShardNamespace
  /** JSON: where the online stores are. */
  readonly CONNECTIONS?: string
}

/** A store answers within this, or the shard is asked; another region has longer, for it may be an ocean away. */
const STORE_DEADLINE_MS = 500
const REGION_DEADLINE_MS = 1_500
/** The same problem of a copy is told once in so long. */
const REPORT_MS = 60_000

/** How everything is reached from one isolate: made once, since ids, stores and what is held of copies are worth keeping. */
export class Reaches {
  private readonly app: App
  private readonly env: ReadBindings
  private readonly cache = new PartCache()
  private readonly shards = new Map<string, RegionShards>()
  private readonly breakers: ReadonlyMap<string, Breaker>
  private readonly stores: readonly (NearStore & { readonly region: string })[]
  private readonly byPlace = new Map<string | undefined, Reach>()
  private readonly told = new Map<string, number>()

  constructor(app: App, env: ReadBindings) {
    this.app = app
    this.env = env
    this.stores = storesOf(app, env).map((store) => ({
      ...store,
      breaker: new Breaker(() => Date.now(), STORE_DEADLINE_MS),
    }))
    const far = this.around.filter(({ name }) => name !== env.REGION)
    this.breakers = new Map(far.map(({ name }) => [name, new Breaker(() => Date.now(), REGION_DEADLINE_MS)]))
  }

  private get own(): Region {
    return regionNamed(this.app.regions, this.env.REGION)
  }

  private get around(): readonly Region[] {
    return environmentAround(this.app.regions, this.own)
  }

  /** Everything, nearest first. @param place where the request came in, as a location hint names it */
  from(place: string | undefined): Reach {
    let reach = this.byPlace.get(place)
    if (reach === undefined) {
      reach = this.make(place)
      this.byPlace.set(place, reach)
    }
    return reach
  }

  private make(place: string | undefined): Reach {
    const { own, around } = this
    // Without a place, or without a location to go by, the region of the deployment is the nearest.
    const ownFirst = [own, ...around.filter((region) => region !== own)]
    const order = nearestFirst(ownFirst, place)
    const regions = order.map((region) => this.shardsOf(region))
    const byName = new Map(regions.map((shards) => [shards.region, shards]))
    const holders = new WeakMap<EntityRuntime, readonly RegionShards[]>()
    return {
      regions,
      holders: (entity) => {
        let known = holders.get(entity)
        if (known === undefined) {
          const names = new Set(this.holdersOf(entity).map(({ name }) => name))
          known = order.filter(({ name }) => names.has(name)).map(({ name }) => byName.get(name) as RegionShards)
          holders.set(entity, known)
        }
        return known
      },
      ...this.storesOf(order),
      cache: this.cache,
      breakers: this.breakers,
      now: () => Date.now(),
      report: (problem) => this.tell(problem),
    }
  }

  /** The regions that may keep events of an entity: those of all its sources. */
  private holdersOf(entity: EntityRuntime): readonly Region[] {
    const { app, own } = this
    const sources = [...planOf(app).sources.values()].filter(({ routes }) =>
      routes.some((route) => route.entity === entity),
    )
    const holders = sources.flatMap((source) => holdersOf(app.routing, app.regions, own, source))
    return holders.length === 0 ? [own] : holders
  }

  private shardsOf(region: Region): RegionShards {
    let shards = this.shards.get(region.name)
    if (shards === undefined) {
      const isOwn = region.name === this.env.REGION
      shards = isOwn ? directoryOf(this.app.regions, region.name, this.env.SHARDS) : farShards(this.env, region)
      this.shards.set(region.name, shards)
    }
    return shards
  }

  /** The stores of the nearest region that has any, and all others behind them. */
  private storesOf(order: readonly Region[]): Pick<Reach, 'nearStores' | 'farStores'> {
    const byRegion = order.map(({ name }) => this.stores.filter(({ region }) => region === name))
    const nearStores = byRegion.find((stores) => stores.length > 0) ?? []
    return { nearStores, farStores: byRegion.filter((stores) => stores !== nearStores).flat() }
  }

  private tell(problem: string): void {
    const nowMs = Date.now()
    if ((this.told.get(problem) ?? 0) > nowMs - REPORT_MS) return
    if (this.told.size > 1_000) this.told.clear()
    this.told.set(problem, nowMs)
    console.warn(problem)
  }
}

const made = new WeakMap<object, Reaches>()

/** The one of a Worker's bindings. */
export function reachesOf(app: App, env: ReadBindings): Reaches {
  let reaches = made.get(env.SHARDS)
  if (reaches === undefined) {
    reaches = new Reaches(app, env)
    made.set(env.SHARDS, reaches)
  }
  return reaches
}
