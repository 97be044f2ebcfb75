import { DurableObject } from 'cloudflare:workers'
import type { LogEdit, ShardLogStatus } from '../src/offline/index.ts'
import {
  type EntityRuntime,
  type Lineage,
  lineageOf,
  parseShardName,
  regionNamed,
  type ShardName,
} from '../src/plan/index.ts'
import { type EntityTopic, EntityTopics } from '../src/publish/index.ts'
import {
  type ApplyAnswer,
  type ApplyMessage,
  type Backfill,
  type BackfillPiece,
  type ChildName,
  type CopiesMessage,
  type ExpectationCount,
  type HandedCells,
  type HandedIds,
  type HandOverHead,
  type HandOverRest,
  Heir,
  type NoBackfill,
  parseRead,
  pauseOf,
  type RunName,
  Shard,
  type ShardUnavailable,
  startLineage,
  whyNotRestorable,
  writeCopies,
  writeReadAnswer,
} from '../src/shard/index.ts'
import { Alarms } from './alarms.ts'
import { type App, deploymentOf, planOf } from './app.ts'
import { clusterOf } from './clusters.ts'
import type { ShardAbout, ShardNamespace } from './directory.ts'
import { Drain } from './drain.ts'
import { type LetterBoxes, sendLetters } from './letter-box.ts'
import { type EpochStatus, Opening } from './opening.ts'
import { parentShard } from './parents.ts'
import { type Bookmark, bookmarkAt, insistIsRestored, type Restored, restoreTo } from './restore.ts'
import { isLogged, type LoggedShard, loggedShard } from './shard-log.ts'
import { ShardStores, type StoreOrder } from './shard-stores.ts'
import { SqlShardStorage } from './sql-shard-storage.ts'
import { storesOf } from './stores.ts'

/** What a shard needs of its Worker. */
export interface FeatureShardEnv {
  readonly SHARDS: ShardNamespace
  readonly DEAD_LETTERS: LetterBoxes
  /** The region that the Worker is deployed with. */
  readonly REGION: string
  /** JSON: the clusters and the online stores that features are published to. */
  readonly CONNECTIONS?: string
}

/** A shard that is open, and what leaves it by itself: refusals, changes to each topic, copies to each online store, its log. */
interface Running {
  readonly shard: Shard
  readonly topics: EntityTopics
  readonly stores: ShardStores
  readonly log: LoggedShard | null
  readonly drains: readonly Drain[]
}

