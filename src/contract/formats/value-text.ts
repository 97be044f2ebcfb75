import { type Refusal, refusal } from '../refusal.ts'
import type { SourceRecord } from './format.ts'

/** Strict, and without a byte order mark at the beginning. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })
const BOM = 0xfeff
/** A UTF-16 code unit is at most so many bytes of UTF-8: bytes beyond are too long, and need not be decoded to know it. */
const BYTES_PER_UNIT = 3

/**
 * The value of a record as text, null when it has none. Bytes that are no UTF-8 are refused (a replacement character would
 * be another value), and so is what is longer than `maxUnits` UTF-16 code units.
 */
export function valueText(record: SourceRecord, maxUnits: number): string | null | Refusal {
  const { value, valueText: given } = record
  if (given !== undefined) {
    if (given.length > maxUnits) return tooLarge(given.length, 'characters', maxUnits)
    return given.charCodeAt(0) === BOM ? given.slice(1) : given
  }
  if (value === null) return null
  if (value.length > maxUnits * BYTES_PER_UNIT) return tooLarge(value.length, 'bytes', maxUnits)
  const text = utf8Text(value)
  if (text === undefined) return badEncoding('The value', value)
  return text.length > maxUnits ? tooLarge(text.length, 'characters', maxUnits) : text
}

/** The text of bytes, or undefined when they are no UTF-8. */
export function utf8Text(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

/** The refusal of bytes that are no text. `what` names them: `The value`. */
export function badEncoding(what: string, bytes: Uint8Array): Refusal {
  const hint =
    bytes[0] === 0 ? ' It starts with byte 0, as the frame of a schema registry does: is its format avro()?' : ''
  return refusal('bad_encoding', `${what} is no UTF-8 text.${hint}`)
}

export function tooLarge(size: number, unit: string, maxUnits: number): Refusal {
  return refusal(
    'too_large',
    `The record has ${size} ${unit}; at most ${maxUnits} characters are taken. Send what features read.`,
  )
}
