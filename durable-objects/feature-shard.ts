import { DurableObject } from 'cloudflare:workers'
import { parseShardName, regionNamed } from '../src/plan/index.ts'
import {
  type ApplyAnswer,
  type ApplyMessage,
  type DeadLetter,
  parseRead,
  Shard,
  type ShardUnavailable,
  writeReadAnswer,
} from '../src/shard/index.ts'
import { type App, planOf } from './app.ts'
import { SqlShardStorage } from './sql-shard-storage.ts'

/** What a shard needs of its Worker. */
export interface FeatureShardEnv {
  readonly DEAD_LETTERS: { getByName(name: string): { add(letters: readonly DeadLetter[]): Promise<void> } }
}

/** Outbox rows that leave in one call. */
const LETTER_ROWS = 8
/** How soon an undelivered outbox is tried again. */
const RETRY_MS = 5_000

/** One shard of one entity as a Durable Object: storage, alarm and RPC; every rule is in `src/shard`. */
export function featureShardOf(app: App) {
  return class FeatureShardObject<Env extends FeatureShardEnv> extends DurableObject<Env> {
    private readonly sql: SqlShardStorage
    private readonly region: string
    private readonly shard: Shard
    private draining = false

    constructor(ctx: DurableObjectState, env: Env) {
      super(ctx, env)
      const name = parseShardName(ctx.id.name ?? '')
      if (name === undefined)
        throw new Error(`a feature shard is named region/entity/epoch/shards/shard, not ${ctx.id.name}`)
      const plan = planOf(app)
      const entity = plan.entities.get(name.entity)
      if (entity === undefined) throw new Error(`no entity ${name.entity} in this deployment`)
      this.region = name.region
      this.sql = new SqlShardStorage(ctx.storage)
      const part = { region: regionNamed(app.regions, name.region).id, epoch: name.epoch, shard: name.shard }
      const report = (problem: string) => console.error(`${ctx.id.name}: ${problem}`)
      const { shards } = name
      this.shard = new Shard({ plan, entity, part, shards, storage: this.sql, now: () => Date.now(), report })
      // Left by a process that ended between a batch and its drain.
      if (!this.shard.letters.isEmpty) this.ctx.waitUntil(this.drain())
    }

    /** Takes in a batch; the answer leaves when it is durable (the output gate waits for the write). */
    apply(message: ApplyMessage): ApplyAnswer | ShardUnavailable {
      try {
        const answer = this.shard.apply(message)
        if ('refused' in answer && answer.refused.length > 0) this.ctx.waitUntil(this.drain())
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

    /** What an operator and the bench want to know. */
    stats() {
      return {
        ...this.shard.stats,
        rowsWritten: this.sql.rowsWritten,
        databaseBytes: this.ctx.storage.sql.databaseSize,
      }
    }

    override async alarm(): Promise<void> {
      await this.drain()
    }

    /** Hands refusals to the dead letters; those that could not go wait for the alarm. */
    private async drain(): Promise<void> {
      if (this.draining || this.shard.letters.isEmpty) return
      this.draining = true
      try {
        // Again from the start when a batch left letters while the alarm was being deleted: they would wait without one.
        while (!this.shard.letters.isEmpty) {
          await this.ctx.storage.setAlarm(Date.now() + RETRY_MS)
          while (!this.shard.letters.isEmpty) {
            const { letters, delivered } = this.shard.letters.take(LETTER_ROWS)
            await this.deliver(letters)
            delivered()
          }
          await this.ctx.storage.deleteAlarm()
        }
      } catch (cause) {
        console.warn(
          `dead letters of ${this.ctx.id.name} wait: ${cause instanceof Error ? cause.message : String(cause)}`,
        )
        await this.ctx.storage.setAlarm(Date.now() + RETRY_MS)
      } finally {
        this.draining = false
      }
    }

    private async deliver(letters: readonly DeadLetter[]): Promise<void> {
      for (const source of new Set(letters.map((letter) => letter.source))) {
        const own = letters.filter((letter) => letter.source === source)
        await this.env.DEAD_LETTERS.getByName(`${this.region}/${source}`).add(own)
      }
    }
  }
}
