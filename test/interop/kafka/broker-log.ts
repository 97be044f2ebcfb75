/** A real broker as the log beneath servers and suites of tests. */

import { setTimeout as pause } from 'node:timers/promises'
import { Admin } from '@platformatic/kafka'
import { type Cluster, connectCluster } from '../../../scripts/kafka-http-bridge/cluster.ts'
import { EARLIEST, LATEST, offsetAt, readPage, type Trouble } from '../../../scripts/kafka-http-bridge/reading.ts'
import type { LogRecord as BrokerRecord } from '../../../scripts/kafka-http-bridge/record-batches.ts'
import { appendRecords } from '../../../scripts/kafka-http-bridge/writing.ts'
import type { LogRecord, StoredRecord, TestLog } from '../../source/kafka/test-log.ts'

const PAGE_BYTES = 1024 * 1024
const SETTLED_MS = 15_000
const POLL_MS = 50

export class BrokerLog implements TestLog {
  readonly #cluster: Cluster
  readonly #admin: Admin

  constructor(broker: string) {
    this.#cluster = connectCluster({ brokers: [broker], clientId: 'tests', connection: {} })
    this.#admin = new Admin({ clientId: 'tests-admin', bootstrapBrokers: [broker], retries: 20, retryDelay: 250 })
  }

  async close(): Promise<void> {
    await Promise.all([this.#cluster.close(), this.#admin.close()])
  }

  async topic(name: string) {
    const topic = await this.#cluster.topic(name, true)
    return topic === undefined ? undefined : { id: topic.id ?? '', partitions: topic.leaders.length }
  }

  async create(name: string, partitions: number): Promise<void> {
    // The records of tests may be years old, and are not to be deleted for it.
    const configs = [{ name: 'retention.ms', value: '-1' }]
    await this.#admin.createTopics({ topics: [name], partitions, replicas: 1, configs })
    await until(async () => {
      const topic = await this.#cluster.topic(name, true)
      return topic !== undefined && topic.leaders.length === partitions && topic.leaders.every((leader) => leader >= 0)
    })
  }

  /** Makes a topic, anew where another file of tests has left one of its name. */
  async createAnew(name: string, partitions: number): Promise<void> {
    if ((await this.#cluster.topic(name, true)) !== undefined) await this.remove(name)
    await this.create(name, partitions)
  }

  /** Gives a topic more partitions. */
  async grow(name: string, partitions: number): Promise<void> {
    await this.#admin.createPartitions({ topics: [{ name, count: partitions, assignments: null }] })
    await until(async () => {
      const topic = await this.#cluster.topic(name, true)
      return topic?.leaders.length === partitions && topic.leaders.every((leader) => leader >= 0)
    })
  }

  async remove(name: string): Promise<void> {
    await this.#admin.deleteTopics({ topics: [name] })
    await until(async () => (await this.#cluster.topic(name, true)) === undefined)
  }

  async truncate(name: string, partition: number, before: number): Promise<void> {
    const partitions = [{ partition, offset: BigInt(before) }]
    await this.#admin.deleteRecords({ topics: [{ name, partitions }] })
  }

  async offsets(name: string, partition: number) {
    const place = { topic: name, partition }
    const [begin, end] = await Promise.all([
      offsetAt(this.#cluster, place, EARLIEST),
      offsetAt(this.#cluster, place, LATEST),
    ])
    return { begin: offsetOf(begin), end: offsetOf(end) }
  }

  async read(name: string, partition: number, offset: number, waitMs: number) {
    const page = await readPage(this.#cluster, { topic: name, partition, offset, maxBytes: PAGE_BYTES, waitMs })
    if (page.kind === 'out_of_range') return 'out_of_range'
    if (page.kind !== 'page') throw new Error(page.message)
    return { records: page.records.map(asStored), next: page.next }
  }

  /** Many texts to one partition in one go. */
  async appendAll(
    name: string,
    partition: number,
    records: readonly { readonly key: string; readonly value: string }[],
  ): Promise<void> {
    const written = await appendRecords(
      this.#cluster,
      records.map(({ key, value }) => ({
        topic: name,
        partition,
        key: Buffer.from(key),
        value: Buffer.from(value),
        headers: [],
        timestampMs: Date.now(),
      })),
    )
    const failed = written.find(({ kind }) => kind !== 'written')
    if (failed && failed.kind !== 'written') throw new Error(failed.message)
  }

  async append(name: string, partition: number, { key, value, headers, timestampMs }: LogRecord): Promise<number> {
    const [written] = await appendRecords(this.#cluster, [
      {
        topic: name,
        partition,
        key: key && Buffer.from(key),
        value: value && Buffer.from(value),
        headers: headers.map(([header, bytes]) => [Buffer.from(header), Buffer.from(bytes)]),
        timestampMs,
      },
    ])
    if (written?.kind !== 'written') throw new Error(written?.message ?? 'nothing was written')
    return written.offset
  }
}

function asStored({ offset, timestampMs, key, value, headers }: BrokerRecord): StoredRecord {
  const named = headers.map(([name, bytes]) => [name.toString(), bytes ?? Buffer.alloc(0)] as const)
  return { offset, timestampMs: timestampMs ?? 0, key, value, headers: named }
}

function offsetOf(answer: number | Trouble): number {
  if (typeof answer !== 'number') throw new Error(answer.message)
  return answer
}

async function until(done: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + SETTLED_MS
  while (!(await done().catch(() => false))) {
    if (Date.now() > deadline) throw new Error(`the broker did not settle within ${SETTLED_MS} ms`)
    await pause(POLL_MS)
  }
}