/** One shard of one entity as a Durable Object: storage, alarm and RPC; every rule is in `src/shard`. */
export function featureShardOf(app: App) {
  return class FeatureShardObject<Env extends FeatureShardEnv> extends DurableObject<Env> {
    private readonly name: ShardName
    private readonly entity: EntityRuntime
    private readonly sql: SqlShardStorage
    private readonly alarms: Alarms
    /** Null while it has not taken over from the shard before it. */
    private running: Running | null = null
    private readonly opening: Opening | null
    private readonly lineage: Lineage

    constructor(ctx: DurableObjectState, env: Env) {
      super(ctx, env)
      const name = parseShardName(ctx.id.name ?? '')
      if (name === undefined)
        throw new Error(`a feature shard is named region/entity/epoch/shards/shard, not ${ctx.id.name}`)
      const entity = planOf(app).entities.get(name.entity)
      if (entity === undefined) throw new Error(`no entity ${name.entity} in this deployment`)
      const lineage = lineageOf(regionNamed(app.regions, name.region), 'entity', name)
      if (lineage.kind === 'stranger') throw new Error(`${ctx.id.name}: ${lineage.why}`)
      this.name = name
      this.lineage = lineage
      this.entity = entity
      this.sql = new SqlShardStorage(ctx.storage)
      this.alarms = new Alarms(ctx.storage)
      if (lineage.kind === 'first' || Heir.isOpen(this.sql)) {
        this.opening = null
        this.start()
        return
      }
      const { parent, isNext } = lineage
      this.opening = new Opening({
        heir: new Heir({
          storage: this.sql,
          child: name,
          siblings: name.shards / parent.shards,
          countsExpectations: name.shard === parent.shard,
          parent: parentShard(env.SHARDS, parent),
          now: () => Date.now(),
        }),
        isNext,
        name: `shard ${ctx.id.name}`,
        start: () => this.start(),
        waitUntil: (work) => ctx.waitUntil(work),
      })
    }

    private start(): void {
      const { name, entity, ctx, env, sql: storage } = this
      const plan = planOf(app)
      const region = regionNamed(app.regions, name.region)
      const part = { region: region.id, epoch: name.epoch, shard: name.shard }
      const report = (problem: string) => console.error(`${ctx.id.name}: ${problem}`)
      const now = () => Date.now()
      const isCopied = storesOf(app, env).length > 0
      const about = { plan, entity, part, shards: name.shards, storage, now, report, isCopied }
      const shard = new Shard({ ...about, isLogged: isLogged(region, env) })
      const topics = new EntityTopics({
        plan,
        entity,
        part: { region: name.region, epoch: name.epoch, shard: name.shard },
        shard,
        storage,
        kafka: (cluster) => clusterOf(env.CONNECTIONS, cluster, `tidemark-${ctx.id.name}`.replaceAll('/', '-')),
        now,
        report,
      })
      const stores = new ShardStores({ app, env, name, entity, shard, storage, alarms: this.alarms, report })
      const { lineage, alarms } = this
      const log = loggedShard({ env, region, name, lineage, shard, storage, alarms, report })
      const letters = new Drain({
        storage: this.alarms.for('letters'),
        name: `${ctx.id.name}`,
        isEmpty: () => shard.letters.isEmpty,
        send: () => sendLetters(shard.letters, env.DEAD_LETTERS, name.region),
      })
      const toTopics = topics.topics.map((topic) => this.drainOf(shard, topic))
      const drains = [letters, ...toTopics, ...stores.drains, ...(log ? [log.drain] : [])]
      this.running = { shard, topics, stores, log, drains }
      // Left by a process that ended between a batch and its drain.
      ctx.waitUntil(this.drain())
    }

    private drainOf(shard: Shard, topic: EntityTopic): Drain {
      return new Drain({
        storage: this.alarms.for(`topic ${topic.name}`),
        name: `${this.ctx.id.name} to the topic ${topic.name}`,
        // Who has taken over tells everything anew: what came from here after that would be older.
        isEmpty: () => topic.dueMs === null || shard.handOver.sealed !== null,
        dueMs: () => topic.dueMs ?? 0,
        send: () => topic.send(),
      })
    }

    private async drain(): Promise<void> {
      await Promise.all(this.running?.drains.map((drain) => drain.run()) ?? [])
    }

    /** The shard once it is open; or why it is not. */
    private async opened(): Promise<Running | ShardUnavailable> {
      const why = await this.opening?.ready()
      return why ?? this.running ?? { unavailable: 'opening', message: `${this.ctx.id.name} is not open` }
    }

    /** The shard, for what cannot be answered without it. */
    private async insist(): Promise<Running> {
      const running = this.running ?? (await this.opened())
      if ('unavailable' in running) throw new Error(running.message)
      return running
    }

    /** Takes in a batch; the answer leaves when it is durable (the output gate waits for the write). */
    apply(message: ApplyMessage): ApplyAnswer | ShardUnavailable | Promise<ApplyAnswer | ShardUnavailable> {
      if (this.running === null)
        return this.opened().then((opened) => ('unavailable' in opened ? opened : this.apply(message)))
      const { shard, drains } = this.running
      const answer = this.orAbort(() => shard.apply(message))
      if ('refused' in answer && (answer.refused.length > 0 || drains.length > 1)) this.ctx.waitUntil(this.drain())
      return answer
    }

    private orAbort<T>(work: () => T): T {
      try {
        return work()
      } catch (cause) {
        // The transaction is rolled back but memory is not: the next call must open the shard anew.
        this.ctx.abort(cause instanceof Error ? `batch failed: ${cause.message}` : 'batch failed')
        throw cause
      }
    }

    /** Reads entities: a text in, a text out (`src/shard/read-text.ts`). */
    read(message: string): string | Promise<string> {
      if (this.running === null)
        return this.opened().then((opened) => ('unavailable' in opened ? writeReadAnswer(opened) : this.read(message)))
      return writeReadAnswer(this.running.shard.read(parseRead(message)))
    }

    /** Entities as they are, for whoever merges them with other parts (`src/shard/copies.ts`). */
    copies(message: string): Uint8Array | Promise<Uint8Array> {
      if (this.running === null)
        return this.opened().then((opened) => ('unavailable' in opened ? writeCopies(opened) : this.copies(message)))
      return writeCopies(this.running.shard.copies(JSON.parse(message) as CopiesMessage))
    }

    /** What was counted here for each expectation of a source; empty when its events are counted elsewhere. */
    async expectations(source: string): Promise<ExpectationCount[]> {
      return (await this.insist()).shard.expectations(source)
    }

    /** For a shard of the next epoch: how this one stands. */
    async handOverHead(): Promise<HandOverHead> {
      return (await this.insist()).shard.handOver.head()
    }

    /** For a shard of the next epoch: seals this one. */
    async handOverSeal(child: ChildName): Promise<HandOverRest> {
      const { shard } = await this.insist()
      return this.orAbort(() => shard.handOver.seal(child))
    }

    async handOverCells(child: ChildName, page: number, since: number): Promise<HandedCells> {
      return (await this.insist()).shard.handOver.cells(child, page, since)
    }

    async handOverIds(run: RunName, part: number): Promise<HandedIds | null> {
      return (await this.insist()).shard.handOver.ids(run, part)
    }

    /** Copies from the shard before it, while that one serves. Says whether everything is here that was there when it began. */
    async prepareEpoch(): Promise<boolean> {
      return (await this.opening?.prepare()) ?? true
    }

    /** Takes over from the shard before it, if it has not; `copying` when that needs another call. Throws when it may not or cannot. */
    async openEpoch(): Promise<EpochStatus> {
      await this.opening?.open()
      return this.epochStatus()
    }

    epochStatus(): EpochStatus {
      const bytes = this.ctx.storage.sql.databaseSize
      const taken = this.opening?.progress
      if (this.running === null) {
        return { state: 'copying', seq: taken?.seq ?? 0, entities: taken?.cells ?? 0, bytes, ...(taken && { taken }) }
      }
      const { shard } = this.running
      const { seq } = shard.stats
      const pauseMs = pauseOf(this.sql)
      const before = { isOpen: true, cells: 0, bytes: 0, seq, parentSeq: null, parentEntities: null, pauseMs }
      return {
        state: shard.handOver.sealed === null ? 'open' : 'sealed',
        seq,
        entities: shard.roughEntities,
        bytes,
        ...(pauseMs !== null && { taken: taken ?? before }),
      }
    }

    /** Everything of the region is as it was then. */
    restored(lineage: string): void {
      insistIsRestored(this.ctx)
      startLineage(this.sql, lineage)
    }

    /** Names its state at a time, for {@link restoreTo}. */
    async bookmarkAt(timeMs: number): Promise<Bookmark> {
      const problem = whyNotRestorable(this.sql, this.running !== null, timeMs)
      return problem === undefined ? await bookmarkAt(this.ctx, timeMs) : { problem }
    }

    /** Takes it back to a state that was named. It ends, and is opened anew. */
    restoreTo(bookmark: string): Promise<Restored> {
      return restoreTo(this.ctx, bookmark)
    }

    /** What a deployment waits for. */
    about(): ShardAbout {
      const { state, seq } = this.epochStatus()
      return { plan: planOf(app).hash, deployment: deploymentOf(app), state, seq }
    }

    /** How each online store does. */
    async storeStatus(): Promise<ShardStores['status']> {
      return (await this.insist()).stores.status
    }

    /** Publishes everything to one store anew, or pauses that. Says whether there is such a store. */
    async orderStore(store: string, order: StoreOrder): Promise<boolean> {
      const isKnown = (await this.insist()).stores.order(store, order)
      this.ctx.waitUntil(this.drain())
      return isKnown
    }

    /** Begins to fill a view with the history from before it came, or says how that stands. */
    async beginBackfill(view: string): Promise<Backfill | NoBackfill> {
      const { shard } = await this.insist()
      return this.orAbort(() => shard.beginBackfill(view))
    }

    async takeBackfill(piece: BackfillPiece): Promise<Backfill | NoBackfill> {
      const { shard } = await this.insist()
      const answer = this.orAbort(() => shard.takeBackfill(piece))
      this.ctx.waitUntil(this.drain())
      return answer
    }

    async endBackfill(view: string, sinceMs: number): Promise<Backfill | NoBackfill> {
      const { shard } = await this.insist()
      return this.orAbort(() => shard.endBackfill(view, sinceMs))
    }

    /** How far its log is; null where the region keeps none. */
    async logStatus(): Promise<ShardLogStatus | null> {
      return (await this.insist()).log?.log.status ?? null
    }

    /** Writes to the log what waits for it, however little it is. */
    async flushLog(): Promise<ShardLogStatus | null> {
      const { log } = await this.insist()
      await log?.flush()
      return log?.log.status ?? null
    }

    /** Names other files in the place of some. */
    async editLog(change: LogEdit): Promise<'edited' | 'changed' | 'no log'> {
      return (await (await this.insist()).log?.log.edit(change)) ?? 'no log'
    }

    /** Forgets entities, and lets stores and topics know. */
    async erase(keys: readonly string[]): Promise<{ readonly seq: number; readonly found: number }> {
      const { shard, log } = await this.insist()
      const erased = this.orAbort(() => shard.erase(keys))
      await log?.flush()
      this.ctx.waitUntil(this.drain())
      return erased
    }

    /** What an operator and the bench want to know. */
    stats() {
      if (this.running === null) throw new Error(`${this.ctx.id.name} is not open`)
      const { shard, topics, stores } = this.running
      return {
        ...shard.stats,
        topics: topics.topics.map(({ status }) => status),
        stores: stores.status,
        rowsWritten: this.sql.rowsWritten,
        databaseBytes: this.ctx.storage.sql.databaseSize,
      }
    }

    override async alarm(): Promise<void> {
      this.alarms.rang()
      // Not waited for: no alarm rings while another is at work, and a store that does not answer would hold up all that leaves.
      for (const drain of this.running?.drains ?? []) this.ctx.waitUntil(drain.rang())
    }
  }
}
