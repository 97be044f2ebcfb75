import { stateBytes } from '../engine/index.ts'
import type { EntityRuntime } from '../plan/index.ts'
import type { ChangeList, ChangeRow, Shard, VectorReader } from '../shard/index.ts'
import { CorruptBytes } from '../util/byte-reader.ts'
import { type Copy, isWithheld, WITHHELD } from './copy.ts'
import { type Head, headCopy } from './head.ts'
import type { OnlineStore } from './store.ts'

/** Rows of changes, and about how many entities, that are put in one step. */
const STEP_ROWS = 256
const STEP_KEYS = 2_000
/** Rows that are in memory at once: one may have half a million characters. */
const READ_ROWS = 16
/** About what is held in memory for one call of a store. */
const CALL_BYTES = 1024 * 1024
/** What an address and a version take beside the body. */
const COPY_BYTES = 200

/** The shard whose entities are copied. */
export type CopiedShard = Pick<Shard, 'copy' | 'orderOf' | 'history' | 'stats'>

/** Which shard publishes: as heads and addresses name it. */
export interface ShardPlace {
  readonly region: string
  readonly epoch: number
  readonly shards: number
  readonly shard: number
  /** The slice of a key's entity that lives here; 0 where the entity is not spread. */
  readonly sliceOf: (key: string) => number
}

export interface StorePublisherOptions {
  /** `REGION/NAME`, as people and the secret CONNECTIONS name it. */
  readonly name: string
  readonly flushMs: number
  readonly heartbeatMs: number
  readonly entity: EntityRuntime
  readonly shard: CopiedShard
  readonly changes: ChangeList
  readonly place: ShardPlace
  /** Opens the store; called when something is to be put. Throws when it is not to be had. */
  readonly store: () => OnlineStore
  /** Of the entity's definition. */
  readonly print: string
  /** Rises with the definition, the format, and each time that everything is published anew. */
  readonly revision: () => number
  /** Whether every entity has been listed for the store. */
  readonly isListed: () => boolean
  /** Told that the store has lost what was there: everything has to be listed anew. */
  readonly lost: () => void
  /** Told that the store has everything up to this row. */
  readonly done: (row: number) => void
  /** Reads all features of the entity, for stores that keep plain values. */
  readonly reader: () => VectorReader
  /** ms since the epoch. */
  readonly now: () => number
  /** Tells a person what is wrong with what is stored. */
  readonly report: (problem: string) => void
}

/** How a store does. */
export interface StoreStatus {
  readonly store: string
  /** Batches whose changes it has not. */
  readonly rows: number
  /** When the oldest change that it has not was accepted, ms; null when it has all. */
  readonly oldestMs: number | null
  /** Copies that were put since the shard was opened, and those among them that the store had already. */
  readonly copies: number
  readonly older: number
  /** Copies that the store did not take. */
  readonly refused: number
  /** What the last failure was, until something succeeds. */
  readonly problem: string | null
}

/**
 * Puts what changed into one store: each entity once a step, as it stands when it leaves, so that a hundred changes are one
 * copy. What was put twice, late or in another order does no harm, since only a greater version replaces. When a step is done the
 * head says so: readers know by it how old copies are that did not change.
 */
export class StorePublisher {
  private readonly options: StorePublisherOptions
  /** The store has these rows. */
  private sent = 0
  /** When the last head was put, ms. */
  private headMs = 0
  /** Everything was listed by this very process, and no head has been put since. */
  private isFirst = false
  /** Some entity is not in the store and cannot even be marked as missing there: no head may say that nothing is. */
  private isUnmarked = false
  private oldest: { readonly sent: number; readonly ms: number } | null = null
  private readonly counts = { copies: 0, older: 0, refused: 0 }
  private problem: string | null = null

  /** The shard was opened without any commit, and no head has been put since: the store cannot have lost anything. */
  private isNew: boolean

  constructor(options: StorePublisherOptions) {
    this.options = options
    this.isNew = options.shard.stats.seq === 0
  }

  /** Whether there are changes that the store has not. */
  get hasFresh(): boolean {
    return this.options.changes.last > this.sent
  }

