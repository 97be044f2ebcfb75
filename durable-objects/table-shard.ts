import { DurableObject } from 'cloudflare:workers'
import { parseShardName, regionNamed } from '../src/plan/index.ts'
import type {
  ApplyAnswer,
  ApplyMessage,
  ExpectationCount,
  RowsAnswer,
  RowsMessage,
  ShardUnavailable,
} from '../src/shard/index.ts'
import { TableShard } from '../src/table/index.ts'
import { type App, planOf } from './app.ts'
import { directoryOf, type ShardAbout, type ShardNamespace } from './directory.ts'
import { Drain } from './drain.ts'
import { type LetterBoxes, sendLetters } from './letter-box.ts'
import { SqlTableStorage } from './sql-table-storage.ts'

/** What a table's shard needs of its Worker. */
export interface TableShardEnv {
  readonly SHARDS: ShardNamespace
  readonly DEAD_LETTERS: LetterBoxes
}

/** Rows of the outbox that leave in one go: each holds a batch, and they wait for the slowest shard of an entity. */
const OUTBOX_ROWS = 1

/** One shard of a table as a Durable Object: storage, alarm and RPC; every rule is in `src/table`. */
export function tableShardOf(app: App) {
  return class TableShardObject<Env extends TableShardEnv> extends DurableObject<Env> {
    private readonly table: TableShard
    private readonly drain: Drain
    private readonly sql: SqlTableStorage

    constructor(ctx: DurableObjectState, env: Env) {
      super(ctx, env)
      const name = parseShardName(ctx.id.name ?? '')
      if (name === undefined)
        throw new Error(`a table's shard is named region/source/epoch/shards/shard, not ${ctx.id.name}`)
      const plan = planOf(app)
      const source = plan.sources.get(name.entity)
      if (source === undefined) throw new Error(`no source ${name.entity} in this deployment`)
      const directory = directoryOf(app.regions, name.region, env.SHARDS)
      const part = { region: regionNamed(app.regions, name.region).id, epoch: name.epoch, shard: name.shard }
      this.sql = new SqlTableStorage(ctx.storage)
      const now = () => Date.now()
      this.table = new TableShard({ plan, source, part, storage: this.sql, destinations: directory, now })
      const { outbox, refusals } = this.table
      this.drain = new Drain({
        storage: ctx.storage,
        name: `${ctx.id.name}`,
        isEmpty: () => outbox.isEmpty && refusals.isEmpty && !this.table.stats.truncating,
        send: async () => {
          if (!refusals.isEmpty) await sendLetters(refusals, env.DEAD_LETTERS, name.region)
          this.orAbort('truncate', () => this.table.work())
          const { sendings, delivered } = outbox.take(plan, OUTBOX_ROWS)
          const answers = await Promise.all(
            sendings.map(({ entity, shard, message }) => directory.shard(entity, shard).apply(message)),
          )
          for (const answer of answers) if ('unavailable' in answer) throw new Error(answer.message)
          delivered()
        },
      })
      // Left by a process that ended between a batch and its drain.
      this.ctx.waitUntil(this.drain.run())
    }

    /** Takes in changes; the answer leaves when they are durable (the output gate waits for the write). */
    apply(message: ApplyMessage): ApplyAnswer | ShardUnavailable {
      const answer = this.orAbort('batch', () => this.table.apply(message))
      this.ctx.waitUntil(this.drain.run())
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
    rows(message: RowsMessage): RowsAnswer | ShardUnavailable {
      return this.table.rows(message)
    }

    /** What was counted here for each expectation of the table. */
    expectations(): ExpectationCount[] {
      return this.table.expectations()
    }

    /** What a deployment waits for. */
    about(): ShardAbout {
      return { plan: planOf(app).hash, seq: this.table.stats.seq }
    }

    /** What an operator wants to know. */
    stats() {
      return { ...this.table.stats, waiting: !this.table.outbox.isEmpty, rowsWritten: this.sql.rowsWritten }
    }

    override async alarm(): Promise<void> {
      await this.drain.run()
    }
  }
}
