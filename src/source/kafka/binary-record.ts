import { fromBase64 } from '../../util/base64.ts'
import { headersOf } from './headers.ts'
import type { KafkaRecord } from './kafka-http.ts'
import { timestampOf } from './page.ts'
import { TextRecord } from './text-record.ts'

const ALPHABET = /^[A-Za-z0-9+/]*={0,2}$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is meant.
const ASCII = /^[\x00-\x7f]*$/

/**
 * A record of the REST v2 family in its `binary` format: base64 texts, JSON null for null. Also headers with base64 values,
 * where the dialect has them. What decodes to ASCII, as most JSON does, is a text at once: `atob` gives one character a byte.
 */
export function binaryRecord(raw: object, offset: number): KafkaRecord | string {
  const { key, value, headers } = raw as Record<string, unknown>
  if (!isBase64OrNull(key)) return 'has a key that is not base64.'
  if (!isBase64OrNull(value)) return 'has a value that is not base64.'
  const named = headersOf(headers, bytesOf)
  if (named === undefined) return 'has headers that are not a list of keys and base64 values.'
  const timestampMs = timestampOf(raw)
  if (typeof value === 'string') {
    const text = atob(value)
    if (ASCII.test(text)) return new TextRecord({ offset, timestampMs }, text, key, headers, bytesOf)
  }
  return { offset, key: bytesOf(key) ?? null, value: bytesOf(value) ?? null, headers: named, timestampMs }
}

function isBase64OrNull(wire: unknown): wire is string | null | undefined {
  if (wire === null || wire === undefined) return true
  return typeof wire === 'string' && wire.length % 4 === 0 && ALPHABET.test(wire)
}

function bytesOf(wire: unknown): Uint8Array | null | undefined {
  if (wire === null || wire === undefined) return null
  return typeof wire === 'string' ? fromBase64(wire) : undefined
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
