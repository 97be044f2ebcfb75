import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { LogRecord, StoredRecord, TestLog } from './test-log.ts'

interface Partition {
  records: StoredRecord[]
  begin: number
  end: number
}

const POLL_MS = 5

/** A log in memory; its records may have gaps, as after compaction. */
export class MemoryLog implements TestLog {
  readonly #topics = new Map<string, { id: string; partitions: Partition[] }>()

  async create(name: string, partitions: number): Promise<void> {
    const list = Array.from({ length: partitions }, () => ({ records: [], begin: 0, end: 0 }))
    this.#topics.set(name, { id: randomUUID(), partitions: list })
  }

  async remove(name: string): Promise<void> {
    this.#topics.delete(name)
  }

  async topic(name: string) {
    const topic = this.#topics.get(name)
    return topic === undefined ? undefined : { id: topic.id, partitions: topic.partitions.length }
  }

  async offsets(name: string, partition: number) {
    const { begin, end } = this.#at(name, partition)
    return { begin, end }
  }

  async append(name: string, partition: number, record: LogRecord): Promise<number> {
    const at = this.#at(name, partition)
    at.records.push({ ...record, offset: at.end })
    return at.end++
  }

  /** Takes up offsets without records, as transaction markers and compaction do. */
  skip(name: string, partition: number, count: number): void {
    this.#at(name, partition).end += count
  }

  async truncate(name: string, partition: number, before: number): Promise<void> {
    const at = this.#at(name, partition)
    at.begin = before
    at.records = at.records.filter(({ offset }) => offset >= before)
  }

  async read(name: string, partition: number, offset: number, waitMs: number) {
    const deadline = Date.now() + waitMs
    for (;;) {
      const { records, begin, end } = this.#at(name, partition)
      if (offset < begin || offset > end) return 'out_of_range' as const
      const found = records.filter((record) => record.offset >= offset)
      if (found.length > 0 || Date.now() >= deadline) return { records: found, next: end }
      await pause(POLL_MS)
    }
  }

  #at(name: string, partition: number): Partition {
    const found = this.#topics.get(name)?.partitions[partition]
    if (found === undefined) throw new Error(`no ${name}/${partition} in this log`)
    return found
  }
}
