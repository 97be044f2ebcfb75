import { fromBase64 } from '../../util/base64.ts'
import { headersOf } from './headers.ts'
import { member } from './http-call.ts'
import type { KafkaRecord } from './kafka-http.ts'
import { timestampOf } from './page.ts'
import { TextRecord } from './text-record.ts'

const utf8 = new TextEncoder()

/**
 * A record of the bridge's exact transport: null, a text when the bytes are well-formed UTF-8, else `{ "base64": text }`.
 * Texts stay texts until somebody asks for bytes: a page of JSON events costs its `JSON.parse` and one small object a record.
 */
export function exactRecord(raw: object, offset: number): KafkaRecord | string {
  const { key, value, headers } = raw as Record<string, unknown>
  if (!isExact(key)) return 'has a key that is neither null, a text nor base64.'
  if (headers !== undefined && headersOf(headers, bytesOf) === undefined)
    return 'has headers that are not a list of keys and values.'
  if (typeof value === 'string') {
    if (!value.isWellFormed()) return 'has a value that is no Unicode text.'
    return new TextRecord({ offset, timestampMs: timestampOf(raw) }, value, key, headers, bytesOf)
  }
  const bytes = bytesOf(value)
  if (bytes === undefined) return 'has a value that is neither null, a text nor base64.'
  return {
    offset,
    key: bytesOf(key) ?? null,
    value: bytes,
    headers: headersOf(headers, bytesOf) ?? new Map(),
    timestampMs: timestampOf(raw),
  }
}

/** A record of the plain Upstash dialect, which knows only texts: what was not UTF-8 was lost before it came here. */
export function plainRecord(raw: object, offset: number): KafkaRecord | string {
  const { key, value } = raw as Record<string, unknown>
  if (!isPlain(value) || !isPlain(key)) return 'has a key or a value that is neither a text nor null.'
  return exactRecord({ ...raw, value: wellFormed(value), key: wellFormed(key) }, offset)
}

function isPlain(wire: unknown): wire is string | null | undefined {
  return wire === null || wire === undefined || typeof wire === 'string'
}

function wellFormed(text: string | null | undefined): string | null {
  return text?.toWellFormed() ?? null
}

function isExact(wire: unknown): boolean {
  if (wire === null || wire === undefined) return true
  return typeof wire === 'string' ? wire.isWellFormed() : bytesOf(wire) !== undefined
}

function bytesOf(wire: unknown): Uint8Array | null | undefined {
  if (wire === null || wire === undefined) return null
  if (typeof wire === 'string') return wire.isWellFormed() ? utf8.encode(wire) : undefined
  const base64 = member(wire, 'base64')
  return typeof base64 === 'string' ? fromBase64(base64) : undefined
}
