import type { ReadBeside, SourceRecord } from '../contract/index.ts'
import { fromBase64, toBase64 } from '../util/base64.ts'

/** Before the bytes of a value that is no text. */
const BASE64_PREFIX = 'base64:'
/** How an object begins that is a whole record: no value on its own is kept with this beginning. */
const RECORD_PREFIX = '{"$record":'

/** A part of a record: its text, its bytes where they are no UTF-8, or null where there is none. */
type Part = string | { readonly base64: string } | null

/** A record as one JSON object; what its format does not read is left out. */
interface WholeRecord {
  readonly $record: 1
  readonly key?: Part
  /** Pairs, for their order is part of a record. */
  readonly headers?: readonly (readonly [name: string, value: Part])[]
  readonly timestampMs?: number
  readonly value: Part
}

const utf8 = new TextEncoder()
/** A byte order mark is a part of the text as well. */
const fromUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * What is kept of a record that cannot be decoded, so that {@link recordOfKept} gives it back. Its value alone where that is
 * all there is to it: the text, or base64 behind `base64:`. Else one JSON object with what its format reads beside the value.
 *
 * @param beside of the decoder that refused it
 * @example
 * keptText(record, undefined) // '{"id":1,' or 'base64:AAAAAAH/'
 * keptText(record, decoder.beside) // '{"$record":1,"headers":[["ce_id","7"]],"value":"{\"id\":1,"}'
 */
export function keptText(record: SourceRecord, beside: ReadBeside | undefined): string {
  const { valueText, key, headers, timestampMs } = record
  const value = valueText ?? partOf(record.value)
  const read = [...headers].filter(([name]) => beside?.header(name))
  const kept = {
    ...(beside?.key && key !== null && { key: partOf(key) }),
    ...(read.length > 0 && { headers: read.map(([name, bytes]) => [name, partOf(bytes)] as const) }),
    ...(beside?.time && timestampMs !== null && { timestampMs }),
  }
  if (Object.keys(kept).length === 0) {
    if (typeof value === 'string' && !isAmbiguous(value)) return value
    if (value !== null && typeof value === 'object') return BASE64_PREFIX + value.base64
  }
  const whole: WholeRecord = { $record: 1, ...kept, value }
  return JSON.stringify(whole)
}

/** Texts that would be read as something else than themselves. */
function isAmbiguous(value: string): boolean {
  return value.startsWith(BASE64_PREFIX) || value.startsWith(RECORD_PREFIX)
}

/** The record that {@link keptText} kept, without what was left out. */
export function recordOfKept(payload: string): SourceRecord {
  const whole = payload.startsWith(RECORD_PREFIX) ? wholeRecord(payload) : undefined
  const { key = null, headers = [], timestampMs = null, value } = whole ?? { value: alone(payload) }
  return {
    key: bytesOf(key),
    value: bytesOf(value),
    ...(typeof value === 'string' && { valueText: value }),
    headers: new Map(headers.map(([name, part]) => [name, bytesOf(part) ?? new Uint8Array(0)])),
    timestampMs,
  }
}

/** What begins with `base64:` and is none was kept before such texts were kept as whole records. */
function alone(payload: string): Part {
  if (!payload.startsWith(BASE64_PREFIX)) return payload
  const base64 = payload.slice(BASE64_PREFIX.length)
  return fromBase64(base64) === undefined ? payload : { base64 }
}

/** Undefined for a text that only begins like one, as a letter may that is older than whole records. */
function wholeRecord(payload: string): WholeRecord | undefined {
  try {
    const parsed = JSON.parse(payload) as Partial<WholeRecord>
    const { $record, key = null, headers = [], timestampMs = 0, value } = parsed
    const isWhole =
      $record === 1 &&
      [key, value].every(isPart) &&
      Number.isFinite(timestampMs) &&
      Array.isArray(headers) &&
      headers.every((pair) => Array.isArray(pair) && typeof pair[0] === 'string' && isPart(pair[1]))
    return isWhole ? (parsed as WholeRecord) : undefined
  } catch {
    return undefined
  }
}

function isPart(part: unknown): part is Part {
  if (part === null || typeof part === 'string') return true
  const base64 = typeof part === 'object' ? Reflect.get(part, 'base64') : undefined
  return typeof base64 === 'string' && fromBase64(base64) !== undefined
}

function partOf(bytes: Uint8Array | null): Part {
  if (bytes === null) return null
  try {
    return fromUtf8.decode(bytes)
  } catch {
    return { base64: toBase64(bytes) }
  }
}

function bytesOf(part: Part): Uint8Array | null {
  if (part === null) return null
  return typeof part === 'string' ? utf8.encode(part) : (fromBase64(part.base64) ?? null)
}
