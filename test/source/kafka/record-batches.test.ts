import { createRecordsBatch } from '@platformatic/kafka'
import { expect, test } from 'vitest'
import { decodeBatches } from '../../../scripts/kafka-http-bridge/record-batches.ts'
import { forSeeds, type Random } from '../../support/random.ts'

interface Written {
  key: Buffer
  value: Buffer
  timestamp: bigint
  headers: Map<Buffer, Buffer>
  topic: string
}

/** A batch as a broker keeps it: written by the library, with the offset that the broker gave it. */
function batch(messages: Written[], base: number, compression: 'none' | 'gzip' | 'lz4' | 'zstd' | 'snappy'): Buffer {
  const bytes = Buffer.from(createRecordsBatch(messages, { compression }).buffer)
  bytes.writeBigInt64BE(BigInt(base), 0)
  return bytes
}

function randomMessages(r: Random): Written[] {
  // Within 24 days of each other: the library writes larger distances wrong.
  const around = r.pick([0, 1_700_000_000_000, 2 ** 45])
  return Array.from({ length: r.int(1, 40) }, () => ({
    topic: 't',
    key: Buffer.from(Array.from({ length: r.int(0, 80) }, () => r.int(0, 255))),
    value: Buffer.from(Array.from({ length: r.chance(0.1) ? 20_000 : r.int(0, 200) }, () => r.int(0, 255))),
    timestamp: BigInt(around + r.int(0, 1_000_000_000)),
    headers: new Map(Array.from({ length: r.int(0, 3) }, (_, i) => [Buffer.from(`h${i}`), Buffer.from('v'.repeat(i))])),
  }))
}

test('what the library writes is read back exactly, from any offset, however it is compressed', () => {
  forSeeds(150, (r) => {
    const written: Written[] = []
    const batches: Buffer[] = []
    let base = 0
    const offsets: number[] = []
    for (let i = r.int(1, 4); i > 0; i--) {
      const messages = randomMessages(r)
      batches.push(batch(messages, base, r.pick(['none', 'gzip', 'lz4', 'zstd', 'snappy'])))
      messages.forEach((message, at) => {
        written.push(message)
        offsets.push(base + at)
      })
      base += messages.length + r.int(0, 5)
    }
    const log = Buffer.concat(batches)
    const from = r.int(0, base)
    const { records, next } = decodeBatches(log, from, [])
    const wanted = written
      .map((message, i) => ({ message, offset: offsets[i] as number }))
      .filter(({ offset }) => offset >= from)
    expect(records.map(({ offset }) => offset)).toEqual(wanted.map(({ offset }) => offset))
    records.forEach((record, i) => {
      const message = wanted[i]?.message as Written
      expect(record.key?.equals(message.key)).toBe(true)
      expect(record.value?.equals(message.value)).toBe(true)
      expect(record.timestampMs).toBe(Number(message.timestamp))
      expect(record.headers.map(([name, value]) => [String(name), String(value)])).toEqual(
        [...message.headers].map(([name, value]) => [String(name), String(value)]),
      )
    })
    expect(next).toBe(Math.max(from, (offsets.at(-1) as number) + 1))
    // A fetch ends where its bytes end: the batch that is cut off is left for the next one.
    const cut = decodeBatches(log.subarray(0, r.int(0, log.length)), 0, [])
    expect(cut.records.map(({ offset }) => offset)).toEqual(offsets.slice(0, cut.records.length))
    expect(cut.next).toBeLessThanOrEqual((offsets.at(-1) as number) + 1)
    expect(offsets.filter((offset) => offset < cut.next)).toHaveLength(cut.records.length)
  })
})

test('a record may be years away from the first of its batch, either way', () => {
  const first = 1_700_000_000_000
  for (const delta of [2 ** 31, 2 ** 40 + 12_345, -(2 ** 31), -(2 ** 40) - 1, -1, 63, 64, -64, -65, 8191, 8192]) {
    // One record by hand: attributes, timestamp delta, offset delta, no key, no value, no headers.
    const body = [0, ...zigzag(BigInt(delta)), 0, 1, 1, 0]
    const log = Buffer.alloc(61 + 1 + body.length)
    log.writeInt32BE(log.length - 12, 8)
    log.writeInt8(2, 16)
    log.writeBigInt64BE(BigInt(first), 27)
    log.writeInt32BE(1, 57)
    Buffer.from([body.length * 2, ...body]).copy(log, 61)
    expect(decodeBatches(log, 0, []).records).toEqual([
      { offset: 0, timestampMs: first + delta, key: null, value: null, headers: [] },
    ])
  }
})

function zigzag(value: bigint): number[] {
  const bytes: number[] = []
  for (let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n)); ; rest >>= 7n) {
    if (rest < 0x80n) return [...bytes, Number(rest)]
    bytes.push(Number(rest & 0x7fn) | 0x80)
  }
}

test('a null value is not an empty one', () => {
  const message = { topic: 't', value: null as unknown as Buffer, timestamp: 1n, headers: new Map() }
  const empty = { ...message, key: Buffer.alloc(0), value: Buffer.alloc(0) }
  const log = batch([message as unknown as Written, empty], 0, 'none')
  expect(decodeBatches(log, 0, []).records.map(({ key, value }) => [key?.length, value?.length])).toEqual([
    [undefined, undefined],
    [0, 0],
  ])
})

test('a batch of an older format is refused and not guessed', () => {
  const log = batch(
    [{ topic: 't', key: Buffer.alloc(1), value: Buffer.alloc(1), timestamp: 1n, headers: new Map() }],
    0,
    'none',
  )
  log.writeInt8(1, 16)
  expect(() => decodeBatches(log, 0, [])).toThrow(/format 1/)
})