  /** When there is something to put, ms: a change that has waited for its flush, or the next sign of life. */
  get dueMs(): number {
    const { flushMs, heartbeatMs } = this.options
    const { oldestMs } = this
    return Math.min(oldestMs === null ? Number.MAX_SAFE_INTEGER : oldestMs + flushMs, this.headMs + heartbeatMs)
  }

  /** When the oldest change that the store has not was accepted; what comes behind it changes nothing, so it is read once. */
  private get oldestMs(): number | null {
    const { changes } = this.options
    if (changes.last === this.sent) return null
    if (this.oldest?.sent !== this.sent) {
      const ms = changes.oldestMs(this.sent)
      this.oldest = ms === null ? null : { sent: this.sent, ms }
    }
    return this.oldest?.ms ?? null
  }

  get status(): StoreStatus {
    const { changes, name } = this.options
    return {
      store: name,
      rows: changes.count(this.sent),
      oldestMs: this.oldestMs,
      ...this.counts,
      problem: this.problem,
    }
  }

  /** Batches whose changes it has not. */
  get backlog(): number {
    return this.options.changes.count(this.sent)
  }

  /** Everything has been listed. */
  listed(): void {
    this.isFirst = true
  }

  /** Lets go of what waits: everything is listed anew. */
  skip(): void {
    this.sent = this.options.changes.last
    this.options.done(this.sent)
  }

  /**
   * Puts some of what waits. Throws when it is not known whether the store has it: call it again later. May be called at any time,
   * but not twice at once.
   */
  async send(): Promise<void> {
    try {
      await this.step()
      this.problem = null
    } catch (cause) {
      this.problem = cause instanceof Error ? cause.message : String(cause)
      throw cause
    }
  }

  private async step(): Promise<void> {
    const { done, now, shard } = this.options
    const { keys, last, seq, atMs } = this.nextKeys()
    // Before anything is awaited: what comes in meanwhile is not in what is put.
    const reached = last === this.options.changes.last ? { seq: shard.stats.seq, atMs: now() } : { seq, atMs }
    if (keys.size > 0) await this.putAll(keys)
    else await this.options.store().settle?.()
    if (last > this.sent) {
      this.sent = last
      done(last)
    }
    // While entities are still being listed the store lacks some: the head of before stays, and copies age by it.
    if (this.options.isListed() && !this.isUnmarked) await this.putHead(reached)
    this.headMs = now()
  }

  /** The entities of the next rows, the number of the last row, and what the shard had accepted by then. */
  private nextKeys(): { keys: ReadonlySet<string>; last: number; seq: number; atMs: number } {
    const { changes } = this.options
    const keys = new Set<string>()
    let reached = { last: this.sent, seq: 0, atMs: 0 }
    for (let rows = 0; rows < STEP_ROWS && keys.size < STEP_KEYS; rows += READ_ROWS) {
      const next = changes.read(reached.last, READ_ROWS)
      for (const row of next) {
        if (keys.size >= STEP_KEYS) break
        reached = { last: row.id, seq: row.seq, atMs: row.atMs }
        this.addKeys(row, keys)
      }
      if (next.length < READ_ROWS) break
    }
    return { keys, ...reached }
  }

  private addKeys({ changed }: ChangeRow, keys: Set<string>): void {
    for (const { keys: own, only } of changed) {
      if (only !== undefined && only !== this.options.name) continue
      for (const key of own) keys.add(key)
    }
  }

  private async putAll(keys: ReadonlySet<string>): Promise<void> {
    const store = this.options.store()
    let copies: Copy[] = []
    let bytes = 0
    for (const key of keys) {
      const copy = this.copyOf(key, store)
      if (copy === undefined) continue
      const size = copy.body.length + (copy.readable?.length ?? 0) + COPY_BYTES
      if (copies.length > 0 && (bytes + size > CALL_BYTES || copies.length >= store.flags.maxPuts)) {
        await this.put(store, copies)
        copies = []
        bytes = 0
      }
      copies.push(copy)
      bytes += size
    }
    if (copies.length > 0) await this.put(store, copies)
  }

