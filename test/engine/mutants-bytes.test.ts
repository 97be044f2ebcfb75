import { describe, expect, test } from 'vitest'
import { decodeBigints, decodeDigits, decodeLists, encodeBigints } from '../../src/engine/value-columns.ts'
import { decodeValues } from '../../src/engine/values.ts'
import { ByteReader, CorruptBytes } from '../../src/util/byte-reader.ts'
import { ByteWriter } from '../../src/util/byte-writer.ts'

function bytesOf(values: readonly bigint[]): number[] {
  const out = new ByteWriter()
  encodeBigints(out, values)
  return [...out.finish()]
}

const readerOf = (...bytes: number[]) => new ByteReader(Uint8Array.from(bytes))
const CONTINUED = 0x80

describe('an integer of any size', () => {
  test('has no more bytes than it needs', () => {
    // 2v is 127 at the eighth place of seven bits: one byte says so, and nothing goes on.
    expect(bytesOf([127n << 55n])).toEqual([...new Array(8).fill(CONTINUED), 0x7f])
    expect(bytesOf([128n << 55n])).toEqual([...new Array(9).fill(CONTINUED), 0x01])
    expect(bytesOf([-(127n << 55n)])).toEqual([...new Array(8).fill(0xff), 0x7e])
  })

  test('is written alike on both sides of where numbers end', () => {
    const edge = 2n ** 52n
    for (const value of [edge - 2n, edge - 1n, edge, edge + 1n, 2n ** 53n, 2n ** 55n, 2n ** 56n]) {
      for (const signed of [value, -value]) {
        let rest = signed < 0n ? -signed * 2n - 1n : signed * 2n
        const plain: number[] = []
        for (; rest >= 128n; rest >>= 7n) plain.push(Number(rest % 128n) + CONTINUED)
        expect(bytesOf([signed])).toEqual([...plain, Number(rest)])
        expect(decodeBigints(readerOf(...bytesOf([signed])), 1)).toEqual([signed])
      }
    }
  })

  test('has 64 bytes at most', () => {
    const zeros = (count: number) => new Array<number>(count).fill(CONTINUED)
    expect(decodeBigints(readerOf(...zeros(63), 2), 1)).toEqual([1n << (7n * 63n)])
    expect(() => decodeBigints(readerOf(...zeros(64), 2), 1)).toThrow('an integer without end')
    expect(() => decodeBigints(readerOf(...zeros(64), 2), 1)).toThrow(CorruptBytes)
  })

  test('as digits has 135 at most, and nothing else', () => {
    const read = (text: string) => {
      const out = new ByteWriter()
      out.text(text)
      return decodeDigits(new ByteReader(out.finish()))
    }
    expect(read('-12')).toBe(-12n)
    expect(read('9'.repeat(135))).toBe(10n ** 135n - 1n)
    for (const text of ['', '-', '1.5', '0x1', ' 1', '1n', '9'.repeat(136)])
      expect(() => read(text)).toThrow(CorruptBytes)
  })
})

test('a column of more values than any of ours is damage, before anything is read', () => {
  expect(() => decodeValues(readerOf(0, 1, 0), 2 ** 24 + 1, 'string')).toThrow('a column of 16777217 values')
})

describe('lists', () => {
  const elements = (bytes: ByteReader, count: number) => Array.from({ length: count }, () => bytes.u8())

  test('are cut by their lengths', () => {
    expect(decodeLists(readerOf(2, 0, 1, 7, 8, 9), 3, elements)).toEqual([[7, 8], [], [9]])
  })

  test('of more elements than the bytes that are left could hold are damage, before anything is read', () => {
    const bytes = (length: number) => {
      const reader = readerOf(0, 0, 0, 0, length, 1, 2)
      reader.at = 4
      return reader
    }
    const flags = (_: ByteReader, count: number) => new Array<boolean>(count).fill(true)
    expect(decodeLists(bytes(16), 1, flags)[0]).toHaveLength(16)
    expect(() => decodeLists(bytes(17), 1, flags)).toThrow('lists of 17 elements')
  })
})
