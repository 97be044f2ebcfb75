import { describe, expect, it } from 'vitest'
import { hash64 } from '../../src/util/hash64.ts'
import { estimateDistinct, hash53, takeHash } from '../../src/util/smallest-hashes.ts'
import { forSeeds } from '../support/random.ts'
import { shuffled } from '../support/streams.ts'

const words = new Uint32Array(2)

function hashOf(value: string): number {
  hash64(value, words)
  return hash53(words)
}

describe('the k smallest hashes', () => {
  it('are those, once each and in order, whatever order they came in', () => {
    forSeeds(200, (r) => {
      const hashes = Array.from({ length: r.int(0, 60) }, () => r.int(0, 100))
      const k = r.int(1, 30)
      const kept: number[] = []
      for (const hash of shuffled(r, hashes)) takeHash(kept, k, hash)
      expect(kept).toEqual([...new Set(hashes)].sort((a, b) => a - b).slice(0, k))
    })
  })

  it('say how dense they lie, and of fewer than k how many there are', () => {
    expect(estimateDistinct([1, 2 ** 52 - 0.5], 2)).toBe(2)
    expect(estimateDistinct([1, 2], 3)).toBe(2)
  })

  it.each([64, 400])('estimate without bias, with an error of about 1 / sqrt(k - 2), for k = %d', (k) => {
    const trials = 60
    const bound = 1 / Math.sqrt(k - 2)
    for (const factor of [3, 20, 100]) {
      const size = k * factor
      const errors = Array.from({ length: trials }, (_, trial) => {
        const kept: number[] = []
        for (let i = 0; i < size; i++) takeHash(kept, k, hashOf(`user-${trial}-${i}`))
        return estimateDistinct(kept, k) / size - 1
      })
      const meanSquare = errors.reduce((sum, error) => sum + error * error, 0) / trials
      const mean = errors.reduce((sum, error) => sum + error, 0) / trials
      expect(Math.sqrt(meanSquare), `${size} values`).toBeLessThan(bound * 1.3)
      expect(Math.abs(mean), `${size} values`).toBeLessThan((bound * 4) / Math.sqrt(trials))
    }
  })
})
