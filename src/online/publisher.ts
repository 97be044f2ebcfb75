import { stateBytes } from '../engine/index.ts'
import type { EntityRuntime } from '../plan/index.ts'
import type { ChangeList, ChangeRow, Shard, VectorReader } from '../shard/index.ts'
import { CorruptBytes } from '../util/byte-reader.ts'
import { type Copy, type CopyAddress, isWithheld, WITHHELD } from './copy.ts'
import { type Head, headCopy } from './head.ts'
import { isCopy, type OnlineStore } from './store.ts'
import { compareVersions, type Version } from './version.ts'

/** Rows of changes that are looked at in one go, until there are so many entities. */
const STEP_ROWS = 4_096
const STEP_KEYS = 2_000
/** A store without compare-and-set is read back so often, ms. */
const SETTLE_MS = 60_000
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
  /** Whether everything had been listed when the process began. */
  readonly wasComplete: boolean
  /** Whether the store has every entity: then a head may say so. */
  readonly isComplete: () => boolean
  /** Whether a head was ever put. */
  readonly hasHead: () => boolean
  /** Told that one was; and that a sign was, which stands there before the first head. */
  readonly headPut: () => void
  readonly signPut: () => void
  /** Told that the store has lost what was there: everything has to be listed anew. */
  readonly lost: () => void
  /** Told that some entity cannot even be marked as missing in the store. */
  readonly unmarked: () => void
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

/** Entities that are being put, a slice at a time: an invocation of a Worker has only so many operations. */
interface Work {
  readonly keys: readonly string[]
  /** The last row that they are of. */
  readonly last: number
  /** What the shard had accepted when they were listed, as far as they are all of it; null where that cannot be said. */
  readonly reached: { readonly seq: number; readonly atMs: number } | null
}

/**
 * Puts what changed into one store: each entity once, as it stands when it leaves, so that a hundred changes are one copy. What
 * was put twice, late or in another order does no harm, since only a greater version replaces. When all of it is there the head
 * says so: readers know by it how old copies are that did not change.
 */
export class StorePublisher {
  private readonly options: StorePublisherOptions
  /** The store has these rows. */
  private sent = 0
  private work: Work | null = null
  /** How many of its keys are put. */
  private done = 0
  /** When the last head was put, and when the store was last read back, ms. */
  private headMs = 0
  private settledMs = 0
  private lastHead: Version | null = null
  /** The store had everything up to this commit when the process began, as far as that can be said. */
  private hadSeq: number
  private oldest: { readonly sent: number; readonly ms: number } | null = null
  private readonly counts = { copies: 0, older: 0, refused: 0 }
  private problem: string | null = null

  constructor(options: StorePublisherOptions) {
    this.options = options
    const { changes, shard, wasComplete } = options
    this.hadSeq = wasComplete ? (changes.releasedSeq ?? shard.stats.seq) : 0
  }

  /** Whether the store has everything up to a row of the change list. */
  hasReached(row: number): boolean {
    return this.sent >= row
  }

