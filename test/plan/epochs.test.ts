import { expect, test } from 'vitest'
import { epochProblems, lineageOf, Plan, type Region } from '../../src/plan/index.ts'
import { definitionsOf, lifetimeView } from '../support/shards.ts'
import { ORDERS } from '../table/deployment.ts'

const { entities, sources, ...rest } = definitionsOf([lifetimeView])
const plan = new Plan({ ...rest, entities, sources: [...sources, ORDERS] })
const hot = new Plan({ ...rest, sources, entities: entities.map((entity) => ({ ...entity, spread: 6 })) })

const weur = (more: Partial<Region>): Region => ({ name: 'weur', id: 1, epoch: 0, shards: { default: 4 }, ...more })
const sixteen = weur({
  epoch: 2,
  shards: { default: 16 },
  previous: { epoch: 1, shards: { default: 8, tables: 2 }, previous: { epoch: 0, shards: { default: 4, tables: 2 } } },
  next: { epoch: 3, shards: { default: 16, entities: { user: 48 } } },
})
const shard = (epoch: number, shards: number, number: number) => ({
  region: 'weur',
  entity: 'user',
  epoch,
  shards,
  shard: number,
})

test('a shard knows the one that it takes over from, through every epoch', () => {
  expect(lineageOf(sixteen, 'entity', shard(0, 4, 3))).toEqual({ kind: 'first' })
  expect(lineageOf(sixteen, 'entity', shard(2, 16, 13))).toEqual({
    kind: 'child',
    isNext: false,
    parent: shard(1, 8, 5),
  })
  expect(lineageOf(sixteen, 'entity', shard(1, 8, 5))).toMatchObject({ kind: 'child', parent: shard(0, 4, 1) })
  expect(lineageOf(sixteen, 'entity', shard(3, 48, 47))).toMatchObject({ isNext: true, parent: shard(2, 16, 15) })
  const table = { ...shard(1, 2, 1), entity: 'orders' }
  expect(lineageOf(sixteen, 'table', table)).toMatchObject({ parent: { ...table, epoch: 0 } })
})

test('a shard that regions.ts does not know is a stranger, and nothing is made up about it', () => {
  expect(lineageOf(sixteen, 'entity', shard(4, 16, 0))).toMatchObject({ kind: 'stranger' })
  expect(lineageOf(sixteen, 'entity', shard(2, 8, 0))).toMatchObject({
    kind: 'stranger',
    why: expect.stringContaining('user has 16 shards by regions.ts, not 8'),
  })
})

test.each<[string, Region, string]>([
  ['nothing of before', weur({ epoch: 1 }), 'epoch is 1, and previous is missing'],
  [
    'a gap',
    weur({ epoch: 2, previous: { epoch: 0, shards: { default: 4 } } }),
    'previous.epoch is 0; it comes before 2, so it is 1',
  ],
  [
    'a next that is not the next',
    weur({ next: { epoch: 2, shards: { default: 8 } } }),
    'next.epoch is 2; it follows 0',
  ],
  [
    'no whole multiple',
    weur({ next: { epoch: 1, shards: { default: 8, entities: { user: 6 } } } }),
    'next.shards: entity user: 4 to 6 shards: only a whole multiple of 4',
  ],
  ['fewer', weur({ next: { epoch: 1, shards: { default: 2 } } }), 'entity user: 4 to 2 shards'],
  ['tables too', weur({ next: { epoch: 1, shards: { default: 8, tables: 3 } } }), 'tables: 4 to 3 shards'],
  [
    'a name that does not exist',
    weur({ shards: { default: 4, entities: { usr: 8 } } }),
    'shards.entities.usr: there is no entity "usr". Did you mean "user"?',
  ],
  ['no number', weur({ shards: { default: 0 } }), 'shards.default is 0; it is a whole number from 1'],
])('regions.ts is refused for %s', (_, region, problem) => {
  expect(epochProblems([region], plan).join('\n')).toContain(problem)
})

test('an entity is spread over no more shards than it has', () => {
  expect(epochProblems([weur({})], hot)).toEqual([
    'region weur: shards: entity user is spread over 6 shards and has only 4: give it more, or spread it less.',
  ])
  expect(epochProblems([weur({ shards: { default: 4, entities: { user: 8 } } })], hot)).toEqual([])
})

test('what is right has no problem', () => {
  expect(epochProblems([sixteen, weur({})], plan)).toEqual([])
})
