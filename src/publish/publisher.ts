import type { FeatureTopicSpec } from '../engine/index.ts'
import type { EntityRuntime } from '../plan/index.ts'
import type { ChangeList, Shard } from '../shard/index.ts'
import type { KafkaHttp, ProducedRecord } from '../source/index.ts'
import { CorruptBytes } from '../util/byte-reader.ts'
import { TopicMessages, type TopicPart } from './message.ts'

/** Rows of changes, and about how many entities, that are sent in one step. */
const STEP_ROWS = 64
const STEP_KEYS = 5_000
/** About what one request may hold; one record may be larger. */
const REQUEST_UNITS = 512 * 1024
const REQUEST_RECORDS = 500
/**
 * A request that was not answered may still be written so long: beyond what producers go on trying for (Kafka's
 * `delivery.timeout.ms` is two minutes).
 */
export const DOUBT_MS = 130_000

/** The shard whose entities are published. */
export type PublishedShard = Pick<Shard, 'copy' | 'sinceOf'>

export interface PublisherOptions {
  readonly topic: FeatureTopicSpec
  readonly entity: EntityRuntime
  readonly shard: PublishedShard
  readonly changes: ChangeList
  readonly part: TopicPart
  readonly kafka: () => KafkaHttp
  /** Told that the broker has everything up to this row for good: nothing that was sent before can still arrive. */
  readonly done: (row: number) => void
  /** ms since the epoch. */
  readonly now: () => number
  /** Tells a person what is wrong with what is stored. */
  readonly report: (problem: string) => void
}

/** How a topic does. */
export interface PublisherStatus {
  readonly topic: string
  /** Batches whose changes it has not, or may have to send again. */
  readonly rows: number
  /** When the oldest change that it has not was accepted, ms; null when it has all. */
  readonly oldestMs: number | null
  /** What the last failure was, until something succeeds. */
  readonly problem: string | null
}

/**
 * Sends what changed to one topic: each entity once a step, as it stands when it is sent, and the next request only when the
 * last one was answered. So of one entity nothing older is sent after something newer; what the broker writes may still be
 * older, when a request that failed arrives late. Therefore everything that was sent within {@link DOUBT_MS} of a failure, or
 * of the start of a process that may have followed one, is sent once more after it: the newest of each entity is then the last.
 */
export class TopicPublisher {
  private readonly options: PublisherOptions
  private readonly messages: TopicMessages
  /** The broker has said that it has these rows. */
  private sent = 0
  private settledRow = 0
  private doubtUntilMs: number
  private problem: string | null = null

  constructor(options: PublisherOptions) {
    const { topic, entity, shard, changes, now } = options
    this.options = options
    this.messages = new TopicMessages(topic, entity, shard.sinceOf)
    // Rows that are here already: a process before this one may have ended in the middle of a request.
    this.doubtUntilMs = changes.oldestMs(0) === null ? 0 : now() + DOUBT_MS
  }

  /** Whether there are changes that were not sent at all. */
  get hasFresh(): boolean {
    return this.options.changes.last > this.sent
  }

  /** When there is something to send, ms; null when there is nothing. */
  get dueMs(): number | null {
    const { changes, topic } = this.options
    const oldestMs = changes.oldestMs(this.sent)
    const fresh = oldestMs === null ? null : oldestMs + topic.flushMs
    const again = this.sent > this.settledRow ? this.doubtUntilMs : null
    return fresh === null || again === null ? (fresh ?? again) : Math.min(fresh, again)
  }

  get status(): PublisherStatus {
    const { changes, topic } = this.options
    return {
      topic: topic.name,
      rows: changes.count(this.settledRow),
      oldestMs: changes.oldestMs(this.sent),
      problem: this.problem,
    }
  }

  /**
   * Sends some of what waits. Throws when the broker has not said that it has it: call it again later. May be called at any
   * time, but not twice at once.
   */
  async send(): Promise<void> {
    const { done, now } = this.options
    const startedMs = now()
    if (this.sent > this.settledRow && startedMs >= this.doubtUntilMs) this.sent = this.settledRow
    const { keys, last } = this.nextKeys()
    await this.sendAll(keys)
    this.sent = last
    if (startedMs < this.doubtUntilMs) return
    if (last === this.settledRow) return
    this.settledRow = last
    done(last)
  }

  /** The entities of the next rows, each with whether the topic may know it, and the number of the last row. */
  private nextKeys(): { readonly keys: ReadonlyMap<string, boolean>; readonly last: number } {
    const { changes, topic, part } = this.options
    const keys = new Map<string, boolean>()
    let last = this.sent
    for (const { id, changed } of changes.read(this.sent, STEP_ROWS)) {
      if (keys.size >= STEP_KEYS) break
      last = id
      for (const { views, keys: own, only } of changed) {
        if (only !== undefined && only !== topic.name) continue
        if (!views.some((view) => topic.views.includes(view))) continue
        // What is listed for a topic that begins was not told to it before.
        const wasTold = only === undefined || part.revision > 1
        for (const key of own) keys.set(key, wasTold || keys.get(key) === true)
      }
    }
    return { keys, last }
  }

  private async sendAll(keys: ReadonlyMap<string, boolean>): Promise<void> {
    let records: ProducedRecord[] = []
    let units = 0
    for (const [key, wasTold] of keys) {
      const record = this.recordOf(key, wasTold)
      if (record === undefined) continue
      const size = record.key.length + record.value.length
      if (records.length > 0 && (units + size > REQUEST_UNITS || records.length >= REQUEST_RECORDS)) {
        await this.produce(records)
        records = []
        units = 0
      }
      records.push(record)
      units += size
    }
    if (records.length > 0) await this.produce(records)
  }

  /** Undefined for an entity whose stored bytes are damaged: nothing is told of it, and the others go on. */
  private recordOf(key: string, wasTold: boolean): ProducedRecord | undefined {
    const { shard, part, now, topic, report } = this.options
    try {
      return shard.copy(key, (entity) => this.messages.record(key, entity, part, now(), wasTold))
    } catch (error) {
      if (!(error instanceof CorruptBytes)) throw error
      report(`feature topic ${topic.name} leaves out an entity whose state cannot be read: ${error.message}`)
      return undefined
    }
  }

  private async produce(records: readonly ProducedRecord[]): Promise<void> {
    const { kafka, topic, part, now } = this.options
    const name = topic.topic.replaceAll('{region}', part.region)
    let answer: Awaited<ReturnType<KafkaHttp['produce']>>
    try {
      answer = await kafka().produce(name, records)
    } catch (cause) {
      answer = { kind: 'failed', transient: true, message: cause instanceof Error ? cause.message : String(cause) }
    }
    if (answer.kind === 'produced') {
      this.problem = null
      return
    }
    this.doubtUntilMs = now() + DOUBT_MS
    this.problem = answer.message
    throw new Error(answer.message)
  }
}
