import type { ByteReader } from './byte-reader.ts'
import { CorruptBytes } from './byte-reader.ts'
import type { ByteWriter } from './byte-writer.ts'

/** The longest integer that is read: damaged bytes must not cost more memory than a sum of squares can take. */
const MAX_BYTES = 4096

/** Bytes that are taken off at a time: as many bits as a double counts, and more than most integers here have. */
const CHUNK_BYTES = 6
const CHUNK = 2 ** (8 * CHUNK_BYTES)

/** Writes an integer of any size: how many bytes with its sign as the last bit, then the bytes, least significant first. */
export function writeBigint(out: ByteWriter, value: bigint): void {
  let rest = value < 0n ? -value : value
  const chunks: number[] = []
  while (rest >= CHUNK) {
    chunks.push(Number(BigInt.asUintN(8 * CHUNK_BYTES, rest)))
    rest >>= BigInt(8 * CHUNK_BYTES)
  }
  const last = Number(rest)
  const length = chunks.length * CHUNK_BYTES + byteLength(last)
  out.varint(length * 2 + (value < 0n ? 1 : 0))
  for (const chunk of chunks) writeBytes(out, chunk, CHUNK_BYTES)
  writeBytes(out, last, byteLength(last))
}

function byteLength(value: number): number {
  let length = 0
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) length++
  return length
}

function writeBytes(out: ByteWriter, value: number, length: number): void {
  let rest = value
  for (let i = 0; i < length; i++) {
    out.u8(rest % 256)
    rest = Math.floor(rest / 256)
  }
}

/** Reads what {@link writeBigint} wrote. Throws CorruptBytes for more than 4096 bytes. */
export function readBigint(bytes: ByteReader): bigint {
  const header = bytes.varint()
  const raw = bytes.raw(lengthOf(header))
  let magnitude = 0n
  for (let end = raw.length; end > 0; ) {
    // From the top, so that every step shifts what is there already.
    const from = Math.floor((end - 1) / CHUNK_BYTES) * CHUNK_BYTES
    let chunk = 0
    for (let i = end - 1; i >= from; i--) chunk = chunk * 256 + (raw[i] as number)
    magnitude = (magnitude << BigInt(8 * (end - from))) | BigInt(chunk)
    end = from
  }
  return header % 2 === 1 ? -magnitude : magnitude
}

function lengthOf(header: number): number {
  const length = Math.floor(header / 2)
  if (length > MAX_BYTES) throw new CorruptBytes(`an integer of ${length} bytes`)
  return length
}
