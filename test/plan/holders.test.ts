import { expect, test } from 'vitest'
import { holdersOf, Plan, type Region, routingProblems } from '../../src/plan/index.ts'
import { definitionsOf, lifetimeView } from '../support/shards.ts'

const regions: readonly Region[] = ['weur', 'enam', 'apac'].map((name, i) => ({
  name,
  id: i + 1,
  epoch: 0,
  shards: { default: 1 },
}))
const plan = new Plan(definitionsOf([lifetimeView]))
const source = plan.sources.get('activity') as never
const names = (routing: Parameters<typeof holdersOf>[0]) =>
  holdersOf(routing, regions, regions[0] as Region, source).map(({ name }) => name)

test('a read merges the parts of the regions that keep events of a source, and of those that did before', () => {
  expect(names({})).toEqual(['weur', 'enam', 'apac'])
  expect(names({ activity: { home: 'enam' } })).toEqual(['enam'])
  expect(names({ activity: { home: 'enam', before: ['weur'] } })).toEqual(['weur', 'enam'])
})

test('a region that kept events before is one that there is', () => {
  expect(routingProblems(plan.sources, regions, { activity: { home: 'enam', before: ['weru'] } })).toEqual([
    expect.stringContaining('Did you mean "weur"?'),
  ])
})
