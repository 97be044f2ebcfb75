import { expect, test } from 'vitest'
import { Plan } from '../../src/plan/index.ts'
import { type Random, random } from '../support/random.ts'
import { definitionsOf, lifetimeView, plainEvent, randomDefinitions, type SentEvent } from '../support/shards.ts'
import { randomEvents } from '../support/streams.ts'
import { NOW, ParityWorld } from './parity-world.ts'

const KEYS = ['a', 'b', 'c', 'ü,"\\', '', 'never']

function sentEvents(r: Random, count: number): { readonly event: SentEvent; readonly clock: number }[] {
  return randomEvents(r, count).map(({ time, availableAt, fields }, i) => ({
    event: { id: `e${i}`, uid: r.pick(KEYS.slice(0, 5)), friend: r.pick(KEYS.slice(0, 3)), at: time, fields },
    clock: availableAt,
  }))
}

test('of all vectors that were served, while events came late and twice and the shard died, none is another by the log', async () => {
  let compared = 0
  for (let seed = 1; seed <= 25; seed++) {
    const r = random(seed)
    const world = new ParityWorld(new Plan(randomDefinitions(r)), r)
    try {
      const events = sentEvents(r, r.int(40, 250))
      let served = 0
      for (let at = 0; at < events.length; ) {
        const size = r.int(1, 30)
        const batch = events.slice(at, at + size)
        world.clock = batch.at(-1)?.clock ?? world.clock
        const again = r.chance(0.2) ? events.slice(Math.max(0, at - 5), at) : []
        world.send([...again, ...batch].map(({ event }) => event))
        at += size
        // Also times that lie behind and ahead.
        served += await world.serve(world.plan.featureNames, KEYS, world.clock + r.pick([0, 0, -2_000, 5, 86_400_000]))
        if (r.chance(0.3)) await world.flushLog()
        if (r.chance(0.3)) await world.keepServed()
        if (r.chance(0.1)) {
          await world.keepServed()
          world.restart()
        }
      }
      await world.keepServed()
      await world.flushLog()
      const report = await world.check()
      expect(report.mismatches, `seed ${seed}`).toEqual([])
      expect(report.vectors, `seed ${seed}`).toMatchObject({ mismatched: 0, earlierDefinitions: 0 })
      expect(report.vectors.skipped).toEqual({ behind: 0, unlogged: 0, erased: 0, definitions: 0, untold: 0, damaged: 0 })
      expect(report.vectors.compared).toBeLessThanOrEqual(served)
      expect(report.values.same).toBeGreaterThan(report.vectors.compared)
      compared += report.vectors.compared
    } finally {
      world.end()
    }
  }
  expect(compared).toBeGreaterThan(2_000)
}, 120_000)
