import { describe, expect, it } from 'vitest'
import { LogBuckets } from '../../src/util/ddsketch.ts'
import { forSeeds } from '../support/random.ts'
import { anyDouble, nextUp } from './doubles.ts'

const ACCURACIES = [0.00011, 0.001, 0.01, 0.05, 0.19]
/** Half a unit of the least double: what rounding a subnormal result may add. */
const LEAST = 5e-324

describe.each(ACCURACIES)('buckets of accuracy %d', (accuracy) => {
  const buckets = new LogBuckets(accuracy)
  const isNear = (value: number) => {
    const near = buckets.valueOf(buckets.keyOf(value))
    if (!(Math.abs(near - value) <= accuracy * Math.abs(value) + LEAST)) throw new Error(`${value} became ${near}`)
  }

  it('stand for each of their numbers within it, over the whole range of doubles', () => {
    forSeeds(3_000, (r) => {
      isNear(anyDouble(r))
      isNear((r.next() - 0.5) * 10 ** r.int(-3, 6))
      isNear(r.int(-1_000, 1_000) * 5e-324)
    })
    for (const value of [0, -0, 5e-324, -5e-324, 2 ** -1022, nextUp(1), 1, Number.MAX_VALUE, -Number.MAX_VALUE])
      isNear(value)
    expect(buckets.valueOf(buckets.keyOf(-0))).toBe(0)
  })

  it('hold at their borders, where one number more is another bucket', () => {
    forSeeds(200, (r) => {
      let low = Math.abs(anyDouble(r)) / 2
      let high = Math.min(low * (1 + 3 * accuracy), Number.MAX_VALUE)
      const key = buckets.keyOf(low)
      for (let i = 0; i < 80; i++) {
        const middle = low + (high - low) / 2
        if (buckets.keyOf(middle) === key) low = middle
        else high = middle
      }
      isNear(low)
      isNear(high)
      isNear(-low)
    })
  })

  it('are in the order of their numbers', () => {
    forSeeds(1_000, (r) => {
      const [a, b] = [anyDouble(r), r.chance(0.5) ? anyDouble(r) : r.next()].sort((x, y) => x - y) as [number, number]
      expect(buckets.keyOf(a)).toBeLessThanOrEqual(buckets.keyOf(b))
      expect(buckets.valueOf(buckets.keyOf(a))).toBeLessThanOrEqual(buckets.valueOf(buckets.keyOf(b)))
    })
  })

  it('are hardly more than the logarithm itself would need', () => {
    const octaves = 200
    const used = buckets.keyOf(2 ** octaves) - buckets.keyOf(1)
    const needed = (octaves * Math.LN2) / Math.log((1 + accuracy) / (1 - accuracy))
    expect(used / needed).toBeLessThan(1.03)
  })
})
