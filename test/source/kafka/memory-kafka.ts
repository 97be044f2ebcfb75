import type {
  KafkaFailure,
  KafkaHttp,
  KafkaRecord,
  OffsetRange,
  ProducedRecord,
  ReadRequest,
  ReadResult,
  TopicInfo,
} from '../../../src/source/kafka/kafka-http.ts'
import type { Random } from '../../support/random.ts'

const utf8 = new TextEncoder()

/** One topic of one partition, in memory, with the faults that a real broker cannot be made to show on demand. */
export class MemoryKafka implements KafkaHttp {
  id = 0
  begin = 0
  records: KafkaRecord[] = []
  /** How often a request fails. */
  faults = 0
  /** Whether the server tells the topic's id. */
  readonly tellsId: boolean
  private readonly r: Random

  constructor(r: Random, tellsId = true) {
    this.r = r
    this.tellsId = tellsId
  }

  get end(): number {
    return this.records.at(-1) === undefined ? this.begin : (this.records.at(-1) as KafkaRecord).offset + 1
  }

  private get topicId(): string | undefined {
    return this.tellsId ? `topic-${this.id}` : undefined
  }

  /** Appends a record, sometimes behind a gap, as a compacted topic has them. */
  append(value: string | null, timestampMs: number): number {
    const offset = this.end + (this.r.chance(0.05) ? this.r.int(1, 5) : 0)
    const valueText = value ?? undefined
    this.records.push({
      offset,
      key: null,
      value: value === null ? null : utf8.encode(value),
      ...(valueText !== undefined && { valueText }),
      headers: new Map(),
      timestampMs,
    })
    return offset
  }

  appendBytes(value: Uint8Array, timestampMs: number): void {
    this.records.push({ offset: this.end, key: null, value, headers: new Map(), timestampMs })
  }

  recreate(): void {
    this.id++
    this.begin = 0
    this.records = []
  }

  /** Deletes everything before an offset. */
  truncate(to: number): void {
    this.begin = to
    this.records = this.records.filter(({ offset }) => offset >= to)
  }

  private fault(): KafkaFailure | undefined {
    return this.r.chance(this.faults) ? { kind: 'failed', transient: true, message: 'a fault of the test' } : undefined
  }

  async read({ offset, topicId }: ReadRequest): Promise<ReadResult> {
    const fault = this.fault()
    if (fault) return fault
    if (offset < this.begin || offset > this.end) return { kind: 'out_of_range' }
    if (topicId !== undefined && topicId !== this.topicId) return { kind: 'out_of_range' }
    const records = this.records.filter((record) => record.offset >= offset).slice(0, this.r.int(1, 40))
    const next = (records.at(-1)?.offset ?? offset - 1) + 1
    return { kind: 'records', records, next }
  }

  async offsets(): Promise<OffsetRange | KafkaFailure> {
    return this.fault() ?? { kind: 'offsets', begin: this.begin, end: this.end }
  }

  async topic(): Promise<TopicInfo | KafkaFailure> {
    return this.fault() ?? { kind: 'topic', id: this.topicId ?? null, partitions: 1 }
  }

  async produce(_topic: string, records: readonly ProducedRecord[]) {
    for (const { value } of records) this.append(value, 0)
    return { kind: 'produced' as const }
  }

  async close(): Promise<void> {}
}