  /** When there is something to put, ms: a change that has waited for its flush, or the next sign of life. */
  get dueMs(): number {
    if (this.work !== null) return 0
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

  /** Lets go of what waits: everything is listed anew. */
  skip(): void {
    this.work = null
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
    const { done, now, isComplete } = this.options
    if (this.work === null) {
      this.work = this.nextWork()
      this.done = 0
    }
    const { work } = this
    const store = this.options.store()
    const slice = work.keys.slice(this.done, this.done + Math.min(STEP_KEYS, store.flags.maxPuts))
    if (slice.length > 0) await this.putAll(store, slice)
    // Skipped meanwhile.
    if (this.work !== work) return
    this.done += slice.length
    if (this.done < work.keys.length) return
    this.work = null
    if (work.last > this.sent) {
      this.sent = work.last
      done(work.last)
    }
    // One that fails is due at once.
    this.headMs = 0
    // While entities are still missing there the head of before stays, and copies age by it.
    if (work.reached !== null && isComplete()) await this.putHead(store, work.reached)
    this.headMs = now()
    if (store.settle && now() >= this.settledMs + SETTLE_MS) {
      this.settledMs = now()
      await store.settle()
    }
  }

  /** The entities of the next rows. Before anything is awaited: what comes in meanwhile is not among them. */
  private nextWork(): Work {
    const { changes, shard, now } = this.options
    const keys = new Set<string>()
    let last = { id: this.sent, seq: 0, atMs: 0 }
    let before: typeof last | null = null
    for (let rows = 0; rows < STEP_ROWS && keys.size < STEP_KEYS; rows += READ_ROWS) {
      const next = changes.read(last.id, READ_ROWS)
      for (const row of next) {
        if (keys.size >= STEP_KEYS) break
        if (row.seq !== last.seq) before = last
        last = row
        this.addKeys(row, keys)
      }
      if (next.length < READ_ROWS) break
    }
    const all = last.id >= changes.last ? { seq: shard.stats.seq, atMs: now() } : null
    // A batch with many keys has several rows: only with its last one is its commit there.
    const [next] = all === null ? changes.read(last.id, 1) : []
    const part = next?.seq === last.seq ? before : last
    const reached = all ?? (part === null || part.seq === 0 ? null : { seq: part.seq, atMs: part.atMs })
    return { keys: [...keys], last: last.id, reached }
  }

  private addKeys({ changed }: ChangeRow, keys: Set<string>): void {
    for (const { keys: own, only } of changed) {
      if (only !== undefined && only !== this.options.name) continue
      for (const key of own) keys.add(key)
    }
  }

  private async putAll(store: OnlineStore, keys: readonly string[]): Promise<void> {
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
      if (isWithheld(copy)) this.options.unmarked()
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
   * To be called before anything is put, and before everything is listed anew. Where the store has no head it gets one that says
   * nothing: if that is gone when all is there, the store was emptied meanwhile. Throws when the store does not answer.
   */
  async begin(): Promise<void> {
    const store = this.options.store()
    // What was put there a moment ago may not be seen yet; nor is such a store emptied by a restart.
    if (store.flags.staleMs > 0) {
      this.options.signPut()
      return
    }
    const sign = headCopy({ ...this.headAt({ seq: 0, atMs: 0 }), print: '' })
    const [there] = await store.get([sign.address])
    if (there === undefined) await this.putOne(store, sign)
    this.options.signPut()
  }

  private headAt({ seq, atMs }: { readonly seq: number; readonly atMs: number }): Head {
    const { entity, place, shard, revision, print } = this.options
    const { region, epoch, shards, shard: number } = place
    const where = { entity: entity.spec.name, region, epoch, shards, shard: number }
    return { ...where, seq, atMs, revision: revision(), print, ...shard.history }
  }

  private async putHead(store: OnlineStore, reached: { readonly seq: number; readonly atMs: number }): Promise<void> {
    const { name, report, headPut } = this.options
    const head = headCopy(this.headAt(reached))
    if (await this.hasLost(store, head.address)) {
      report(`the online store ${name} has lost its copies: everything is published anew`)
      this.lastHead = null
      this.hadSeq = 0
      this.options.lost()
      return
    }
    if (!(await this.putOne(store, head))) return
    this.lastHead = head.version
    headPut()
  }

  /** Says whether the store has taken it, or has a newer one. */
  private async putOne(store: OnlineStore, head: Copy): Promise<boolean> {
    const { name, report } = this.options
    const [outcome] = await store.put([head])
    if (typeof outcome !== 'object') return true
    if ('again' in outcome) throw new Error(outcome.again)
    report(`the online store ${name} did not take a head: ${outcome.refused}`)
    return false
  }

  /**
   * Whether the head of before is gone, or an older one is there: the store is another one, was emptied, or came back from a backup.
   * A head would turn what is missing into entities without a state. Of a store that may answer what it had a while ago nothing
   * can be said.
   */
  private async hasLost(store: OnlineStore, address: CopyAddress): Promise<boolean> {
    if (store.flags.staleMs > 0) return false
    const [there] = await store.get([address])
    if (there === undefined) return true
    if (!isCopy(there)) return false
    // The sign that all begins with: it is no more than that where a head has taken its place.
    if (there.version.mark === 0) return this.options.hasHead()
    const { lastHead } = this
    if (lastHead !== null) return compareVersions(there.version, lastHead) < 0
    return there.version.epoch === this.options.place.epoch && there.version.seq < this.hadSeq
  }
}
