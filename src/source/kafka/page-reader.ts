import type { KafkaIntake } from '../../engine/index.ts'
import type { KafkaHttp, ReadResult } from './kafka-http.ts'

/** Bytes of values in a page: two pages are in memory at once, each a few times over while it is decoded and routed. */
const PAGE_BYTES = 512 * 1024
/** How long a read waits for a record when there is none. */
const READ_WAIT_MS = 500
/** A page of so many is followed by another at once. */
const FULL_RECORDS = 500

export interface PageReaderOptions {
  readonly kafka: KafkaHttp
  readonly intake: Pick<KafkaIntake, 'topic' | 'lingerMs'>
  readonly partition: number
  readonly now: () => number
  readonly sleep: (ms: number) => Promise<void>
}

/**
 * Reads a partition page by page: the next one is under way while the last is handed over, where there is much to read; where
 * there is little, it gathers for a while first.
 */
export class PageReader {
  private readonly options: PageReaderOptions
  private ahead: { readonly offset: number; readonly result: Promise<ReadResult> } | null = null
  private gatherUntilMs = 0

  constructor(options: PageReaderOptions) {
    this.options = options
  }

  /** The page from an offset of the topic with this id. `mayReadAhead`: whether two pages may be held. */
  async read(offset: number, topicId: string | null, mayReadAhead: boolean): Promise<ReadResult> {
    const { now, sleep, intake } = this.options
    if (this.ahead === null && now() < this.gatherUntilMs) await sleep(this.gatherUntilMs - now())
    const result = await (this.ahead?.offset === offset ? this.ahead.result : this.ask(offset, topicId, PAGE_BYTES))
    this.ahead = null
    if (result.kind !== 'records' || result.records.length === 0) return result
    const isFull = result.records.length >= FULL_RECORDS
    this.gatherUntilMs = isFull ? 0 : now() + intake.lingerMs
    if (isFull && mayReadAhead) this.ahead = { offset: result.next, result: this.ask(result.next, topicId, PAGE_BYTES) }
    return result
  }

  /** As little from an offset as the server gives: one record, most often. */
  async readOne(offset: number, topicId: string | null): Promise<ReadResult> {
    return await this.ask(offset, topicId, 1)
  }

  /** Lets go what was read ahead. */
  forget(): void {
    this.ahead = null
  }

  private ask(offset: number, topicId: string | null, maxBytes: number): Promise<ReadResult> {
    const { kafka, intake, partition } = this.options
    const { topic } = intake
    // Records of another topic of this name are out of range, where the server can tell.
    const known = topicId === null ? {} : { topicId }
    return kafka.read({ topic, partition, offset, maxBytes, waitMs: READ_WAIT_MS, ...known })
  }
}
