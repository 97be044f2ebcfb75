import { DurableObject } from 'cloudflare:workers'
import { lineageOf, parseShardName, regionNamed, type ShardName } from '../src/plan/index.ts'
import {
  type ApplyAnswer,
  type ApplyMessage,
  type ChildName,
  type ExpectationCount,
  pauseOf,
  type RowsAnswer,
  type RowsMessage,
  type ShardUnavailable,
  startLineage,
  whyNotRestorable,
} from '../src/shard/index.ts'
import { type HandedRows, type TableHead, TableHeir, type TableRest, TableShard } from '../src/table/index.ts'
import { type App, deploymentOf, planOf } from './app.ts'
import { directoryOf, type ShardAbout, type ShardNamespace, type TableNamespace } from './directory.ts'
import { Drain } from './drain.ts'
import { type LetterBoxes, sendLetters } from './letter-box.ts'
import { type EpochStatus, Opening } from './opening.ts'
import { parentTable } from './parents.ts'
import { type Bookmark, bookmarkAt, insistIsRestored, type Restored, restoreTo } from './restore.ts'
import { SqlTableStorage } from './sql-table-storage.ts'

/** What a table's shard needs of its Worker. */
export interface TableShardEnv {
  readonly SHARDS: ShardNamespace
  readonly TABLES: TableNamespace
  readonly DEAD_LETTERS: LetterBoxes
}

/** Rows of the outbox that leave in one go: each holds a batch, and they wait for the slowest shard of an entity. */
const OUTBOX_ROWS = 1

/** A table's shard that is open, and what leaves it. */
interface Running {
  readonly table: TableShard
  readonly drain: Drain
}

