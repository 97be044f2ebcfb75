import type { KafkaHttp, ProducedRecord } from '../../src/source/index.ts'
import type { Random } from '../support/random.ts'

/** What a broker has: records in the order in which it got them. */
export interface Written {
  readonly topic: string
  readonly key: string
  readonly value: string
}

/**
 * A cluster that fails in every way that an HTTP proxy can: before it writes, after it wrote, half way, and, worst, long after
 * it said nothing. One partition: an order of all records is an order a key.
 */
export class FakeKafka implements KafkaHttp {
  readonly log: Written[] = []
  failures = 0
  requests = 0
  private readonly r: Random
  private readonly now: () => number
  private readonly late: {
    readonly atMs: number
    readonly topic: string
    readonly records: readonly ProducedRecord[]
  }[] = []
  /** Share of requests that fail. */
  failing = 0
  /** How late a request that failed may still be written, ms. */
  latestMs = 0

  constructor(r: Random, now: () => number) {
    this.r = r
    this.now = now
  }

  /** Writes what was on its way until now. */
  settle(): void {
    const due = this.late.filter(({ atMs }) => atMs <= this.now())
    this.late.splice(0, this.late.length, ...this.late.filter(({ atMs }) => atMs > this.now()))
    for (const { topic, records } of due) this.write(topic, records)
  }

  async produce(topic: string, records: readonly ProducedRecord[]) {
    const { r } = this
    this.settle()
    this.requests++
    if (!r.chance(this.failing)) {
      this.write(topic, records)
      return { kind: 'produced' as const }
    }
    this.failures++
    const how = r.pick(['not', 'all', 'some', 'late'])
    if (how === 'all') this.write(topic, records)
    if (how === 'some') this.write(topic, records.slice(0, r.int(0, records.length)))
    if (how === 'late') this.late.push({ atMs: this.now() + r.int(1, this.latestMs), topic, records })
    return { kind: 'failed' as const, transient: r.chance(0.9), message: `planted: ${how}` }
  }

  private write(topic: string, records: readonly ProducedRecord[]): void {
    for (const { key, value } of records) this.log.push({ topic, key, value })
  }

  private readonly no = async () => ({ kind: 'failed' as const, transient: false, message: 'not here' })
  readonly read = this.no
  readonly offsets = this.no
  readonly topic = this.no
  readonly close = async (): Promise<void> => {}
}
