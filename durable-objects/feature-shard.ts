import { DurableObject } from 'cloudflare:workers'
import { parseShardName, regionNamed } from '../src/plan/index.ts'
import { type EntityTopic, EntityTopics } from '../src/publish/index.ts'
import {
  type ApplyAnswer,
  type ApplyMessage,
  type CopiesMessage,
  type ExpectationCount,
  parseRead,
  Shard,
  type ShardUnavailable,
  writeCopies,
  writeReadAnswer,
} from '../src/shard/index.ts'
import { Alarms } from './alarms.ts'
import { type App, planOf } from './app.ts'
import { clusterOf } from './clusters.ts'
import type { ShardAbout } from './directory.ts'
import { Drain } from './drain.ts'
import { type LetterBoxes, sendLetters } from './letter-box.ts'
import { SqlShardStorage } from './sql-shard-storage.ts'

/** What a shard needs of its Worker. */
export interface FeatureShardEnv {
  readonly DEAD_LETTERS: LetterBoxes
  /** JSON: the clusters that features are published to. */
  readonly CONNECTIONS?: string
}

/** One shard of one entity as a Durable Object: storage, alarm and RPC; every rule is in `src/shard`. */
export function featureShardOf(app: App) {
  return class FeatureShardObject<Env extends FeatureShardEnv> extends DurableObject<Env> {
    private readonly sql: SqlShardStorage
    private readonly shard: Shard
    private readonly topics: EntityTopics
    /** What leaves by itself: refusals, and changes to each topic. */
    private readonly drains: readonly Drain[]
    private readonly alarms: Alarms

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
      this.alarms = new Alarms(ctx.storage)
      this.topics = new EntityTopics({
        plan,
        entity,
        part: { region: name.region, epoch: name.epoch, shard: name.shard },
        shard: this.shard,
        storage: this.sql,
        kafka: (cluster) => clusterOf(env.CONNECTIONS, cluster, `tidemark-${ctx.id.name}`.replaceAll('/', '-')),
        now: () => Date.now(),
        report,
      })
      const letters = new Drain({
        storage: this.alarms.for('letters'),
        name: `${ctx.id.name}`,
        isEmpty: () => this.shard.letters.isEmpty,
        send: () => sendLetters(this.shard.letters, env.DEAD_LETTERS, name.region),
      })
      this.drains = [letters, ...this.topics.topics.map((topic) => this.drainOf(topic))]
      // Left by a process that ended between a batch and its drain.
      this.ctx.waitUntil(this.drain())
    }

    private drainOf(topic: EntityTopic): Drain {
      return new Drain({
        storage: this.alarms.for(`topic ${topic.name}`),
        name: `${this.ctx.id.name} to the topic ${topic.name}`,
        isEmpty: () => topic.dueMs === null,
        dueMs: () => topic.dueMs ?? 0,
        send: () => topic.send(),
      })
    }

    private async drain(): Promise<void> {
      await Promise.all(this.drains.map((drain) => drain.run()))
    }

    /** Takes in a batch; the answer leaves when it is durable (the output gate waits for the write). */
    apply(message: ApplyMessage): ApplyAnswer | ShardUnavailable {
      try {
        const answer = this.shard.apply(message)
        if ('refused' in answer && (answer.refused.length > 0 || this.drains.length > 1))
          this.ctx.waitUntil(this.drain())
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

    /** Entities as they are, for whoever merges them with other parts (`src/shard/copies.ts`). */
    copies(message: string): Uint8Array {
      return writeCopies(this.shard.copies(JSON.parse(message) as CopiesMessage))
    }

    /** What was counted here for each expectation of a source; empty when its events are counted elsewhere. */
    expectations(source: string): ExpectationCount[] {
      return this.shard.expectations(source)
    }

    /** What a deployment waits for. */
    about(): ShardAbout {
      return { plan: planOf(app).hash, seq: this.shard.stats.seq }
    }

    /** What an operator and the bench want to know. */
    stats() {
      return {
        ...this.shard.stats,
        topics: this.topics.topics.map(({ status }) => status),
        rowsWritten: this.sql.rowsWritten,
        databaseBytes: this.ctx.storage.sql.databaseSize,
      }
    }

    override async alarm(): Promise<void> {
      this.alarms.rang()
      await this.drain()
    }
  }
}