/** One shard of a table as a Durable Object: storage, alarm and RPC; every rule is in `src/table`. */
export function tableShardOf(app: App) {
  return class TableShardObject<Env extends TableShardEnv> extends DurableObject<Env> {
    private readonly name: ShardName
    private readonly sql: SqlTableStorage
    /** Null while it has not taken over from the shard before it. */
    private running: Running | null = null
    private readonly opening: Opening | null
    /** A restore of the region is under way: nothing is told to entities. */
    private isHeld: boolean

    constructor(ctx: DurableObjectState, env: Env) {
      super(ctx, env)
      const name = parseShardName(ctx.id.name ?? '')
      if (name === undefined)
        throw new Error(`a table's shard is named region/source/epoch/shards/shard, not ${ctx.id.name}`)
      if (!planOf(app).sources.has(name.entity)) throw new Error(`no source ${name.entity} in this deployment`)
      const lineage = lineageOf(regionNamed(app.regions, name.region), 'table', name)
      if (lineage.kind === 'stranger') throw new Error(`table ${ctx.id.name}: ${lineage.why}`)
      this.name = name
      this.sql = new SqlTableStorage(ctx.storage)
      this.isHeld = this.sql.readMeta('held') === 'yes'
      if (lineage.kind === 'first' || TableHeir.isOpen(this.sql)) {
        this.opening = null
        this.start()
        return
      }
      const { parent, isNext } = lineage
      this.opening = new Opening({
        heir: new TableHeir({
          storage: this.sql,
          child: name,
          countsExpectations: name.shard === parent.shard,
          parent: parentTable(env.TABLES, parent),
          sleep: (ms) => new Promise((next) => setTimeout(next, ms)),
          now: () => Date.now(),
        }),
        isNext,
        name: `table ${ctx.id.name}`,
        start: () => this.start(),
        waitUntil: (work) => ctx.waitUntil(work),
      })
    }

    private start(): void {
      const { name, ctx, env } = this
      const plan = planOf(app)
      const source = plan.sources.get(name.entity)
      if (source === undefined) throw new Error(`no source ${name.entity} in this deployment`)
      // Of the epoch that is served: rows that were put in before it find their entities there too.
      const directory = directoryOf(app.regions, name.region, env.SHARDS)
      const part = { region: regionNamed(app.regions, name.region).id, epoch: name.epoch, shard: name.shard }
      const now = () => Date.now()
      const table = new TableShard({ plan, source, part, storage: this.sql, destinations: directory, now })
      const { outbox, refusals } = table
      const drain = new Drain({
        storage: ctx.storage,
        name: `${ctx.id.name}`,
        isEmpty: () => this.isHeld || (outbox.isEmpty && refusals.isEmpty && !table.stats.truncating),
        send: async () => {
          if (!refusals.isEmpty) await sendLetters(refusals, env.DEAD_LETTERS, name.region)
          this.orAbort('truncate', () => table.work())
          const { sendings, delivered } = outbox.take(plan, OUTBOX_ROWS)
          const answers = await Promise.all(
            sendings.map(({ entity, shard, message }) => directory.shard(entity, shard).apply(message)),
          )
          for (const answer of answers) if ('unavailable' in answer) throw new Error(answer.message)
          delivered()
        },
      })
      this.running = { table, drain }
      // Left by a process that ended between a batch and its drain.
      ctx.waitUntil(drain.run())
    }

    /** The shard once it is open; or why it is not. */
    private async opened(): Promise<Running | ShardUnavailable> {
      const why = await this.opening?.ready()
      return why ?? this.running ?? { unavailable: 'opening', message: `table ${this.ctx.id.name} is not open` }
    }

    /** The shard, for what cannot be answered without it. */
    private async insist(): Promise<Running> {
      const running = this.running ?? (await this.opened())
      if ('unavailable' in running) throw new Error(running.message)
      return running
    }

    /** Takes in changes; the answer leaves when they are durable (the output gate waits for the write). */
    apply(message: ApplyMessage): ApplyAnswer | ShardUnavailable | Promise<ApplyAnswer | ShardUnavailable> {
      if (this.running === null)
        return this.opened().then((opened) => ('unavailable' in opened ? opened : this.apply(message)))
      const { table, drain } = this.running
      const answer = this.orAbort('batch', () => table.apply(message))
      this.ctx.waitUntil(drain.run())
      return answer
    }

    private orAbort<T>(what: string, work: () => T): T {
      try {
        return work()
      } catch (cause) {
        // The transaction is rolled back but memory is not: the next call must open the shard anew.
        this.ctx.abort(`${what} failed: ${cause instanceof Error ? cause.message : String(cause)}`)
        throw cause
      }
    }

    /** The rows of some keys, as the table has them now. */
    async rows(message: RowsMessage): Promise<RowsAnswer | ShardUnavailable> {
      const running = this.running ?? (await this.opened())
      return 'unavailable' in running ? running : running.table.rows(message)
    }

    /** What was counted here for each expectation of the table. */
    async expectations(): Promise<ExpectationCount[]> {
      return (await this.insist()).table.expectations()
    }

    /** For a shard of the next epoch: how this one stands. */
    async handOverHead(): Promise<TableHead> {
      const { table } = await this.insist()
      return this.orAbort('copying', () => table.handOver.head())
    }

    /** For a shard of the next epoch: seals this one, and has it tell what it has to tell. */
    async handOverSeal(child: ChildName): Promise<TableRest> {
      const { table, drain } = await this.insist()
      this.orAbort('sealing', () => table.handOver.seal(child))
      await drain.run()
      return table.handOver.seal(child)
    }

    async handOverRows(child: ChildName, after: string | null, round: number): Promise<HandedRows> {
      return (await this.insist()).table.handOver.rows(child, after, round)
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
      const { table } = this.running
      const { seq } = table.stats
      const pauseMs = pauseOf(this.sql)
      const before = { isOpen: true, cells: 0, bytes: 0, seq, parentSeq: null, parentEntities: null, pauseMs }
      return {
        state: table.handOver.sealed === null ? 'open' : 'sealed',
        seq,
        entities: this.sql.rowCount,
        bytes,
        ...(pauseMs !== null && { taken: taken ?? before }),
      }
    }

    /** Tells entities nothing until {@link restored}; resolves when nothing is on its way. */
    async hold(): Promise<void> {
      this.sql.writeMeta('held', 'yes')
      this.isHeld = true
      await this.running?.drain.settled()
    }

    /** Goes on, once the entities that it tells are restored too. */
    restored(lineage: string): void {
      insistIsRestored(this.ctx)
      startLineage(this.sql, lineage)
      this.sql.writeMeta('held', 'no')
      this.isHeld = false
      if (this.running) this.ctx.waitUntil(this.running.drain.run())
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

    /** What an operator wants to know. */
    stats() {
      if (this.running === null) throw new Error(`${this.ctx.id.name} is not open`)
      const { table } = this.running
      return { ...table.stats, waiting: !table.outbox.isEmpty, rowsWritten: this.sql.rowsWritten }
    }

    override async alarm(): Promise<void> {
      await this.running?.drain.run()
    }
  }
}
