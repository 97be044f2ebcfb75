import type { FeatureTopicSpec } from '../engine/index.ts'
import type { EntityRuntime, Plan } from '../plan/index.ts'
import { type ChangeList, type Shard, type ShardStorage, type Subscription, Subscriptions } from '../shard/index.ts'
import type { KafkaHttp } from '../source/index.ts'
import { canonicalJson } from '../util/canonical-json.ts'
import { murmur128Hex } from '../util/murmur3.ts'
import type { TopicPart } from './message.ts'
import { DOUBT_MS, type PublisherStatus, TopicPublisher } from './publisher.ts'

/** Raised when messages of the same definition would be other messages. */
const MESSAGE_FORMAT = 1
export interface EntityTopicsOptions {
  readonly plan: Plan
  readonly entity: EntityRuntime
  readonly part: Omit<TopicPart, 'revision'>
  readonly shard: Pick<Shard, 'copy' | 'sinceOf' | 'keysOfPage' | 'changes' | 'stats'>
  readonly storage: Pick<ShardStorage, 'transaction' | 'readMeta' | 'writeMeta' | 'changes'>
  /** The cluster of that name; called when something is to be sent. Throws when there is none. */
  readonly kafka: (cluster: string) => KafkaHttp
  /** ms since the epoch. */
  readonly now: () => number
  /** Tells a person what is wrong with what is stored. */
  readonly report: (problem: string) => void
}

/** The topics that one shard publishes to. */
export class EntityTopics {
  readonly topics: readonly EntityTopic[]
  private readonly options: EntityTopicsOptions
  private readonly subscriptions: Subscriptions

  constructor(options: EntityTopicsOptions) {
    this.options = options
    const { plan, entity, storage, shard } = options
    const specs = plan.spec.topics?.filter((topic) => topic.entity === entity.spec.name) ?? []
    const subscribers = specs.map((spec) => ({ name: spec.name, print: printOf(spec, plan), views: spec.views }))
    this.subscriptions = new Subscriptions({ ...options, meta: 'topics' }, subscribers)
    const { changes } = shard
    for (const { name } of specs) changes?.join(name)
    this.topics = changes === null ? [] : specs.map((spec) => this.open(spec, changes))
    // What waited for topics that are gone: should one come back, it is told of everything.
    if (changes === null && this.subscriptions.size > 0) forget(storage.changes)
  }

  private open(spec: FeatureTopicSpec, changes: ChangeList): EntityTopic {
    const { entity, part, shard, kafka, now, report } = this.options
    const { revision, page }: Subscription = this.subscriptions.of(spec.name)
    const publisher = new TopicPublisher({
      topic: spec,
      entity,
      shard,
      changes,
      part: { ...part, revision },
      kafka: () => kafka(spec.cluster),
      done: (row) => changes.release(spec.name, row),
      now,
      report,
    })
    return new EntityTopic({
      publisher,
      now,
      sweep: () => this.subscriptions.sweep(spec.name),
      page: () => this.subscriptions.of(spec.name).page,
      // What was published by another definition may still arrive: what is listed comes after it, and lists everything.
      sweepFromMs: revision > 1 && page === 0 ? now() + DOUBT_MS : 0,
    })
  }
}

interface TopicParts {
  readonly publisher: TopicPublisher
  readonly now: () => number
  readonly sweep: () => void
  /** The next page to list; null when all have been. */
  readonly page: () => number | null
  readonly sweepFromMs: number
}

/** One topic of a shard, for whoever drives it. */
export class EntityTopic {
  private readonly parts: TopicParts

  constructor(parts: TopicParts) {
    this.parts = parts
  }

  get name(): string {
    return this.status.topic
  }

  /** When there is something to do, ms; null when there is nothing. */
  get dueMs(): number | null {
    const { publisher, sweepFromMs } = this.parts
    const due = publisher.dueMs
    return this.isToSweep ? Math.min(sweepFromMs, due ?? sweepFromMs) : due
  }

  /** Pages are listed when what was listed before has left. */
  private get isToSweep(): boolean {
    const { page, publisher } = this.parts
    return page() !== null && !publisher.hasFresh
  }

  get status(): PublisherStatus & { readonly sweeping: boolean } {
    const { publisher, page } = this.parts
    return { ...publisher.status, sweeping: page() !== null }
  }

  /** Does some of what there is to do. Throws when the broker has not said that it has it: call it again later. */
  async send(): Promise<void> {
    const { publisher, now, sweep, sweepFromMs } = this.parts
    if (this.isToSweep && now() >= sweepFromMs) sweep()
    else await publisher.send()
  }
}

function forget(rows: ShardStorage['changes']): void {
  const last = rows.lastOutboxId()
  if (last > 0) rows.transaction(() => rows.deleteOutbox(last))
}

/** Names and flush times of a topic change no message. */
function printOf({ views, state, topic, cluster }: FeatureTopicSpec, { spec }: Plan): string {
  const published = spec.views.filter(({ name }) => views.includes(name)).map(({ description, ...view }) => view)
  return murmur128Hex(canonicalJson({ MESSAGE_FORMAT, topic, cluster, state, published }))
}
