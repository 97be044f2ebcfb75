import { EntityStores, type OnlineStore, type StoreTarget } from '../../src/online/index.ts'
import { type EntityRuntime, Plan } from '../../src/plan/index.ts'
import {
  alone,
  Breaker,
  lookup,
  type NearStore,
  parseFeaturesRequest,
  type Reach,
  type RegionShards,
  typedRows,
} from '../../src/serve/index.ts'
import { MemoryStorage, Shard } from '../../src/shard/index.ts'
import { apply, definitionsOf, eventText, lifetimeView, message, plainEvent } from './shards.ts'

export const NOW = Date.UTC(2026, 0, 1)
export const planOf = (view: Partial<typeof lifetimeView> = {}) =>
  new Plan(definitionsOf([{ ...lifetimeView, ...view }]))

/** One shard with its stores; `reopen` is a process that starts again, with other code if told so. */
export class Publishing {
  clock = NOW
  readonly storage = new MemoryStorage()
  readonly reports: string[] = []
  shard: Shard
  stores: EntityStores
  plan: Plan
  private events = 0
  private readonly targets: readonly StoreTarget[]
  private readonly id: number
  readonly region: string

  constructor(plan: Plan, targets: readonly StoreTarget[], region = 'east', id = 1) {
    this.plan = plan
    this.targets = targets
    this.region = region
    this.id = id
    this.shard = this.openShard()
    this.stores = this.openStores()
  }

  reopen(plan = this.plan): void {
    this.plan = plan
    this.shard = this.openShard()
    this.stores = this.openStores()
  }

  private get entity(): EntityRuntime {
    return this.plan.entities.get('user') as EntityRuntime
  }

  private openShard(): Shard {
    const part = { region: this.id, epoch: 0, shard: 0 }
    const { plan, entity, storage } = this
    return new Shard({ plan, entity, part, shards: 1, storage, now: () => this.clock, isCopied: true })
  }

  private openStores(): EntityStores {
    return new EntityStores({
      entity: this.entity,
      place: { region: this.region, epoch: 0, shards: 1, shard: 0, sliceOf: () => 0 },
      shard: this.shard,
      storage: this.storage,
      stores: this.targets,
      now: () => this.clock,
      report: (problem) => this.reports.push(problem),
    })
  }

  send(...keys: string[]): void {
    const texts = keys.map((key) => eventText(plainEvent(`${this.region}${this.events++}`, key, this.clock - 10)))
    apply(this.shard, message(this.plan, texts, this.clock))
  }

  get store() {
    const [store] = this.stores.stores
    if (store === undefined) throw new Error('no store')
    return store
  }

  /** Everything that waits leaves. */
  async drain(): Promise<void> {
    for (let i = 0; i < 20; i++) {
      this.clock += 2_000
      for (const store of this.stores.stores) while (store.dueMs <= this.clock) await store.send()
    }
  }

  reads(isUp: () => boolean = () => true): RegionShards {
    const open = async <T>(work: (shard: Shard) => T): Promise<T> => {
      if (!isUp()) throw new Error('cut off')
      return work(this.shard)
    }
    return {
      region: this.region,
      epoch: 0,
      shardsOf: () => 1,
      shard: () => ({
        read: (message) => open((shard) => shard.read(message)),
        copies: (message) => open((shard) => shard.copies(message)),
      }),
    }
  }
}

export const nearOf = (name: string, store: OnlineStore, now: () => number): NearStore => ({
  name,
  store,
  breaker: new Breaker(now, 1_000),
})

export const reachOf = (regions: readonly RegionShards[], now: () => number, more: Partial<Reach> = {}): Reach => ({
  ...alone(regions[0] as RegionShards),
  regions,
  holders: () => regions,
  now,
  ...more,
})

/** `[{count, status, parts, commits}]`, or the failure. */
export async function read(plan: Plan, reach: Reach, keys: readonly string[], body: object = {}) {
  const asked = { features: ['ever.count'], entities: keys.map((user_id) => ({ user_id })), ...body }
  const request = parseFeaturesRequest(plan, asked, reach.now())
  if ('status' in request) throw new Error(request.detail)
  const rows = await lookup(plan, reach, request)
  if ('failure' in rows) return rows
  return typedRows(request.vector, rows, true).map(({ features, metadata }) => ({
    count: features.count,
    status: metadata?.status.count,
    exact: metadata?.exact.count,
    parts: metadata?.parts,
    commits: metadata?.commits,
  }))
}
