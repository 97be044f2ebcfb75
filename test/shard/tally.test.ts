import { expect, test } from 'vitest'
import { Tally } from '../../src/shard/tally.ts'
import { forSeeds } from '../support/random.ts'

const NOW = Date.UTC(2026, 0, 1)

test('what is counted of late is that of the time, and of at most a twelfth more, through any number of restarts', () => {
  forSeeds(300, (r) => {
    const overMs = r.pick([12_000, 60_000, 3_600_000, 86_400_001])
    const events: { at: number; seen: number; failed: number }[] = []
    let tally = new Tally(overMs)
    let at = NOW
    for (let i = 0; i < 60; i++) {
      at += r.pick([0, 1, Math.floor(overMs / 24), Math.floor(overMs / 12), overMs, 3 * overMs])
      const seen = r.int(0, 5)
      const failed = r.int(0, seen)
      tally.add(at, seen, failed, `v${i}`)
      if (seen > 0) events.push({ at, seen, failed })
      // A clock that has fallen counts with the newest moment: never later, never lost.
      if (r.chance(0.05)) {
        const fallen = at - r.int(0, overMs)
        tally.add(fallen, 1, 0)
        events.push({ at: Math.max(fallen, events.at(-1)?.at ?? 0), seen: 1, failed: 0 })
      }
      if (r.chance(0.2)) tally = new Tally(overMs, JSON.parse(JSON.stringify(tally.stored)))

      const sum = (fromMs: number, of: 'seen' | 'failed') =>
        events.reduce((total, event) => total + (event.at > fromMs ? event[of] : 0), 0)
      const t = at + r.pick([0, 1, Math.floor(overMs / 2), 2 * overMs])
      for (const of of ['seen', 'failed'] as const) {
        const recent = tally.recent(t)[of]
        expect(recent).toBeGreaterThanOrEqual(sum(t - overMs, of))
        expect(recent).toBeLessThanOrEqual(sum(t - overMs - Math.ceil(overMs / 12) - 1, of))
        expect(tally[of]).toBe(sum(0, of))
      }
      const last = events.findLast((event) => event.failed > 0)
      expect(tally.lastFailedMs).toBe(last?.at ?? null)
      expect(tally.sample === null).toBe(last === undefined)
    }
    // However long it runs, it stays small.
    expect(tally.stored.length).toBeLessThanOrEqual(4 + 3 * 13)
  })
})
