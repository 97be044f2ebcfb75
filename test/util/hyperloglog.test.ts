import { describe, expect, it } from 'vitest'
import { ByteReader, CorruptBytes } from '../../src/util/byte-reader.ts'
import { ByteWriter } from '../../src/util/byte-writer.ts'
import { hash64 } from '../../src/util/hash64.ts'
import { HyperLogLog } from '../../src/util/hyperloglog.ts'
import { forSeeds } from '../support/random.ts'
import { shuffled } from '../support/streams.ts'

const words = new Uint32Array(2)

function sketchOf(values: Iterable<number | string>): HyperLogLog {
  const sketch = new HyperLogLog()
  for (const value of values) {
    hash64(value, words)
    sketch.add(words)
  }
  return sketch
}

const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i)

function bytesOf(sketch: HyperLogLog): Uint8Array {
  const out = new ByteWriter()
  sketch.write(out)
  return out.finish()
}

describe('the estimate', () => {
  it('has the standard error of its paper and no bias, from a few values to very many', () => {
    const trials = 40
    for (const size of [1, 10, 100, 1_000, 4_000, 10_000, 30_000, 200_000]) {
      const errors = range(1, trials).map((trial) => sketchOf(range(trial * 1e7, size)).estimate() / size - 1)
      const meanSquare = errors.reduce((sum, error) => sum + error * error, 0) / trials
      const mean = errors.reduce((sum, error) => sum + error, 0) / trials
      // 1.04 / 64, and what 40 trials leave to chance.
      expect(Math.sqrt(meanSquare), `${size} values`).toBeLessThan(0.01625 * 1.35)
      expect(Math.abs(mean), `${size} values`).toBeLessThan((0.01625 * 4) / Math.sqrt(trials))
      expect(Math.max(...errors.map(Math.abs)), `${size} values`).toBeLessThan(0.01625 * 4)
    }
  })

  it('is zero for nothing', () => {
    expect([new HyperLogLog().isEmpty, new HyperLogLog().estimate()]).toEqual([true, 0])
  })

  it('takes the greatest ranks there are', () => {
    const sketch = new HyperLogLog()
    for (let index = 0; index < 4096; index++) sketch.add(Uint32Array.of(index << 20, 0))
    expect(sketch.estimate()).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('the bytes', () => {
  it('depend on the set of values alone, across the two forms', () => {
    forSeeds(40, (r) => {
      const values = range(r.int(0, 1e6), r.pick([1, 50, 1_100, 1_190, 1_250, 5_000]))
      const whole = bytesOf(sketchOf(values))
      const mixed = shuffled(r, [...values, ...values.slice(0, 20)])
      expect(bytesOf(sketchOf(mixed))).toEqual(whole)
      const cut = r.int(0, mixed.length)
      const merged = sketchOf(mixed.slice(0, cut))
      merged.merge(sketchOf(mixed.slice(cut)))
      expect(bytesOf(merged)).toEqual(whole)
      expect(bytesOf(HyperLogLog.read(new ByteReader(whole)))).toEqual(whole)
    })
  })

  it('change their form between 1023 and 1024 registers', () => {
    for (const count of [1_023, 1_024]) {
      const sketch = new HyperLogLog()
      for (let index = 0; index < count; index++) sketch.add(Uint32Array.of(index << 20, 1))
      const bytes = bytesOf(sketch)
      expect(bytesOf(HyperLogLog.read(new ByteReader(bytes)))).toEqual(bytes)
      expect(bytes.length < 2_500).toBe(count === 1_023)
    }
  })

  it('are few for few values', () => {
    expect(bytesOf(sketchOf([])).length).toBe(1)
    expect(bytesOf(sketchOf(range(0, 100))).length).toBeLessThan(310)
    expect(bytesOf(sketchOf(range(0, 1e5))).length).toBe(3_074)
  })

  it('are refused when they end early', () => {
    for (const count of [30, 5_000]) {
      const bytes = bytesOf(sketchOf(range(0, count)))
      expect(() => HyperLogLog.read(new ByteReader(bytes, 0, bytes.length - 1))).toThrow(CorruptBytes)
    }
    const out = new ByteWriter()
    out.varint(5_000)
    expect(() => HyperLogLog.read(new ByteReader(out.finish()))).toThrow(/5000 registers/)
  })
})

describe('the hash', () => {
  it('has no two numbers of one hash, and every bit is set half of the time', () => {
    const seen = new Set<string>()
    const ones = new Array<number>(64).fill(0)
    const count = 20_000
    for (let i = 0; i < count; i++) {
      hash64(i / 8, words)
      seen.add(words.join())
      for (let bit = 0; bit < 64; bit++) ones[bit] = (ones[bit] ?? 0) + (((words[bit >> 5] ?? 0) >>> (bit & 31)) & 1)
    }
    expect(seen.size).toBe(count)
    // Six standard deviations of a fair coin.
    for (const n of ones) expect(Math.abs(n - count / 2)).toBeLessThan(3 * Math.sqrt(count))
  })

  it('takes 0 and -0 for one value, and texts, integers and bools as they are', () => {
    const of = (value: string | number | bigint | boolean) => {
      hash64(value, words)
      return words.join()
    }
    expect(of(-0)).toBe(of(0))
    expect(new Set([of(''), of('0'), of(0), of(false) === of(0) ? of(1) : '', of(1n), of(10n ** 37n)]).size).toBe(6)
  })
})
