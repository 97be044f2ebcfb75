import { expect, test } from 'vitest'
import { type FeatureValue, jsonText } from '../../src/engine/index.ts'
import { openLog, recompute, type VectorRequest } from '../../src/offline/node/index.ts'
import { Plan, type VectorPlan } from '../../src/plan/index.ts'
import { LETTER_OF } from '../../src/shard/index.ts'
import { LoggedShards, live, type Served } from '../support/logged-shards.ts'
import { random } from '../support/random.ts'
import { randomDefinitions } from '../support/shards.ts'

const NOW = Date.UTC(2026, 0, 1)
const SEEDS = 8

function textOf(vector: VectorPlan, values: readonly FeatureValue[]) {
  return {
    values: values.map(({ value }, i) => jsonText(value, vector.features[i]?.feature.resultType ?? 'int')).join(),
    statuses: values.map(({ status }) => LETTER_OF[status]).join(''),
    exact: values.map(({ exact }) => (exact ? '1' : '0')).join(''),
  }
}

async function again(world: LoggedShards, served: readonly Served[], byCommits: boolean) {
  const { plan, folder } = world
  const vector = plan.vectorOf(null, plan.featureNames)
  if (typeof vector === 'string') throw new Error(vector)
  const logs = await openLog(folder)
  const requests = served.map(
    ({ key, t, commits }): VectorRequest => ({ keys: { user_id: key }, t, commits: byCommits ? commits : null }),
  )
  const found = []
  for await (const one of recompute({ plan, vector, logs }, requests)) {
    if ('problem' in one) throw new Error(one.problem)
    found.push(textOf(vector, one.values))
  }
  return found
}

const told = ({ answer: { values, statuses, exact } }: Served) => ({ values, statuses, exact })

test('whatever a lookup was given comes out of the log again, by its commits and by its time, bit for bit', async () => {
  let compared = 0
  for (let seed = 1; seed <= SEEDS; seed++) {
    const r = random(seed)
    const world = new LoggedShards(new Plan(randomDefinitions(r)), { shards: r.pick([1, 2, 5]), startMs: NOW })
    try {
      await live(r, world, 40)
      expect(await again(world, world.served, true), `seed ${seed}`).toEqual(world.served.map(told))
      // A lookup behind the clock has seen what came up to the clock: only its commits can tell.
      const now = world.served.filter(({ isNow }) => isNow)
      expect(await again(world, now, false), `seed ${seed}`).toEqual(now.map(told))
      compared += world.served.length
    } finally {
      world.remove()
    }
  }
  expect(compared).toBeGreaterThan(150)
})
