/**
 * Decodes record batches of format 2 (https://kafka.apache.org/documentation/#recordbatch). Written for speed: numbers instead
 * of bigints, views instead of copies.
 */
import { compressionsAlgorithmsByBitmask } from '@platformatic/kafka'

export interface LogRecord {
  readonly offset: number
  /** Milliseconds; null when the record has none. */
  readonly timestampMs: number | null
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly (readonly [name: Buffer, value: Buffer | null])[]
}

export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: bigint
}

export interface DecodedBatches {
  /** Committed data records at or after the offset asked for. */
  readonly records: LogRecord[]
  /** Behind the last batch that was whole; the offset asked for when there was none. */
  readonly next: number
}

// Of a batch, in bytes from its beginning.
const LENGTH_AT = 8
const MAGIC_AT = 16
const ATTRIBUTES_AT = 21
const LAST_DELTA_AT = 23
const FIRST_TIMESTAMP_AT = 27
const MAX_TIMESTAMP_AT = 35
const PRODUCER_AT = 43
const COUNT_AT = 57
const RECORDS_AT = 61
const HEAD_BYTES = 12

const COMPRESSION = 0b111
const LOG_APPEND_TIME = 1 << 3
const TRANSACTIONAL = 1 << 4
const CONTROL = 1 << 5
const MAGIC = 2
/** The type in a control record's key that ends a transaction as aborted. */
const ABORT = 0

const NO_HEADERS: LogRecord['headers'] = []

/**
 * The records that a consumer with `read_committed` sees in a fetched stretch of log. A batch that is cut off at the end is
 * left for the next fetch. Throws on a format or a compression that it does not know.
 */
export function decodeBatches(log: Buffer, from: number, aborted: readonly AbortedTransaction[]): DecodedBatches {
  const records: LogRecord[] = []
  let next = from
  const pending = [...aborted].sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1))
  const dead = new Set<bigint>()
  for (let at = 0; at + RECORDS_AT <= log.length; ) {
    const end = at + HEAD_BYTES + log.readInt32BE(at + LENGTH_AT)
    if (end > log.length) break
    if (log.readInt8(at + MAGIC_AT) !== MAGIC)
      throw new Error(
        `a record batch has format ${log.readInt8(at + MAGIC_AT)}; only format 2 (Kafka 0.11 and newer) is read`,
      )
    const base = Number(log.readBigInt64BE(at))
    const last = base + log.readInt32BE(at + LAST_DELTA_AT)
    const attributes = log.readInt16BE(at + ATTRIBUTES_AT)
    const producer = log.readBigInt64BE(at + PRODUCER_AT)
    while (pending[0] !== undefined && pending[0].firstOffset <= last)
      dead.add((pending.shift() as AbortedTransaction).producerId)
    if ((attributes & CONTROL) !== 0) {
      if (controlType(log.subarray(at + RECORDS_AT, end)) === ABORT) dead.delete(producer)
    } else if ((attributes & TRANSACTIONAL) === 0 || !dead.has(producer)) {
      decodeBatch(log.subarray(at, end), base, attributes, from, records)
    }
    next = Math.max(next, last + 1)
    at = end
  }
  return { records, next }
}

function decodeBatch(batch: Buffer, base: number, attributes: number, from: number, into: LogRecord[]): void {
  const firstTimestamp = Number(batch.readBigInt64BE(FIRST_TIMESTAMP_AT))
  const appendTime = (attributes & LOG_APPEND_TIME) !== 0 ? Number(batch.readBigInt64BE(MAX_TIMESTAMP_AT)) : undefined
  const count = batch.readInt32BE(COUNT_AT)
  const cursor = new Cursor(decompressed(batch.subarray(RECORDS_AT), attributes & COMPRESSION))
  for (let i = 0; i < count; i++) {
    const length = cursor.varint()
    const end = cursor.at + length
    cursor.at++ // attributes, unused
    const timestamp = appendTime ?? firstTimestamp + cursor.varint()
    if (appendTime !== undefined) cursor.varint()
    const offset = base + cursor.varint()
    if (offset >= from) {
      const key = cursor.bytes()
      const value = cursor.bytes()
      into.push({ offset, timestampMs: timestamp < 0 ? null : timestamp, key, value, headers: headersAt(cursor) })
    }
    cursor.at = end
  }
}

function headersAt(cursor: Cursor): LogRecord['headers'] {
  const count = cursor.varint()
  if (count <= 0) return NO_HEADERS
  const headers: [Buffer, Buffer | null][] = []
  for (let i = 0; i < count; i++) headers.push([cursor.bytes() ?? Buffer.alloc(0), cursor.bytes()])
  return headers
}

/** Of the one record that a control batch holds: its key is a version and a type, 16 bits each. */
function controlType(records: Buffer): number {
  const cursor = new Cursor(records)
  cursor.varint() // length
  cursor.at++ // attributes
  cursor.varint() // timestamp
  cursor.varint() // offset
  return cursor.bytes()?.readInt16BE(2) ?? -1
}

function decompressed(bytes: Buffer, compression: number): Buffer {
  if (compression === 0) return bytes
  const algorithm = compressionsAlgorithmsByBitmask[compression]
  if (algorithm === undefined || !algorithm.available)
    throw new Error(`a record batch is compressed in a way (${compression}) that this Node cannot undo`)
  return algorithm.decompressSync(bytes)
}

/** Reads zigzag varints (of 64 bits too, as far as a double is exact) and what they prefix. */
class Cursor {
  readonly #buffer: Buffer
  at = 0

  constructor(buffer: Buffer) {
    this.#buffer = buffer
  }

  varint(): number {
    const buffer = this.#buffer
    let byte = buffer[this.at++] ?? 0
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1)
    let value = byte & 0x7f
    for (let scale = 0x80; byte >= 0x80; scale *= 0x80) {
      byte = buffer[this.at++] ?? 0
      value += (byte & 0x7f) * scale
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  bytes(): Buffer | null {
    const length = this.varint()
    if (length < 0) return null
    const start = this.at
    this.at += length
    if (this.at > this.#buffer.length) throw new Error('a record ends beyond its batch')
    return this.#buffer.subarray(start, this.at)
  }
}
