import { EntityStores, MemoryStore, type OnlineStore, type StoreTarget } from '../../src/online/index.ts'
import { type EntityRuntime, hashKey, type Plan, sliceIn, spreadOf } from '../../src/plan/index.ts'
import type { RegionShards, ShardReads } from '../../src/serve/index.ts'
import { Shard } from '../../src/shard/index.ts'
import { CrashingStorage } from '../support/crashing-storage.ts'

export interface SimRegionOptions {
  readonly name: string
  readonly id: number
  readonly shards: number
  readonly plan: Plan
  /** The stores of all regions, as this region reaches them. */
  readonly stores: () => readonly { readonly name: string; readonly store: OnlineStore }[]
  readonly now: () => number
}

/** A shard's process, what it has on disk, and what the test knows that it must have accepted. */
export class SimShard {
  readonly storage = new CrashingStorage()
  readonly options: SimRegionOptions
  readonly number: number
  shard: Shard
  stores: EntityStores
  /** When it was first opened. */
  readonly bornMs: number

  constructor(options: SimRegionOptions, number: number) {
    this.options = options
    this.number = number
    this.bornMs = options.now()
    this.shard = this.openShard()
    this.stores = this.openStores()
  }

  /** As a process that starts again finds it. */
  reopen(): void {
    this.shard = this.openShard()
    this.stores = this.openStores()
  }

  private get entity(): EntityRuntime {
    return this.options.plan.entities.get('user') as EntityRuntime
  }

  private openShard(): Shard {
    const { plan, id, shards, now } = this.options
    const part = { region: id, epoch: 0, shard: this.number }
    return new Shard({ plan, entity: this.entity, part, shards, storage: this.storage, now, isCopied: true })
  }

  private openStores(): EntityStores {
    const { name, shards, now, stores } = this.options
    const { entity, number } = this
    const isSpread = spreadOf(entity) > 1
    const sliceOf = (key: string) => (isSpread ? sliceIn(number, hashKey(key), shards) : 0)
    const targets = stores().map(
      (one): StoreTarget => ({
        name: one.name,
        spec: { kind: 'redis', flushMs: 1_000, heartbeatMs: 10_000 },
        open: () => one.store,
      }),
    )
    const place = { region: name, epoch: 0, shards, shard: number, sliceOf }
    return new EntityStores({
      entity,
      place,
      shard: this.shard,
      storage: this.storage,
      stores: targets,
      now,
      report: () => {},
    })
  }

  /** What leaves by itself, as the alarm would have it: what is due. Failures wait for the next time. */
  async publish(now: number): Promise<void> {
    for (const store of this.stores.stores) {
      for (let i = 0; i < 50 && store.dueMs <= now; i++) {
        try {
          await store.send()
        } catch {
          break
        }
      }
    }
  }
}

/** One region: its shards, made when they are first asked, and its store. */
export class SimRegion {
  readonly options: SimRegionOptions
  readonly store = new MemoryStore()
  readonly opened = new Map<number, SimShard>()

  constructor(options: SimRegionOptions) {
    this.options = options
  }

  get name(): string {
    return this.options.name
  }

  shard(number: number): SimShard {
    let shard = this.opened.get(number)
    if (shard === undefined) {
      shard = new SimShard(this.options, number)
      this.opened.set(number, shard)
    }
    return shard
  }

  /** Its shards as a reader sees them, near or over a link. */
  reads(isCut: () => boolean): RegionShards {
    const { name, shards } = this.options
    return {
      region: name,
      epoch: 0,
      shardsOf: () => shards,
      shard: (_entity, number): ShardReads => {
        const open = () => {
          if (isCut()) throw new Error('the link is cut')
          return this.shard(number).shard
        }
        return { read: async (message) => open().read(message), copies: async (message) => open().copies(message) }
      },
    }
  }
}
