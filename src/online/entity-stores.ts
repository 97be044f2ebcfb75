import type { EntityRuntime, StoreSpec } from '../plan/index.ts'
import { type ChangeList, type Shard, type ShardStorage, Subscriptions, VectorReader } from '../shard/index.ts'
import { printOf } from './print.ts'
import { type ShardPlace, StorePublisher, type StoreStatus } from './publisher.ts'
import type { OnlineStore } from './store.ts'

/** How often changes leave, ms. KV takes a write a second and key, and shows it up to a minute later: more often buys nothing. */
const FLUSH_MS = { redis: 1_000, libsql: 1_000, kv: 30_000 } as const
const HEARTBEAT_MS = 60_000
/**
 * Rows of changes that wait for one store, at most, where some have waited for that long. A store that was away for longer is told
 * of everything anew, which is less than all the changes that it has missed; one that is only flushed seldom is not.
 */
const MOST_ROWS = 10_000
const LONG_WAIT_MS = 300_000

/** A store that a shard publishes to. */
export interface StoreTarget {
  /** `REGION/NAME`. */
  readonly name: string
  readonly spec: Pick<StoreSpec, 'kind' | 'flushMs' | 'heartbeatMs'>
  /** Throws when it is not to be had: it is tried again. */
  readonly open: () => OnlineStore
}

export interface EntityStoresOptions {
  readonly entity: EntityRuntime
  readonly place: ShardPlace
  readonly shard: Pick<Shard, 'copy' | 'orderOf' | 'history' | 'keysOfPage' | 'changes' | 'stats' | 'sinceOf'>
  readonly storage: Pick<ShardStorage, 'transaction' | 'readMeta' | 'writeMeta'>
  readonly stores: readonly StoreTarget[]
  /** ms since the epoch. */
  readonly now: () => number
  /** Tells a person what is wrong with what is stored. */
  readonly report: (problem: string) => void
}

/** The online stores that one shard publishes to: those of every region that reads it. */
export class EntityStores {
  readonly stores: readonly EntityStore[]

  constructor(options: EntityStoresOptions) {
    const { entity, stores, shard } = options
    const print = printOf(entity)
    const views = entity.plan.map(({ spec }) => spec.name)
    const subscribers = stores.map(({ name }) => ({ name, print, views }))
    const subscriptions = new Subscriptions({ ...options, meta: 'stores' }, subscribers)
    const { changes } = shard
    for (const { name } of stores) changes?.join(name)
    this.stores =
      changes === null ? [] : stores.map((store) => new EntityStore(options, store, changes, subscriptions, print))
  }
}

/** How a store does in one shard. */
export interface EntityStoreStatus extends StoreStatus {
  /** The next page of entities to list for it; null when all have been. */
  readonly page: number | null
  readonly pages: number
  readonly isPaused: boolean
}

/** One store of a shard, for whoever drives it. */
export class EntityStore {
  readonly name: string
  readonly kind: StoreSpec['kind']
  private readonly publisher: StorePublisher
  private readonly subscriptions: Subscriptions
  private readonly shard: EntityStoresOptions['shard']
  private readonly changes: ChangeList
  private readonly now: () => number
  private readonly longWaitMs: number
  /** The last row of the change list that may list entities for the store. */
  private listedTo: number

  constructor(
    { entity, place, shard, now, report }: EntityStoresOptions,
    { name, spec, open }: StoreTarget,
    changes: ChangeList,
    subscriptions: Subscriptions,
    print: string,
  ) {
    this.name = name
    this.kind = spec.kind
    this.subscriptions = subscriptions
    this.shard = shard
    this.changes = changes
    this.now = now
    this.longWaitMs = Math.max(LONG_WAIT_MS, 4 * (spec.flushMs ?? FLUSH_MS[spec.kind]))
    // Rows of before may be of a listing that a process did not live to see the end of.
    this.listedTo = changes.last
    let reader: VectorReader | undefined
    this.publisher = new StorePublisher({
      name,
      flushMs: spec.flushMs ?? FLUSH_MS[spec.kind],
      heartbeatMs: spec.heartbeatMs ?? HEARTBEAT_MS,
      entity,
      shard,
      changes,
      place,
      store: open,
      print,
      revision: () => subscriptions.of(name).revision,
      wasComplete: subscriptions.of(name).page === null,
      isComplete: () => this.isComplete,
      hasHead: () => subscriptions.of(name).hasHead === true,
      headPut: () => subscriptions.note(name, 'hasHead'),
      signPut: () => subscriptions.note(name, 'hasSign'),
      lost: () => subscriptions.restart(name, { revise: false }),
      unmarked: () => subscriptions.note(name, 'isUnmarked'),
      done: (row) => changes.release(name, row),
      reader: () => {
        reader ??= new VectorReader(entity, allFeatures(entity), shard.sinceOf)
        return reader
      },
      now,
      report,
    })
  }

  /** Pages are listed when what was listed before has left, however much else there is. */
  private get isToSweep(): boolean {
    const { page, isPaused } = this.subscriptions.of(this.name)
    return page !== null && !isPaused && this.publisher.hasReached(this.listedTo)
  }

  private get isComplete(): boolean {
    const { page, isUnmarked } = this.subscriptions.of(this.name)
    return page === null && isUnmarked !== true && this.publisher.hasReached(this.listedTo)
  }

  /** When there is something to do, ms. */
  get dueMs(): number {
    return this.isToSweep ? 0 : this.publisher.dueMs
  }

  get status(): EntityStoreStatus {
    const { page, isPaused } = this.subscriptions.of(this.name)
    return { ...this.publisher.status, page, pages: this.shard.stats.pages, isPaused: isPaused ?? false }
  }

  /** Does some of what there is to do. Throws when it is not known whether the store has it: call it again later. */
  async send(): Promise<void> {
    if (this.isFarBehind) this.startOver()
    const { hasHead, hasSign } = this.subscriptions.of(this.name)
    if (!hasHead && !hasSign) await this.publisher.begin()
    if (this.isToSweep) this.sweep()
    else await this.publisher.send()
  }

  private get isFarBehind(): boolean {
    const { rows, oldestMs } = this.publisher.status
    return rows > MOST_ROWS && oldestMs !== null && this.now() - oldestMs > this.longWaitMs
  }

  private sweep(): void {
    this.subscriptions.sweep(this.name)
    this.listedTo = this.changes.last
  }

  private startOver(): void {
    this.publisher.skip()
    this.subscriptions.restart(this.name, { revise: false })
  }

  /** Publishes every entity anew, also over what the store has of the same commit. */
  publishAll(): void {
    this.subscriptions.restart(this.name, { revise: true })
  }

  /** Stops listing where it is, or lets it go on from there. */
  pause(isPaused: boolean): void {
    this.subscriptions.pause(this.name, isPaused)
  }
}

const allFeatures = ({ plan }: EntityRuntime) =>
  plan.flatMap(({ features }, view) => features.map((feature) => ({ view, feature })))
