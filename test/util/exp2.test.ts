import { describe, expect, it } from 'vitest'
import { dyadicOf } from '../../src/util/dyadic.ts'
import { exp2 } from '../../src/util/exp2.ts'
import { forSeeds } from '../support/random.ts'
import { nextUp } from './doubles.ts'

const BITS = 200n
const ONE = 1n << BITS

/** A double in units of 2^-200, cut off. */
function fixed(value: number): bigint {
  const { mantissa, exponent } = dyadicOf(value)
  const shift = BITS + BigInt(exponent)
  return shift >= 0n ? mantissa << shift : mantissa >> -shift
}

/** ln 2 = sum of 1 / (k 2^k) */
const LN2 = Array.from({ length: 200 }, (_, i) => (ONE >> BigInt(i + 1)) / BigInt(i + 1)).reduce((a, b) => a + b)

/** 2^x in units of 2^-200, by the plain series of e^(x ln 2). */
function truth(x: number): bigint {
  const power = (fixed(x) * LN2) >> BITS
  let term = ONE
  let sum = ONE
  for (let n = 1n; n < 60n; n++) {
    term = ((term * power) >> BITS) / n
    sum += term
  }
  return sum
}

/** How far the result is from the truth, in units of its last place. */
function error(x: number): number {
  const got = exp2(x)
  const distance = fixed(got) - truth(x)
  return Number((distance < 0n ? -distance : distance) >> (BITS - 80n)) / 2 ** 80 / (nextUp(got) - got)
}

describe('exp2', () => {
  it('is within 0.6 of a unit in the last place on [-1, 1]', () => {
    let worst = 0
    forSeeds(5_000, (r) => {
      const x = r.pick([
        () => r.next() * 2 - 1,
        () => (r.next() - 0.5) * 2 ** -r.int(0, 60),
        () => r.int(-1_000, 1_000) / 1_000,
      ])()
      worst = Math.max(worst, error(x))
    })
    expect(worst).toBeLessThan(0.6)
  })

  it('is exact at whole exponents, and one at nothing', () => {
    expect([-1, 0, -0, 1, 5e-324, -5e-324].map(exp2)).toEqual([0.5, 1, 1, 2, 1, 1])
  })

  it('rises across every step of its table, and near any point', () => {
    const rises = (x: number) => {
      const before = -nextUp(-x)
      if (exp2(before) > exp2(x)) throw new Error(`exp2 falls from ${before} to ${x}`)
    }
    for (let step = -31; step <= 32; step++) rises(step / 32)
    forSeeds(5_000, (r) => rises(r.next() * 2 - 1))
    // Just below zero the rest rounds up to a whole step.
    for (const x of [-(2 ** -80), -5e-324]) expect(exp2(x)).toBe(1)
  })
})
