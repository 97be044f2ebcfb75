import { expect, test } from 'vitest'
import { random } from '../support/random.ts'
import { SimWorld } from './sim-world.ts'

// Several regions in one process, in the order of a seed: the shards, publishers, stores and reads are those of a deploy, time
// and links are parameters. TIDEMARK_SEED and TIDEMARK_RUNS run others, and more.

const FIRST = Number(process.env.TIDEMARK_SEED ?? 1)
const RUNS = Number(process.env.TIDEMARK_RUNS ?? 200)
const STEPS = 60

test(`whatever is cut, lost, repeated and killed, a read is the truth of the commits that it names, and at last of all (${RUNS} runs from seed ${FIRST})`, async () => {
  const sum = {
    reads: 0,
    cutReads: 0,
    partial: 0,
    crashes: 0,
    late: 0,
    added: 0,
    wiped: 0,
    isolate: 0,
    store: 0,
    shard: 0,
  }
  for (let seed = FIRST; seed < FIRST + RUNS; seed++) {
    try {
      const world = new SimWorld(random(seed))
      for (let i = 0; i < STEPS; i++) await world.step()
      await world.heal()
      await world.checkAll()
      const { tiers, ...counts } = world.counts
      for (const [name, count] of Object.entries({ ...counts, ...tiers })) sum[name as keyof typeof sum] += count
    } catch (cause) {
      throw new Error(`seed ${seed}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    }
  }
  // A world in which nothing goes wrong proves nothing.
  for (const [name, count] of Object.entries(sum)) expect(count, name).toBeGreaterThan(RUNS / 20)
}, 600_000)
