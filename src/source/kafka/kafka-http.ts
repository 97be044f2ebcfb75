import type { SourceRecord } from '../../contract/index.ts'

/** One partition of a topic. */
export interface PartitionRef {
  readonly topic: string
  readonly partition: number
}

/** A record of a partition. */
export interface KafkaRecord extends SourceRecord {
  readonly offset: number
}

export interface ReadRequest extends PartitionRef {
  readonly offset: number
  /** About how many bytes of values an answer should have at most; one record may be larger. */
  readonly maxBytes: number
  /** How long to wait for a record when there is none, ms. */
  readonly waitMs: number
  /**
   * The id that the topic had when the position was taken. Where the dialect tells ids, a read from a topic that was deleted
   * and made again is then `out_of_range` instead of records of another incarnation; elsewhere it is ignored.
   */
  readonly topicId?: string
}

/** What a read gave. */
export type ReadResult =
  /** Sorted by offset, each offset once, all at or after the one asked for; gaps are normal (compaction, transactions). `next`: where to go on. */
  | { readonly kind: 'records'; readonly records: readonly KafkaRecord[]; readonly next: number }
  /** There is no such offset (any more, or yet), or the topic is not the one with the `topicId` asked for: look at `topic` and `offsets`. */
  | { readonly kind: 'out_of_range' }
  | KafkaFailure

/** Nothing was read. `transient`: trying again later makes sense. */
export interface KafkaFailure {
  readonly kind: 'failed'
  readonly transient: boolean
  /** The answer was larger than may be held: the next record alone is, when no more than one was asked for. */
  readonly oversized?: true
  /** For a person: which request, what came. */
  readonly message: string
  /** The server asks to wait so long, ms. */
  readonly retryAfterMs?: number
}

export interface OffsetRange {
  readonly kind: 'offsets'
  /** The first offset that can be read. */
  readonly begin: number
  /** The offset that the next record will have. */
  readonly end: number
}

export interface TopicInfo {
  readonly kind: 'topic'
  /** The broker's id of the topic, new when it is deleted and made again; null where the dialect does not tell it. */
  readonly id: string | null
  readonly partitions: number
}

/**
 * A Kafka cluster over HTTP, in whatever dialect: we own the positions, the server commits nothing that counts. All methods
 * give failures as values and never throw; all end within `waitMs` and a few seconds.
 */
export interface KafkaHttp {
  read(request: ReadRequest): Promise<ReadResult>
  offsets(partition: PartitionRef): Promise<OffsetRange | KafkaFailure>
  topic(topic: string): Promise<TopicInfo | KafkaFailure>
  /** Appends records and resolves when the broker has them all; an adapter that cannot say so for each is a failure. */
  produce(topic: string, records: readonly ProducedRecord[]): Promise<{ readonly kind: 'produced' } | KafkaFailure>
  /** Lets go what the server holds for us (a consumer instance). */
  close(): Promise<void>
}

/** Texts, since most proxies cannot write anything else. The partition follows from the key. */
export interface ProducedRecord {
  readonly key: string
  readonly value: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Where a cluster is, from the secret CONNECTIONS. */
export interface KafkaConnection {
  /** `upstash` is also what `scripts/kafka-http-bridge` serves; the others differ as docs/kafka.md says. */
  readonly dialect: 'upstash' | 'redpanda' | 'strimzi' | 'confluent' | 'karapace'
  readonly url: string
  readonly token?: string
  readonly username?: string
  readonly password?: string
}
