import type { ByteReader } from '../util/byte-reader.ts'
import { CorruptBytes } from '../util/byte-reader.ts'
import type { ByteWriter } from '../util/byte-writer.ts'
import { decodeNumbers, encodeNumbers } from './number-columns.ts'
import type { FieldType, Scalar, ScalarType, Value } from './spec.ts'
import { decimalScale, elementType, vectorLength } from './types.ts'
import {
  decodeBigints,
  decodeDigits,
  decodeLists,
  decodeVector,
  encodeBigints,
  encodeLists,
  encodeVector,
} from './value-columns.ts'

/**
 * The one total order of scalars: by number (with -0 before 0), by code point, false before true. Both sides have the
 * same type. Source of the string order: semantics.md of the design, "Strings compare by code point".
 */
export function compareValues(a: Scalar, b: Scalar): number {
  if (typeof a === 'string' && typeof b === 'string') return compareCodePoints(a, b)
  if (a < b) return -1
  if (a > b) return 1
  if (a === 0 && b === 0) return (Object.is(a, -0) ? 0 : 1) - (Object.is(b, -0) ? 0 : 1)
  return 0
}

/** JavaScript compares UTF-16 units, which puts U+E000..U+FFFF after the astral planes; this does not. */
function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) {
      const xSurrogate = x >= 0xd800 && x <= 0xdfff
      const ySurrogate = y >= 0xd800 && y <= 0xdfff
      if (xSurrogate !== ySurrogate) return xSurrogate ? 1 : -1
      return x - y
    }
  }
  return a.length - b.length
}

/** Writes a column of values of one type, nulls included. Elements of lists are never null; maps have no column. */
export function encodeValues(out: ByteWriter, values: readonly Value[], type: FieldType): void {
  const hasNulls = values.includes(null)
  const present = hasNulls ? values.filter((value) => value !== null) : values
  out.u8(hasNulls ? 1 : 0)
  if (hasNulls) encodeBits(out, values, (value) => value !== null)
  if (!type.endsWith(')')) {
    encodeScalars(out, present as Scalar[], type as ScalarType)
    return
  }
  const element = elementType(type)
  if (element !== undefined) {
    const encodeElements = element === 'string' ? encodeTextElements : encodeScalars
    encodeLists(out, present as Scalar[][], (bytes, elements) => encodeElements(bytes, elements, element))
  } else if (vectorLength(type) !== undefined) {
    for (const vector of present as Float32Array[]) encodeVector(out, vector)
  } else encodeScalars(out, present as Scalar[], type as ScalarType)
}

/** Reads `length` values. Throws CorruptBytes when the bytes cannot be such a column. */
export function decodeValues(bytes: ByteReader, length: number, type: FieldType): Value[] {
  if (length > MOST_VALUES) throw new CorruptBytes(`a column of ${length} values`)
  const mask = bytes.u8() === 0 ? null : decodeBits(bytes, length)
  const count = mask === null ? length : mask.reduce((sum, bit) => sum + bit, 0)
  const present = decodePresent(bytes, count, type)
  if (mask === null) return present
  let next = 0
  return Array.from(mask, (bit) => (bit === 1 ? (present[next++] as Value) : null))
}

/** A column of one text takes no byte a value, so its length is not held by the bytes; no column of ours is this long. */
const MOST_VALUES = 2 ** 24

function decodePresent(bytes: ByteReader, count: number, type: FieldType): Value[] {
  if (!type.endsWith(')')) return decodeScalars(bytes, count, type as ScalarType)
  const element = elementType(type)
  if (element !== undefined) {
    const decodeElements = element === 'string' ? decodeTextElements : decodeScalars
    return decodeLists(bytes, count, (from, total) => decodeElements(from, total, element))
  }
  const numbers = vectorLength(type)
  if (numbers === undefined) return decodeScalars(bytes, count, type as ScalarType)
  const vectors: Float32Array[] = []
  for (let i = 0; i < count; i++) vectors.push(decodeVector(bytes, numbers))
  return vectors
}

function encodeScalars(out: ByteWriter, values: readonly Scalar[], type: ScalarType): void {
  switch (type) {
    case 'int':
    case 'float64':
    case 'timestamp':
      encodeNumbers(out, values as readonly number[])
      return
    case 'bool':
      encodeBits(out, values, (value) => value === true)
      return
    case 'int64':
      for (const value of values) out.text(String(value))
      return
    case 'string': {
      const places = encodeTable(out, values as readonly string[])
      if (places.size > 1) for (const value of values as readonly string[]) out.varint(places.get(value) as number)
      return
    }
    default:
      encodeBigints(out, values as readonly bigint[])
  }
}

function decodeScalars(bytes: ByteReader, count: number, type: ScalarType): Scalar[] {
  switch (type) {
    case 'int':
    case 'float64':
    case 'timestamp':
      return decodeNumbers(bytes, count)
    case 'bool':
      return Array.from(decodeBits(bytes, count), (bit) => bit === 1)
    case 'int64': {
      const values: bigint[] = []
      for (let i = 0; i < count; i++) values.push(decodeDigits(bytes))
      return values
    }
    case 'string': {
      const texts = decodeTable(bytes)
      const values: string[] = []
      for (let i = 0; i < count; i++) values.push(textAt(texts, texts.length > 1 ? bytes.varint() : 0))
      return values
    }
    default:
      if (decimalScale(type) === undefined) throw new Error(`no column of ${type}`)
      return decodeBigints(bytes, count)
  }
}

// Elements of lists of texts: unlike a column of texts, each has its place written even when there is one text only, so
// that the bytes hold the number of elements.

function encodeTextElements(out: ByteWriter, values: readonly Scalar[]): void {
  const places = encodeTable(out, values as readonly string[])
  for (const value of values as readonly string[]) out.varint(places.get(value) as number)
}

function decodeTextElements(bytes: ByteReader, count: number): string[] {
  const texts = decodeTable(bytes)
  const values: string[] = []
  for (let i = 0; i < count; i++) values.push(textAt(texts, bytes.varint()))
  return values
}

/** Writes each text once, in the order of first use, and gives their places. */
function encodeTable(out: ByteWriter, values: readonly string[]): ReadonlyMap<string, number> {
  const places = new Map<string, number>()
  for (const value of values) if (!places.has(value)) places.set(value, places.size)
  out.varint(places.size)
  for (const text of places.keys()) out.text(text)
  return places
}

function decodeTable(bytes: ByteReader): string[] {
  const size = bytes.varint()
  const texts: string[] = []
  for (let i = 0; i < size; i++) texts.push(bytes.text())
  return texts
}

function textAt(texts: readonly string[], place: number): string {
  const text = texts[place]
  if (text === undefined) throw new CorruptBytes('a text that its table lacks')
  return text
}

function encodeBits<T>(out: ByteWriter, values: readonly T[], bit: (value: T) => boolean): void {
  for (let i = 0; i < values.length; i += 8) {
    let byte = 0
    for (let j = 0; j < 8 && i + j < values.length; j++) if (bit(values[i + j] as T)) byte |= 1 << j
    out.u8(byte)
  }
}

function decodeBits(bytes: ByteReader, length: number): Uint8Array {
  if (length > (bytes.end - bytes.at) * 8) throw new CorruptBytes(`${length} bits, but the bytes end at ${bytes.end}`)
  const bits = new Uint8Array(length)
  for (let i = 0; i < length; i += 8) {
    const byte = bytes.u8()
    for (let j = 0; j < 8 && i + j < length; j++) bits[i + j] = (byte >> j) & 1
  }
  return bits
}
