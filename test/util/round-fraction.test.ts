import { describe, expect, it } from 'vitest'
import { nearestDouble, nearestRoot } from '../../src/engine/naive.ts'
import { dyadicOf } from '../../src/util/dyadic.ts'
import { integerRoot, roundRoot } from '../../src/util/exact-root.ts'
import { bitLength, roundFraction } from '../../src/util/round-fraction.ts'
import { forSeeds, type Random } from '../support/random.ts'
import { anyDouble } from './doubles.ts'

const anyInteger = (r: Random, bits: number): bigint => {
  let value = 1n
  for (let i = r.int(0, bits); i > 0; i -= 30) value = (value << 30n) | BigInt(r.int(0, 2 ** 30 - 1))
  return value
}

/** Numbers by which a power of two in `roundFraction` becomes one in the fraction that the naive definitions take. */
const scaled = (numerator: bigint, denominator: bigint, exponent: number): [bigint, bigint] =>
  exponent >= 0 ? [numerator << BigInt(exponent), denominator] : [numerator, denominator << BigInt(-exponent)]

describe('a fraction is rounded once', () => {
  it('to the nearest double, subnormal or infinite where that is nearest', () => {
    forSeeds(400, (r) => {
      const numerator = anyInteger(r, 300) * (r.chance(0.5) ? 1n : -1n)
      const denominator = anyInteger(r, 200)
      const exponent = r.pick([0, r.int(-1400, -900), r.int(-60, 60), r.int(800, 1100)])
      expect(roundFraction(numerator, denominator, exponent)).toBe(
        nearestDouble(...scaled(numerator, denominator, exponent)),
      )
    })
  })

  it('with ties to the even neighbour, also of subnormal numbers and at the end of the range', () => {
    expect(roundFraction(2n ** 53n + 1n, 1n, 0)).toBe(2 ** 53)
    expect(roundFraction(2n ** 53n + 3n, 1n, 0)).toBe(2 ** 53 + 4)
    expect(roundFraction(1n, 2n, -1074)).toBe(0)
    expect(roundFraction(3n, 2n, -1074)).toBe(1e-323)
    expect(roundFraction(1n, 3n, -1073)).toBe(5e-324)
    expect(roundFraction(2n ** 54n - 1n, 1n, 970)).toBe(Number.POSITIVE_INFINITY)
    expect(roundFraction(2n ** 54n - 2n, 1n, 970)).toBe(Number.MAX_VALUE)
    expect(roundFraction(0n, 7n, 5_000)).toBe(0)
    expect(roundFraction(1n, 1n, -5_000)).toBe(0)
  })

  it('gives back every double', () => {
    forSeeds(2_000, (r) => {
      const value = anyDouble(r)
      const { mantissa, exponent } = dyadicOf(value)
      expect(roundFraction(mantissa, 1n, exponent) + 0).toBe(value + 0)
    })
  })
})

describe('the root of a fraction is rounded once', () => {
  it('to the nearest double', () => {
    forSeeds(400, (r) => {
      const numerator = anyInteger(r, 300)
      const denominator = anyInteger(r, 200)
      const exponent = r.pick([0, r.int(-2300, -1900), r.int(-60, 60), r.int(1700, 2100)])
      expect(roundRoot(numerator, denominator, exponent)).toBe(nearestRoot(...scaled(numerator, denominator, exponent)))
    })
  })

  it('exactly for squares, and by what follows when it is next to a tie', () => {
    expect(roundRoot(49n, 4n, 0)).toBe(3.5)
    expect(roundRoot(0n, 3n, 0)).toBe(0)
    const tie = 2n ** 53n + 1n
    expect(roundRoot(tie * tie, 1n, 0)).toBe(2 ** 53)
    expect(roundRoot(tie * tie + 1n, 1n, 0)).toBe(2 ** 53 + 2)
    expect(roundRoot(tie * tie - 1n, 1n, 0)).toBe(2 ** 53)
    expect(roundRoot(tie * tie * 1000n + 1n, 1000n, 0)).toBe(2 ** 53 + 2)
  })
})

it('an integer root is the largest whose square fits', () => {
  forSeeds(500, (r) => {
    const value = anyInteger(r, 400) - BigInt(r.int(0, 1))
    const root = integerRoot(value)
    expect([root * root <= value, (root + 1n) * (root + 1n) > value]).toEqual([true, true])
    expect(integerRoot(root * root)).toBe(root)
  })
})

it('the bits of an integer are counted', () => {
  forSeeds(200, (r) => {
    const value = anyInteger(r, 200)
    expect(bitLength(value)).toBe(value.toString(2).length)
  })
})
