import { DurableObject } from 'cloudflare:workers'
import type { KafkaIntake } from '../src/engine/index.ts'
import {
  areWell,
  type Barrier,
  deliver,
  Puller,
  type PullerState,
  parseConnections,
  type ResumeOptions,
} from '../src/source/index.ts'
import { type App, planOf } from './app.ts'
import { clusterOf } from './clusters.ts'
import { type DeliveryBindings, deliveriesOf } from './deliveries.ts'
import { learnerOf } from './learners.ts'
import { type PartitionName, pullsOf, readElsewhere } from './other-pullers.ts'
import { type Bookmark, bookmarkAt, insistIsRestored, type Restored, restoreTo } from './restore.ts'

/** What a puller needs of its Worker. */
export interface KafkaPartitionEnv extends DeliveryBindings {
  readonly CONNECTIONS: string
}

/** How long one alarm pulls before it hands on to the next: far below what an alarm may last. */
const RUN_MS = 20_000

export const formatPartitionName = ({ region, source, topic, partition }: PartitionName): string =>
  `${region}/${source}/${topic}/${partition}`

function parsePartitionName(name: string): PartitionName | undefined {
  const [region, source, topic, number, ...more] = name.split('/')
  const partition = Number(number)
  if (!region || !source || !topic || more.length > 0 || !Number.isSafeInteger(partition)) return undefined
  return { region, source, topic, partition }
}

/** What an operator sees of a partition. */
export interface PartitionStatus extends PullerState {
  readonly topic: string
  readonly partition: number
  /** It waits for a restore of the region to end. */
  readonly isHeld?: true
}

/** Rows of its one table. */
const STATE_ROW = 1
const HELD_ROW = 2

/** One partition of a topic as a Durable Object: storage, alarm and RPC; every rule is in `src/source/kafka`. */
export function kafkaPartitionOf(app: App) {
  const deliveryOf = deliveriesOf(app)
  return class KafkaPartitionObject<Env extends KafkaPartitionEnv> extends DurableObject<Env> {
    private readonly at: PartitionName
    private readonly puller: Puller
    /** Whether this very process has set the alarm that stands: one of before a crash may lie too far ahead. */
    private isArmed = false

    constructor(ctx: DurableObjectState, env: Env) {
      super(ctx, env)
      const at = parsePartitionName(ctx.id.name ?? '')
      if (at === undefined) throw new Error(`a partition is named region/source/topic/partition, not ${ctx.id.name}`)
      this.at = at
      ctx.storage.sql.exec('CREATE TABLE IF NOT EXISTS puller (id INTEGER PRIMARY KEY, state TEXT NOT NULL)')
      this.puller = this.open()
    }

    private open(): Puller {
      const { env, at } = this
      const delivery = deliveryOf(env, at.source)
      const source = planOf(app).sources.get(at.source)
      const intake = source?.spec.from.find((way): way is KafkaIntake => way.kind === 'kafka' && way.topic === at.topic)
      if (delivery === undefined || source === undefined || intake === undefined) {
        throw new Error(`source ${at.source} does not read topic ${at.topic} in this deployment`)
      }
      const now = () => Date.now()
      const connections = parseConnections(env.CONNECTIONS)
      const learner = learnerOf(source.spec, intake, at.partition, connections)
      const name = `tidemark-${at.region}-${at.source}-${at.topic}-${at.partition}`
      const random = () => Math.random()
      return new Puller({
        intake,
        partition: at.partition,
        kafka: clusterOf(env.CONNECTIONS, intake.cluster, name),
        decoder: learner,
        learn: learner.learn,
        hand: async (batch) => {
          try {
            return await deliver(delivery, batch)
          } catch (cause) {
            return { unavailable: 'shard_failed', message: cause instanceof Error ? cause.message : String(cause) }
          }
        },
        areWell: (batch) => areWell(delivery, batch),
        save: (state) => {
          const { sql } = this.ctx.storage
          sql.exec('INSERT OR REPLACE INTO puller (id, state) VALUES (?, ?)', STATE_ROW, JSON.stringify(state))
        },
        saved: this.saved(),
        pulls: pullsOf(app, at.region, source),
        elsewhere: () => readElsewhere(env, app.regions, at),
        now,
        random,
        sleep: (ms) => new Promise((next) => setTimeout(next, ms)),
      })
    }

    private saved(): PullerState | undefined {
      const text = this.row(STATE_ROW)
      return text === undefined ? undefined : (JSON.parse(text) as PullerState)
    }

    private row(id: number): string | undefined {
      const { sql } = this.ctx.storage
      return sql.exec<{ state: string }>('SELECT state FROM puller WHERE id = ?', id).toArray()[0]?.state
    }

    private get isHeld(): boolean {
      return this.row(HELD_ROW) !== undefined
    }

    /** Hands nothing over until {@link restored}; resolves when the page under way is over. */
    async hold(): Promise<void> {
      this.ctx.storage.sql.exec('INSERT OR REPLACE INTO puller (id, state) VALUES (?, ?)', HELD_ROW, '')
      await this.puller.settle()
    }

    /** Goes on, once everything that it hands to is restored too. */
    async restored(_lineage: string): Promise<void> {
      insistIsRestored(this.ctx)
      this.ctx.storage.sql.exec('DELETE FROM puller WHERE id = ?', HELD_ROW)
      await this.wake()
    }

    /**
     * Sees to it that the partition is pulled, if it should be: called by the cron, and harmless as often as that. `isLater`: the
     * topic had fewer partitions when it was first read.
     */
    async wake(isLater = false): Promise<PartitionStatus> {
      if (isLater) this.puller.addedLater()
      if (this.puller.status.phase === 'running' && !this.isArmed && !this.isHeld) await this.arm(0)
      return this.status()
    }

    private async arm(inMs: number): Promise<void> {
      this.isArmed = true
      await this.ctx.storage.setAlarm(Date.now() + inMs)
    }

    status(): PartitionStatus {
      const { topic, partition } = this.at
      return { topic, partition, ...this.puller.status, ...(this.isHeld && { isHeld: true }) }
    }

    /** Lets a halted partition go on. */
    async resume(options: ResumeOptions): Promise<PartitionStatus> {
      this.puller.resume(options)
      return await this.wake()
    }

    /** Names its state at a time, for {@link restoreTo}. */
    bookmarkAt(timeMs: number): Promise<Bookmark> {
      return bookmarkAt(this.ctx, timeMs)
    }

    /** Takes it back to a state that was named. It ends, and is opened anew. */
    restoreTo(bookmark: string): Promise<Restored> {
      return restoreTo(this.ctx, bookmark)
    }

    /** Stops for good after the page under way, for another region to go on from there. */
    async handOver(): Promise<Barrier> {
      return await this.puller.handOver()
    }

    /** Goes on where another region stopped. */
    async takeOver(barrier: Barrier): Promise<PartitionStatus> {
      this.puller.takeOver(barrier)
      return await this.wake()
    }

    override async alarm(): Promise<void> {
      this.isArmed = false
      if (this.isHeld) return
      // Set first: a process that ends during the run is woken by it.
      await this.arm(RUN_MS * 2)
      let pause: number | null = 1_000
      try {
        // It may have been held while the alarm was set.
        pause = this.isHeld ? null : await this.puller.run(Date.now() + RUN_MS)
      } catch (cause) {
        console.error(`${this.ctx.id.name}: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`)
      } finally {
        if (this.isHeld) pause = null
        this.isArmed = pause !== null
        if (pause === null) await this.ctx.storage.deleteAlarm()
        else await this.arm(pause)
      }
    }
  }
}
