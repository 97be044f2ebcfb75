import { failure, isWhole, member } from './http-call.ts'
import type { KafkaFailure, KafkaRecord, ReadRequest, ReadResult } from './kafka-http.ts'

/** Makes a record of one element of an answer; a text says what is wrong with it. */
export type RecordReader = (raw: object, offset: number) => KafkaRecord | string

/**
 * The page that an answer makes, whatever the server did: records of another partition and before the offset asked for
 * are dropped (servers keep buffers over a seek), the rest is sorted, each offset once. A record that cannot be read, or
 * one offset with two contents, makes the whole page a failure: nothing wrong is ever handed on.
 */
export function pageOf(what: string, request: ReadRequest, json: unknown, read: RecordReader): ReadResult {
  if (!Array.isArray(json)) return failure(`${what} was answered with JSON that is no list of records.`, true)
  const records: KafkaRecord[] = []
  let sorted = true
  let last = -1
  for (const raw of json as unknown[]) {
    const offset = member(raw, 'offset')
    if (typeof raw !== 'object' || raw === null || !isWhole(offset))
      return failure(`${what} was answered with a record without a proper offset (${String(offset)}).`, true)
    if (offset < request.offset || !isOf(raw, request)) continue
    const record = read(raw, offset)
    if (typeof record === 'string') return failure(`${what}: the record at offset ${offset} ${record}`, true)
    if (offset <= last) sorted = false
    last = offset
    records.push(record)
  }
  if (sorted) return { kind: 'records', records, next: last < 0 ? request.offset : last + 1 }
  return sortedPage(what, records)
}

function isOf(raw: object, { topic, partition }: ReadRequest): boolean {
  return (
    (member(raw, 'topic') === topic || member(raw, 'topic') === undefined) &&
    (member(raw, 'partition') === partition || member(raw, 'partition') === undefined)
  )
}

function sortedPage(what: string, records: KafkaRecord[]): ReadResult {
  records.sort((a, b) => a.offset - b.offset)
  const kept: KafkaRecord[] = []
  for (const record of records) {
    const before = kept.at(-1)
    if (before?.offset !== record.offset) kept.push(record)
    else if (!sameBytes(before.value, record.value) || !sameBytes(before.key, record.key))
      return failure(`${what} was answered with two different records at offset ${record.offset}.`, true)
  }
  return { kind: 'records', records: kept, next: (kept.at(-1)?.offset ?? -1) + 1 }
}

function sameBytes(a: Uint8Array | null, b: Uint8Array | null): boolean {
  if (a === null || b === null) return a === b
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}

/** A number of milliseconds, or null when the dialect tells none. */
export function timestampOf(raw: object): number | null {
  const timestamp = member(raw, 'timestamp')
  return typeof timestamp === 'number' && Number.isSafeInteger(timestamp) && timestamp >= 0 ? timestamp : null
}

/** The most bytes that an answer of this request may have: room for base64, names and offsets, and for one record of a megabyte. */
export function answerCap({ maxBytes }: ReadRequest): number {
  return Math.max(maxBytes * 2 + 1024 * 1024, 4 * 1024 * 1024)
}

/** What an adapter says that cannot do a thing at all. */
export function cannot(what: string): KafkaFailure {
  return failure(what, false)
}
