import type { FeatureTopicSpec } from '../engine/index.ts'
import type { EntityRuntime, Plan } from '../plan/index.ts'
import type { ChangeList, Shard, ShardStorage } from '../shard/index.ts'
import type { KafkaHttp } from '../source/index.ts'
import { canonicalJson } from '../util/canonical-json.ts'
import { murmur128Hex } from '../util/murmur3.ts'
import type { TopicPart } from './message.ts'
import { DOUBT_MS, type PublisherStatus, TopicPublisher } from './publisher.ts'

/** Entities that are listed in one step for a topic that was never told of them. */
const SWEEP_KEYS = 5_000
/** Raised when messages of the same definition would be other messages. */
const MESSAGE_FORMAT = 1
const META = 'topics'

/** What a shard remembers of a topic. */
interface KnownTopic {
  /** Changes with the topic's definition and its views'; '' of a topic that is gone. */
  readonly print: string
  readonly revision: number
  /** The next page of entities to list for it; null when all have been. */
  readonly page: number | null
}

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

/**
 * The topics that one shard publishes to. A topic that is new here, or whose definition has changed, is told of every entity
 * that the shard has, page by page; from then on of what changes.
 */
export class EntityTopics {
  readonly topics: readonly EntityTopic[]
  private readonly options: EntityTopicsOptions
  private readonly known: Map<string, KnownTopic>

  /** Reads what is remembered, and writes it where a topic is new, other than it was, or gone. */
  constructor(options: EntityTopicsOptions) {
    this.options = options
    const { plan, entity, storage, shard } = options
    const specs = plan.spec.topics?.filter((topic) => topic.entity === entity.spec.name) ?? []
    const text = storage.readMeta(META) ?? '{}'
    this.known = new Map(Object.entries(JSON.parse(text) as Record<string, KnownTopic>))
    this.renew(specs)
    if (this.text !== text) storage.transaction(() => storage.writeMeta(META, this.text))
    const { changes } = shard
    this.topics = changes === null ? [] : specs.map((spec) => this.open(spec, changes))
    // What waited for topics that are gone: should one come back, it is told of everything.
    if (changes === null && this.known.size > 0) forget(storage.changes)
  }

  private renew(specs: readonly FeatureTopicSpec[]): void {
    const { plan, shard } = this.options
    // An empty shard has nothing to list.
    const first = shard.stats.seq === 0 ? null : 0
    for (const [name, topic] of this.known) {
      if (!specs.some((spec) => spec.name === name)) this.known.set(name, { ...topic, print: '', page: null })
    }
    for (const spec of specs) {
      const print = printOf(spec, plan)
      const before = this.known.get(spec.name)
      if (before?.print !== print)
        this.known.set(spec.name, { print, revision: (before?.revision ?? 0) + 1, page: first })
    }
  }

  private get text(): string {
    return JSON.stringify(Object.fromEntries(this.known))
  }

  private open(spec: FeatureTopicSpec, changes: ChangeList): EntityTopic {
    const { entity, part, shard, kafka, now, report } = this.options
    const { revision, page } = this.known.get(spec.name) as KnownTopic
    const publisher = new TopicPublisher({
      topic: spec,
      entity,
      shard,
      changes,
      part: { ...part, revision },
      kafka: () => kafka(spec.cluster),
      done: () => this.forgetSettled(changes),
      now,
      report,
    })
    return new EntityTopic({
      publisher,
      now,
      sweep: () => this.sweep(spec, changes),
      page: () => this.known.get(spec.name)?.page ?? null,
      // What was published by another definition may still arrive: what is listed comes after it, and lists everything.
      sweepFromMs: revision > 1 && page === 0 ? now() + DOUBT_MS : 0,
    })
  }

  /** Rows go when every topic has them for good. */
  private forgetSettled(changes: ChangeList): void {
    const settled = Math.min(...this.topics.map((topic) => topic.settled))
    if (settled > 0) changes.delete(settled)
  }

  /** Lists the entities of the next pages for one topic. */
  private sweep({ name, views }: FeatureTopicSpec, changes: ChangeList): void {
    const { shard, storage, now } = this.options
    const before = this.known.get(name)
    if (before === undefined || before.page === null) return
    const keys: string[] = []
    let page: number | null = before.page
    while (page !== null && keys.length < SWEEP_KEYS) {
      const more = shard.keysOfPage(page)
      page = more === undefined ? null : page + 1
      for (const key of more ?? []) keys.push(key)
    }
    this.known.set(name, { ...before, page })
    storage.transaction(() => {
      changes.list(now(), { views, keys, only: name })
      storage.writeMeta(META, this.text)
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

  /** @see TopicPublisher.settled */
  get settled(): number {
    return this.parts.publisher.settled
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
