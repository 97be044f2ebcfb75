import { describe, expect, it } from 'vitest'
import { readBigint, writeBigint } from '../../src/util/bigint-bytes.ts'
import { ByteReader, CorruptBytes } from '../../src/util/byte-reader.ts'
import { ByteWriter } from '../../src/util/byte-writer.ts'
import { canonical, type Dyadic, dyadicOf, minus, plus, times } from '../../src/util/dyadic.ts'
import { DyadicSums } from '../../src/util/dyadic-sums.ts'
import { forSeeds, type Random } from '../support/random.ts'
import { shuffled } from '../support/streams.ts'
import { anyDouble } from './doubles.ts'

/** In units of 2^-2148, of which every product of two doubles is a multiple. */
const unitsOf = ({ mantissa, exponent }: Dyadic): bigint => mantissa << BigInt(exponent + 2148)

const bytesOf = (sums: DyadicSums): Uint8Array => {
  const out = new ByteWriter()
  sums.encode(out)
  return out.finish()
}

const sumOf = (values: readonly Dyadic[]): DyadicSums => {
  const sums = new DyadicSums()
  sums.insert(0)
  for (const value of values) sums.add(0, value)
  return sums
}

const any = (r: Random): Dyadic => (r.chance(0.2) ? dyadicOf(r.int(-9, 9)) : dyadicOf(anyDouble(r)))

describe('binary fractions', () => {
  it('add and multiply exactly over the whole range of doubles', () => {
    forSeeds(500, (r) => {
      const a = any(r)
      const b = any(r)
      expect(unitsOf(plus(a, b))).toBe(unitsOf(a) + unitsOf(b))
      expect(unitsOf(minus(a, b))).toBe(unitsOf(a) - unitsOf(b))
      expect(unitsOf(times(a, b)) << 2148n).toBe(unitsOf(a) * unitsOf(b))
    })
  })

  it('have one canonical form', () => {
    forSeeds(500, (r) => {
      const value = any(r)
      const shift = r.int(0, 300)
      const same = { mantissa: value.mantissa << BigInt(shift), exponent: value.exponent - shift }
      expect(canonical(same)).toEqual(canonical(value))
      expect(unitsOf(canonical(value))).toBe(unitsOf(value))
    })
    expect(canonical(dyadicOf(-0))).toEqual({ mantissa: 0n, exponent: 0 })
    expect(canonical(dyadicOf(12))).toEqual({ mantissa: 3n, exponent: 2 })
  })
})

describe('sums of them', () => {
  it('have the same bytes in any order, and read back', () => {
    forSeeds(300, (r) => {
      const values = Array.from({ length: r.int(0, 20) }, () => any(r))
      const bytes = bytesOf(sumOf(values))
      expect(bytesOf(sumOf(shuffled(r, values)))).toEqual(bytes)
      const back = new DyadicSums()
      back.decode(new ByteReader(bytes), 1)
      expect(bytesOf(back)).toEqual(bytes)
      back.add(0, minus(dyadicOf(0), back.at(0)))
      expect(bytesOf(back)).toEqual(bytesOf(sumOf([])))
    })
  })

  it('take few bytes when they are small', () => {
    expect(bytesOf(sumOf([])).length).toBe(1)
    expect(bytesOf(sumOf([dyadicOf(100)])).length).toBe(3)
  })

  it('are refused when their bytes end early or claim too much', () => {
    const bytes = bytesOf(sumOf([dyadicOf(0.1), dyadicOf(1e300)]))
    for (let end = 0; end < bytes.length; end++) {
      expect(() => new DyadicSums().decode(new ByteReader(bytes, 0, end), 1)).toThrow(CorruptBytes)
    }
    const out = new ByteWriter()
    out.varint(2 ** 40)
    expect(() => new DyadicSums().decode(new ByteReader(out.finish()), 1)).toThrow(/an integer of/)
  })
})

describe('integers of any size', () => {
  it('are read back, of either sign', () => {
    forSeeds(500, (r) => {
      const digits = Array.from({ length: r.int(1, 120) }, () => r.int(0, 15).toString(16)).join('')
      const value = BigInt(`0x${digits}`) * (r.chance(0.5) ? 1n : -1n)
      for (const near of [value, value + 1n, 1n << BigInt(r.int(0, 300))]) {
        const out = new ByteWriter()
        writeBigint(out, near)
        expect(readBigint(new ByteReader(out.finish()))).toBe(near)
      }
    })
  })
})
