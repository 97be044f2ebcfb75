import type { ByteReader } from '../util/byte-reader.ts'
import { CorruptBytes } from '../util/byte-reader.ts'
import type { ByteWriter } from '../util/byte-writer.ts'
import type { FieldType, Value } from './spec.ts'

/**
 * The one total order of values: by number (with -0 before 0), by code point, false before true. Both sides have the
 * same type. Source of the string order: semantics.md of the design, "Strings compare by code point".
 */
export function compareValues(a: Exclude<Value, null>, b: Exclude<Value, null>): number {
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

/** How a column of numbers is written: whole, as decimals of 1 to 4 places, or bit for bit. The least that is lossless. */
const RAW = 15
const MAX_DECIMALS = 4

function decimalsOf(values: ArrayLike<number>): number {
  let decimals = 0
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number
    while (!fitsDecimals(value, decimals)) if (++decimals > MAX_DECIMALS) return RAW
  }
  return decimals
}

const POWERS = [1, 10, 100, 1000, 10000]
/** Zigzag doubles a number, and the double must stay below 2^53. */
const LARGEST_SCALED = 2 ** 52

/** Lossless decimal scaling after ALP (Afroozeh, Kuffo, Boncz: "ALP: Adaptive Lossless floating-Point", 2023). */
function fitsDecimals(value: number, decimals: number): boolean {
  const power = POWERS[decimals] as number
  // Plus zero: -0 must not pass for the whole number 0.
  const scaled = Math.round(value * power) + 0
  return Math.abs(scaled) < LARGEST_SCALED && Object.is(scaled / power, value)
}

/** Writes numbers (finite, `-0` kept) in the least lossless form; canonical, since the form depends on the numbers alone. */
export function encodeNumbers(out: ByteWriter, values: ArrayLike<number>): void {
  const form = decimalsOf(values)
  out.u8(form)
  if (form === RAW) {
    for (let i = 0; i < values.length; i++) out.f64(values[i] as number)
    return
  }
  const power = POWERS[form] as number
  for (let i = 0; i < values.length; i++) out.zigzag(Math.round((values[i] as number) * power))
}

export function decodeNumbers(bytes: ByteReader, length: number): number[] {
  const form = bytes.u8()
  const values: number[] = []
  if (form === RAW) {
    for (let i = 0; i < length; i++) values.push(bytes.f64())
    return values
  }
  const power = POWERS[form]
  if (power === undefined) throw new CorruptBytes(`form ${form} of numbers`)
  if (power === 1) for (let i = 0; i < length; i++) values.push(bytes.zigzag())
  else for (let i = 0; i < length; i++) values.push(bytes.zigzag() / power)
  return values
}

/** Writes a column of values of one type, nulls included. */
export function encodeValues(out: ByteWriter, values: readonly Value[], type: FieldType): void {
  const present: Exclude<Value, null>[] = []
  let nulls = 0
  for (const value of values) {
    if (value === null) nulls++
    else present.push(value)
  }
  out.u8(nulls === 0 ? 0 : 1)
  if (nulls > 0) encodeBits(out, values, (value) => value !== null)
  switch (type) {
    case 'int':
    case 'float64':
    case 'timestamp':
      encodeNumbers(out, present as number[])
      return
    case 'bool':
      encodeBits(out, present, (value) => value === true)
      return
    case 'int64':
      for (const value of present) out.text(String(value))
      return
    case 'string': {
      const places = new Map<string, number>()
      for (const value of present as string[]) if (!places.has(value)) places.set(value, places.size)
      out.varint(places.size)
      for (const text of places.keys()) out.text(text)
      if (places.size > 1) for (const value of present as string[]) out.varint(places.get(value) as number)
    }
  }
}

export function decodeValues(bytes: ByteReader, length: number, type: FieldType): Value[] {
  const mask = bytes.u8() === 0 ? null : decodeBits(bytes, length)
  const count = mask === null ? length : mask.reduce((sum, bit) => sum + bit, 0)
  const present = decodePresent(bytes, count, type)
  if (mask === null) return present
  let next = 0
  return Array.from(mask, (bit) => (bit === 1 ? (present[next++] as Value) : null))
}

function decodePresent(bytes: ByteReader, count: number, type: FieldType): Value[] {
  switch (type) {
    case 'int':
    case 'float64':
    case 'timestamp':
      return decodeNumbers(bytes, count)
    case 'bool':
      return Array.from(decodeBits(bytes, count), (bit) => bit === 1)
    case 'int64':
      return Array.from({ length: count }, () => BigInt(bytes.text()))
    case 'string': {
      const size = bytes.varint()
      const texts: string[] = []
      for (let i = 0; i < size; i++) texts.push(bytes.text())
      const values: Value[] = []
      for (let i = 0; i < count; i++) {
        const text = texts[size > 1 ? bytes.varint() : 0]
        if (text === undefined) throw new CorruptBytes('a text that its table lacks')
        values.push(text)
      }
      return values
    }
  }
}

function encodeBits<T>(out: ByteWriter, values: readonly T[], bit: (value: T) => boolean): void {
  for (let i = 0; i < values.length; i += 8) {
    let byte = 0
    for (let j = 0; j < 8 && i + j < values.length; j++) if (bit(values[i + j] as T)) byte |= 1 << j
    out.u8(byte)
  }
}

function decodeBits(bytes: ByteReader, length: number): Uint8Array {
  const bits = new Uint8Array(length)
  for (let i = 0; i < length; i += 8) {
    const byte = bytes.u8()
    for (let j = 0; j < 8 && i + j < length; j++) bits[i + j] = (byte >> j) & 1
  }
  return bits
}

/** Writes one value alone, as a raw row of the tail holds it: a tag that says what follows, then the value. */
export function encodeValue(out: ByteWriter, value: Value): void {
  if (value === null) out.u8(0)
  else if (typeof value === 'boolean') out.u8(value ? 2 : 1)
  else if (typeof value === 'string') {
    out.u8(4)
    out.text(value)
  } else if (typeof value === 'bigint') {
    out.u8(7)
    out.text(String(value))
  } else if (fitsDecimals(value, 0)) {
    out.u8(5)
    out.zigzag(value)
  } else {
    out.u8(6)
    out.f64(value)
  }
}

export function decodeValue(bytes: ByteReader): Value {
  const tag = bytes.u8()
  switch (tag) {
    case 0:
      return null
    case 1:
      return false
    case 2:
      return true
    case 4:
      return bytes.text()
    case 5:
      return bytes.zigzag()
    case 6:
      return bytes.f64()
    case 7:
      return BigInt(bytes.text())
    default:
      throw new CorruptBytes(`tag ${tag} of a value`)
  }
}
