import type { ByteReader } from '../util/byte-reader.ts'
import { CorruptBytes } from '../util/byte-reader.ts'
import type { ByteWriter } from '../util/byte-writer.ts'
import type { Scalar } from './spec.ts'

// Columns of what is no plain scalar. A list or a vector is read only after its length was held against the bytes that are
// left: damaged bytes cost no memory.

/** Zigzag, then 7 bits a byte, least significant first: as `ByteWriter.zigzag`, for integers of any size. */
export function encodeBigints(out: ByteWriter, values: readonly bigint[]): void {
  for (const value of values) {
    if (value >= -SMALL && value <= SMALL) {
      out.zigzag(Number(value))
      continue
    }
    let rest = value < 0n ? -value * 2n - 1n : value * 2n
    while (rest >= 0x80n) {
      out.u8(Number(rest & 0x7fn) | 0x80)
      rest >>= 7n
    }
    out.u8(Number(rest))
  }
}

/** What `ByteWriter.zigzag` can double. */
const SMALL = 2n ** 52n - 1n
/** 448 bits: more than a sum of 2^53 decimals needs. */
const MOST_BYTES = 64

export function decodeBigints(bytes: ByteReader, count: number): bigint[] {
  const values: bigint[] = []
  for (let i = 0; i < count; i++) values.push(decodeBigint(bytes))
  return values
}

function decodeBigint(bytes: ByteReader): bigint {
  // As numbers while they are small: most decimals are.
  let low = 0
  let scale = 1
  for (let i = 0; i < 7; i++) {
    const byte = bytes.u8()
    low += (byte & 0x7f) * scale
    if (byte < 0x80) return BigInt(low % 2 === 0 ? low / 2 : -(low + 1) / 2)
    scale *= 0x80
  }
  let coded = BigInt(low)
  for (let i = 7; i < MOST_BYTES; i++) {
    const byte = bytes.u8()
    coded |= BigInt(byte & 0x7f) << BigInt(7 * i)
    if (byte < 0x80) return (coded & 1n) === 0n ? coded >> 1n : -((coded + 1n) >> 1n)
  }
  throw new CorruptBytes(`an integer without end at ${bytes.at}`)
}

/** As many digits as `decodeBigints` takes. */
const DIGITS = /^-?\d{1,135}$/

/** An integer that was written as the text of its digits: int64. */
export function decodeDigits(bytes: ByteReader): bigint {
  const digits = bytes.text()
  if (!DIGITS.test(digits)) throw new CorruptBytes(`an integer that is no digits before ${bytes.at}`)
  return BigInt(digits)
}

/** The lengths of all lists, then the elements of all as one column. */
export function encodeLists(
  out: ByteWriter,
  lists: readonly (readonly Scalar[])[],
  encodeElements: (out: ByteWriter, elements: readonly Scalar[]) => void,
): void {
  for (const list of lists) out.varint(list.length)
  encodeElements(out, lists.flat())
}

/** Eight bools are a byte; of every other type an element takes at least one. */
const MOST_ELEMENTS_A_BYTE = 8

export function decodeLists(
  bytes: ByteReader,
  count: number,
  decodeElements: (bytes: ByteReader, count: number) => readonly Scalar[],
): Scalar[][] {
  const lengths: number[] = []
  let total = 0
  for (let i = 0; i < count; i++) {
    const length = bytes.varint()
    lengths.push(length)
    total += length
  }
  if (total > (bytes.end - bytes.at) * MOST_ELEMENTS_A_BYTE) throw new CorruptBytes(`lists of ${total} elements`)
  const elements = decodeElements(bytes, total)
  let next = 0
  return lengths.map((length) => {
    next += length
    return elements.slice(next - length, next)
  })
}

/** The numbers of a vector as they are in memory: every host of V8 that we run on is little-endian. */
export function encodeVector(out: ByteWriter, vector: Float32Array): void {
  out.raw(new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength))
}

/** A copy, for a Float32Array begins at a multiple of four, and outlives its bytes. (`slice` of a Buffer would be none.) */
export function decodeVector(bytes: ByteReader, length: number): Float32Array {
  const raw = bytes.raw(length * Float32Array.BYTES_PER_ELEMENT)
  const vector = new Float32Array(length)
  new Uint8Array(vector.buffer).set(raw)
  return vector
}