  /** Throws when the store has not all of them: then nothing is done with, and all are put again. */
  private async put(store: OnlineStore, copies: readonly Copy[]): Promise<void> {
    const { name, report } = this.options
    const outcomes = await store.put(copies)
    const withheld: Copy[] = []
    let again: string | undefined
    outcomes.forEach((outcome, i) => {
      const copy = copies[i] as Copy
      this.counts.copies++
      if (outcome === 'older') this.counts.older++
      if (typeof outcome === 'string') return
      if ('again' in outcome) {
        again ??= outcome.again
        return
      }
      this.counts.refused++
      report(`the online store ${name} did not take a copy: ${outcome.refused}`)
      if (isWithheld(copy)) this.isUnmarked = true
      else withheld.push({ ...copy, body: WITHHELD })
    })
    if (again !== undefined) throw new Error(again)
    // What it does not take it must not seem to have: an older copy would be taken for the newest, none for no state.
    if (withheld.length > 0) await this.put(store, withheld)
  }

  /** Undefined for an entity that is not here any more. */
  private copyOf(key: string, store: OnlineStore): Copy | undefined {
    const { shard, now, report, name, reader } = this.options
    try {
      return shard.copy(key, ({ state, seq }) => {
        const body = stateBytes(state)
        if (body.length > store.flags.maxBodyBytes) {
          report(`the online store ${name} takes ${store.flags.maxBodyBytes} bytes and an entity has ${body.length}`)
          return this.copy(key, state.mark, seq, WITHHELD)
        }
        const copy = this.copy(key, state.mark, seq, body)
        return store.flags.readable ? { ...copy, readable: reader().valuesJson(state, now()) } : copy
      })
    } catch (error) {
      if (!(error instanceof CorruptBytes)) throw error
      report(`the online store ${name} is not told of an entity whose state cannot be read: ${error.message}`)
      const order = shard.orderOf(key)
      return order && this.copy(key, order.mark, order.seq, WITHHELD)
    }
  }

  private copy(key: string, mark: number, seq: number, body: Uint8Array): Copy {
    const { entity, place, revision, now } = this.options
    return {
      address: {
        kind: 'entity',
        entity: entity.spec.name,
        region: place.region,
        place: place.sliceOf(key),
        key,
      },
      version: { epoch: place.epoch, mark, seq, revision: revision() },
      atMs: now(),
      body,
    }
  }

  /**
   * To be called before everything is listed. Where the store has no head it gets one that says nothing: if that is gone when all
   * is there, the store was emptied meanwhile. Throws when the store does not answer.
   */
  async begin(): Promise<void> {
    const store = this.options.store()
    // What was put there a moment ago may not be seen yet; nor is such a store emptied by a restart.
    if (store.flags.staleMs > 0) return
    const sign = headCopy({ ...this.headAt(0, 0), print: '' })
    const [there] = await store.get([sign.address])
    if (there === undefined) await this.putOne(sign)
  }

  private headAt(seq: number, atMs: number): Head {
    const { entity, place, shard, revision, print } = this.options
    const { region, epoch, shards, shard: number } = place
    const where = { entity: entity.spec.name, region, epoch, shards, shard: number }
    return { ...where, seq, atMs, revision: revision(), print, ...shard.history }
  }

  private async putHead({ seq, atMs }: { readonly seq: number; readonly atMs: number }): Promise<void> {
    const { store, name, report, lost } = this.options
    const head = headCopy(this.headAt(seq, atMs))
    const [there] = await store().get([head.address])
    // The store is another one, or was emptied: a head would turn what is missing into entities without a state.
    if (there === undefined && seq > 0 && !(this.isFirst && store().flags.staleMs > 0)) {
      if (!this.isNew) report(`the online store ${name} has lost its copies: everything is published anew`)
      lost()
      return
    }
    await this.putOne(head)
    this.isFirst = false
    this.isNew = false
  }

  private async putOne(head: Copy): Promise<void> {
    const { store, name, report } = this.options
    const [outcome] = await store().put([head])
    if (typeof outcome !== 'object') return
    if ('again' in outcome) throw new Error(outcome.again)
    report(`the online store ${name} did not take a head: ${outcome.refused}`)
  }
}
