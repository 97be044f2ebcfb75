import { fromBase64 } from '../../util/base64.ts'
import { member } from './http-call.ts'
import type { KafkaRecord } from './kafka-http.ts'
import { timestampOf } from './page.ts'

const NO_HEADERS: ReadonlyMap<string, Uint8Array> = new Map()

/**
 * A record of the REST v2 family in its `binary` format: base64 texts, JSON null for null. Also headers with base64 values,
 * where the dialect has them.
 */
export function binaryRecord(raw: object, offset: number): KafkaRecord | string {
  const key = bytesOf(member(raw, 'key'))
  if (key === undefined) return 'has a key that is not base64.'
  const value = bytesOf(member(raw, 'value'))
  if (value === undefined) return 'has a value that is not base64.'
  const headers = headersOf(member(raw, 'headers'), bytesOf)
  if (headers === undefined) return 'has headers that are not a list of keys and base64 values.'
  return { offset, key, value, headers, timestampMs: timestampOf(raw) }
}

function bytesOf(wire: unknown): Uint8Array | null | undefined {
  if (wire === null || wire === undefined) return null
  return typeof wire === 'string' ? fromBase64(wire) : undefined
}

/** Headers by name in lower case, of a repeated name the last; one without a value is as good as none. */
export function headersOf(
  wire: unknown,
  bytes: (value: unknown) => Uint8Array | null | undefined,
): ReadonlyMap<string, Uint8Array> | undefined {
  if (wire === null || wire === undefined) return NO_HEADERS
  if (!Array.isArray(wire)) return undefined
  if (wire.length === 0) return NO_HEADERS
  const headers = new Map<string, Uint8Array>()
  for (const header of wire as unknown[]) {
    const name = member(header, 'key')
    const value = bytes(member(header, 'value'))
    if (typeof name !== 'string' || value === undefined) return undefined
    if (value === null) headers.delete(name.toLowerCase())
    else headers.set(name.toLowerCase(), value)
  }
  return headers
}

const TEXT_CHUNK = 8192
const utf8 = new TextEncoder()

/** Base64 of a text's UTF-8 bytes. */
export function base64OfText(text: string): string {
  const bytes = utf8.encode(text)
  let binary = ''
  for (let i = 0; i < bytes.length; i += TEXT_CHUNK) binary += String.fromCharCode(...bytes.subarray(i, i + TEXT_CHUNK))
  return btoa(binary)
}
