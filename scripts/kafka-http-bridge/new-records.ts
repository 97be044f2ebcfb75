/** Reads the records of a produce request: the Upstash dialect's, with `null` and `{"base64": text}` besides texts. */
import type { NewRecord } from './writing.ts'

/** A request that cannot be followed; the message says where and why. */
export class BadRequest extends Error {}

const ALPHABET = /^[A-Za-z0-9+/]*={0,2}$/

/** One record or a list of them. Throws {@link BadRequest}. */
export function newRecords(json: unknown): NewRecord[] {
  return (Array.isArray(json) ? (json as unknown[]) : [json]).map((record, index) => {
    if (typeof record !== 'object' || record === null) throw new BadRequest(`Record ${index} is no object.`)
    const { topic, partition, key, value, headers, timestamp } = record as Record<string, unknown>
    if (typeof topic !== 'string' || topic === '') throw new BadRequest(`Record ${index} names no topic.`)
    if (value === undefined) throw new BadRequest(`Record ${index} has no value; null writes a tombstone.`)
    if (partition !== undefined && !isWhole(partition))
      throw new BadRequest(`Record ${index}: partition must be a whole number, not ${JSON.stringify(partition)}.`)
    if (timestamp !== undefined && !isWhole(timestamp))
      throw new BadRequest(`Record ${index}: timestamp must be milliseconds, not ${JSON.stringify(timestamp)}.`)
    return {
      topic,
      key: bytesOf(key ?? null, `the key of record ${index}`),
      value: bytesOf(value, `the value of record ${index}`),
      headers: headersOf(headers, index),
      ...(partition !== undefined && { partition }),
      ...(timestamp !== undefined && { timestampMs: timestamp }),
    }
  })
}

/** A whole number from 0. */
export function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function headersOf(headers: unknown, index: number): [Buffer, Buffer][] {
  if (headers === undefined || headers === null) return []
  if (!Array.isArray(headers)) throw new BadRequest(`The headers of record ${index} are no list of {key, value}.`)
  return (headers as unknown[]).map((header) => {
    const { key, value } = (header ?? {}) as Record<string, unknown>
    if (typeof key !== 'string') throw new BadRequest(`A header of record ${index} has no key.`)
    return [Buffer.from(key), bytesOf(value, `header ${key} of record ${index}`) ?? Buffer.alloc(0)]
  })
}

function bytesOf(value: unknown, what: string): Buffer | null {
  if (value === null) return null
  if (typeof value === 'string') return Buffer.from(value)
  const base64 = typeof value === 'object' && value !== null && 'base64' in value ? value.base64 : undefined
  if (typeof base64 !== 'string' || base64.length % 4 !== 0 || !ALPHABET.test(base64))
    throw new BadRequest(`Write ${what} as a text, as null, or as {"base64": "..."}.`)
  return Buffer.from(base64, 'base64')
}
