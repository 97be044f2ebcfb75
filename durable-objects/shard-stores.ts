import { EntityStores } from '../src/online/index.ts'
import { type EntityRuntime, hashKey, type ShardName, sliceIn, spreadOf } from '../src/plan/index.ts'
import type { Shard } from '../src/shard/index.ts'
import type { Alarms } from './alarms.ts'
import type { App } from './app.ts'
import { Drain } from './drain.ts'
import type { SqlShardStorage } from './sql-shard-storage.ts'
import { type StoreBindings, storesOf } from './stores.ts'

/** What somebody asks of the copies of a shard. */
export type StoreOrder = 'publish' | 'pause' | 'resume'

/** Of 2,000 entities each, or of as many as a store takes. KV takes an operation an entity, and an invocation has 1,000. */
const MOST_SENDS = 16

export interface ShardStoresOptions {
  readonly app: App
  readonly env: StoreBindings
  readonly name: ShardName
  readonly entity: EntityRuntime
  readonly shard: Shard
  readonly storage: SqlShardStorage
  readonly alarms: Alarms
  readonly report: (problem: string) => void
}

/** The online stores that a shard publishes to, and what sends to each of them when it is due. */
export class ShardStores {
  readonly drains: readonly Drain[]
  private readonly stores: EntityStores

  constructor({ app, env, name, entity, shard, storage, alarms, report }: ShardStoresOptions) {
    const now = () => Date.now()
    const isSpread = spreadOf(entity) > 1
    const sliceOf = (key: string) => (isSpread ? sliceIn(name.shard, hashKey(key), name.shards) : 0)
    const { region, epoch, shards, shard: number } = name
    this.stores = new EntityStores({
      entity,
      place: { region, epoch, shards, shard: number, sliceOf },
      shard,
      storage,
      stores: storesOf(app, env).map(({ name, spec, store }) => ({ name, spec, open: () => store })),
      now,
      report,
    })
    this.drains = this.stores.stores.map(
      (store) =>
        new Drain({
          storage: alarms.for(`store ${store.name}`),
          name: `${region}/${entity.spec.name}/${epoch}/${number} to the online store ${store.name}`,
          // Never done: a store that hears nothing for a while takes its copies for old. Who has taken over tells everything anew.
          isEmpty: () => shard.handOver.sealed !== null,
          dueMs: () => store.dueMs,
          send: () => store.send(),
          mostSends: store.kind === 'kv' ? 1 : MOST_SENDS,
        }),
    )
  }

  get status() {
    return this.stores.stores.map(({ status }) => status)
  }

  /** Says whether there is a store of that name. */
  order(name: string, order: StoreOrder): boolean {
    const store = this.stores.stores.find((one) => one.name === name)
    if (order === 'publish') store?.publishAll()
    else store?.pause(order === 'pause')
    return store !== undefined
  }
}
