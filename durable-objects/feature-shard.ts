import { DurableObject } from 'cloudflare:workers'
import { parseShardName, regionNamed } from '../src/plan/index.ts'
import {
  type ApplyAnswer,
  type ApplyMessage,
  type ExpectationCount,
  parseRead,
  Shard,
  type ShardUnavailable,
  writeReadAnswer,
} from '../src/shard/index.ts'
import { type App, planOf } from './app.ts'
import { Drain } from './drain.ts'
import { type LetterBoxes, sendLetters } from './letter-box.ts'
import { SqlShardStorage } from './sql-shard-storage.ts'

/** What a shard needs of its Worker. */
export interface FeatureShardEnv {
  readonly DEAD_LETTERS: LetterBoxes
}

/** One shard of one entity as a Durable Object: storage, alarm and RPC; every rule is in `src/shard`. */
export function featureShardOf(app: App) {
  return class FeatureShardObject<Env extends FeatureShardEnv> extends DurableObject<Env> {
    private readonly sql: SqlShardStorage
    private readonly shard: Shard
    private readonly drain: Drain

    constructor(ctx: DurableObjectState, env: Env) {
      super(ctx, env)
      const name = parseShardName(ctx.id.name ?? '')
      if (name === undefined)
        throw new Error(`a feature shard is named region/entity/epoch/shards/shard, not ${ctx.id.name}`)
      const plan = planOf(app)
      const entity = plan.entities.get(name.entity)
      if (entity === undefined) throw new Error(`no entity ${name.entity} in this deployment`)
      this.sql = new SqlShardStorage(ctx.storage)
      const part = { region: regionNamed(app.regions, name.region).id, epoch: name.epoch, shard: name.shard }
      const report = (problem: string) => console.error(`${ctx.id.name}: ${problem}`)
      const { shards } = name
      this.shard = new Shard({ plan, entity, part, shards, storage: this.sql, now: () => Date.now(), report })
      this.drain = new Drain({
        storage: ctx.storage,
        name: `${ctx.id.name}`,
        isEmpty: () => this.shard.letters.isEmpty,
        send: () => sendLetters(this.shard.letters, env.DEAD_LETTERS, name.region),
      })
      // Left by a process that ended between a batch and its drain.
      this.ctx.waitUntil(this.drain.run())
    }

    /** Takes in a batch; the answer leaves when it is durable (the output gate waits for the write). */
    apply(message: ApplyMessage): ApplyAnswer | ShardUnavailable {
      try {
        const answer = this.shard.apply(message)
        if ('refused' in answer && answer.refused.length > 0) this.ctx.waitUntil(this.drain.run())
        return answer
      } catch (cause) {
        // The transaction is rolled back but memory is not: the next call must open the shard anew.
        this.ctx.abort(cause instanceof Error ? `batch failed: ${cause.message}` : 'batch failed')
        throw cause
      }
    }

    /** Reads entities: a text in, a text out (`src/shard/read-text.ts`). */
    read(message: string): string {
      return writeReadAnswer(this.shard.read(parseRead(message)))
    }

    /** What was counted here for each expectation of a source; empty when its events are counted elsewhere. */
    expectations(source: string): ExpectationCount[] {
      return this.shard.expectations(source)
    }

    /** What an operator and the bench want to know. */
    stats() {
      return {
        ...this.shard.stats,
        rowsWritten: this.sql.rowsWritten,
        databaseBytes: this.ctx.storage.sql.databaseSize,
      }
    }

    override async alarm(): Promise<void> {
      await this.drain.run()
    }
  }
}
