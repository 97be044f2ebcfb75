import { describe, expect, it } from 'vitest'
import { ExactSums, roundUnits, toUnits } from '../../src/util/exact-sum.ts'
import { forSeeds } from '../support/random.ts'
import { shuffled } from '../support/streams.ts'
import { anyDouble } from './doubles.ts'

const sumOf = (values: readonly number[]): ExactSums => {
  const sums = new ExactSums()
  sums.insert(0)
  for (const value of values) sums.add(0, value)
  return sums
}

/** The exact sum by integers alone. */
const unitsOf = (values: readonly number[]): bigint => values.reduce((sum, value) => sum + toUnits(value), 0n)

describe('a sum is the exact sum, rounded once', () => {
  it('whatever the order, over any doubles', () => {
    forSeeds(500, (r) => {
      const draw = r.pick([
        () => anyDouble(r),
        () => Math.round(r.next() * 1e4) / 100,
        () => (r.next() - 0.5) * 2 ** r.int(-40, 40),
      ])
      const values = Array.from({ length: r.int(1, 60) }, draw)
      const want = roundUnits(unitsOf(values))
      const forward = sumOf(values)
      const other = sumOf(shuffled(r, values))
      expect(forward.round(0)).toBe(want)
      expect([other.hi[0], other.lo[0], other.unitsOf(0)]).toEqual([forward.hi[0], forward.lo[0], forward.unitsOf(0)])
      expect(forward.unitsOf(0)).toBe(unitsOf(values))
    })
  })

  it('passes over the range of a double and comes back', () => {
    expect(sumOf([1e308, 1e308, -1e308]).round(0)).toBe(1e308)
    expect(sumOf([1e308, 1e308]).round(0)).toBe(Number.POSITIVE_INFINITY)
    expect(sumOf([2 ** 53, 1, -(2 ** 53)]).round(0)).toBe(1)
    expect(sumOf([1e308, 5e-324, -1e308]).round(0)).toBe(5e-324)
  })

  it('never gives a negative zero', () => {
    for (const values of [[-0], [-0, -0], [1, -1], [-1, 1], [5e-324, -5e-324]]) {
      const sums = sumOf(values)
      expect([Object.is(sums.round(0), 0), Object.is(sums.lo[0], 0)]).toEqual([true, true])
    }
  })

  it('merges cells to the same bits as adding all values to one', () => {
    forSeeds(300, (r) => {
      const values = Array.from({ length: r.int(2, 40) }, () => (r.chance(0.1) ? anyDouble(r) : r.next() * 1e3))
      const cut = r.int(0, values.length)
      const merged = sumOf(values.slice(0, cut))
      merged.addCell(0, sumOf(values.slice(cut)), 0)
      const whole = sumOf(values)
      expect([merged.hi[0], merged.lo[0], merged.unitsOf(0)]).toEqual([whole.hi[0], whole.lo[0], whole.unitsOf(0)])
    })
  })
})

describe('integers of any size', () => {
  it('are summed exactly, also where no double holds one of them', () => {
    forSeeds(300, (r) => {
      const digits = () => Array.from({ length: r.int(1, 38) }, () => r.int(0, 9)).join('')
      const values = Array.from({ length: r.int(1, 30) }, () => BigInt(digits()) * (r.chance(0.5) ? 1n : -1n))
      const sums = sumOf([])
      for (const value of values) sums.addInteger(0, value)
      expect(sums.integer(0)).toBe(values.reduce((a, b) => a + b))
      for (const value of values) sums.addInteger(0, -value)
      expect([sums.hi[0], sums.lo[0], sums.isWide(0)]).toEqual([0, 0, false])
    })
  })
})

describe('rounding', () => {
  it('gives back every double', () => {
    forSeeds(2_000, (r) => {
      const value = anyDouble(r)
      expect(roundUnits(toUnits(value)) + 0).toBe(value + 0)
    })
  })

  it('takes ties to even and knows the subnormal range', () => {
    expect(roundUnits(toUnits(2 ** 53) + toUnits(1))).toBe(2 ** 53)
    expect(roundUnits(toUnits(2 ** 53) + toUnits(3))).toBe(2 ** 53 + 4)
    expect(roundUnits(1n)).toBe(5e-324)
    expect(roundUnits(1n, 2n)).toBe(0)
    expect(roundUnits(3n, 2n)).toBe(1e-323)
  })
})

describe('an average is the exact sum over the count, rounded once', () => {
  it('for any doubles and counts', () => {
    forSeeds(1_000, (r) => {
      const values = Array.from({ length: r.int(1, 40) }, () =>
        r.chance(0.05) ? anyDouble(r) : Math.round(r.next() * 1e4) / 100,
      )
      expect(sumOf(values).average(0, values.length)).toBe(roundUnits(unitsOf(values), BigInt(values.length)))
    })
  })
})
