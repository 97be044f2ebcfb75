import { expect, test } from 'vitest'
import { storesOf } from '../../durable-objects/stores.ts'
import { costOf, MemoryStore, type StorePlace, storeProblems } from '../../src/online/index.ts'
import { openKv } from '../../src/online/kv/index.ts'
import { openLibsql } from '../../src/online/libsql/index.ts'
import { openRedis } from '../../src/online/redis/index.ts'
import { copyEpochsOf, type Region, type StoreSpec } from '../../src/plan/index.ts'
import { random } from '../support/random.ts'
import { copyOf, entityAt } from './conformance.ts'
import { FakeKv } from './fake-kv.ts'

const shards = { default: 4 }
const region = (name: string, id: number, stores: readonly StoreSpec[], rest: Partial<Region> = {}): Region => ({
  name,
  id,
  epoch: 0,
  shards,
  stores,
  ...rest,
})
const near: StoreSpec = { name: 'near', kind: 'redis' }
const sql: StoreSpec = { name: 'sql', kind: 'libsql' }
const far: StoreSpec = { name: 'far', kind: 'kv', id: 'abc' }
const regions = [
  region('weur', 1, [near, far]),
  region('enam', 2, [sql]),
  region('staging', 3, [near], { environment: 'staging' }),
]
const connections = {
  'weur/near': { url: 'https://redis.example', token: 't' },
  'enam/sql': { url: 'https://sql.example', token: 't' },
}
const adapters = { redis: openRedis, libsql: openLibsql, kv: openKv }
const appOf = (stores: object = adapters, of: readonly Region[] = regions) => ({
  definitions: { spec: { entities: [], sources: [], views: [], services: [] } as never },
  regions: of,
  stores,
})
const kv = new FakeKv(random(1))
const env = { REGION: 'enam', CONNECTIONS: JSON.stringify({ stores: connections }), KV_WEUR_FAR: kv.at() }

test('a Worker opens the stores of every region of its environment, once', () => {
  const app = appOf()
  const stores = storesOf(app, env)
  expect(stores.map(({ name, store, problem }) => [name, store.kind, problem])).toEqual([
    ['weur/near', 'redis', undefined],
    ['weur/far', 'kv', undefined],
    ['enam/sql', 'libsql', undefined],
  ])
  expect(storesOf(app, { ...env })).toBe(stores)
  expect(storesOf(app, { ...env, CONNECTIONS: JSON.stringify({ stores: connections }, null, 1) })).not.toBe(stores)
  expect(storesOf(app, { REGION: 'staging', CONNECTIONS: '{}' }).map(({ name }) => name)).toEqual(['staging/near'])
})

test.each([
  [
    'a connection',
    appOf(),
    { ...env, CONNECTIONS: '{}' },
    'weur/near',
    'has no connection of the store weur/near (redis)',
  ],
  [
    'a token',
    appOf(),
    { ...env, CONNECTIONS: '{"stores": {"weur/near": {"url": "https://x"}}}' },
    'weur/near',
    'no token',
  ],
  [
    'a binding',
    appOf(),
    { ...env, KV_WEUR_FAR: undefined },
    'weur/far',
    'no binding KV_WEUR_FAR to the store weur/far',
  ],
  ['a right binding', appOf(), { ...env, KV_WEUR_FAR: 'text' }, 'weur/far', 'The store weur/far has no KV namespace'],
  [
    'an adapter',
    appOf({ kv: openKv }),
    env,
    'enam/sql',
    'enam/sql is of kind libsql, and this Worker was built without it',
  ],
])('a store without %s fails and says why, and the others are there', async (_what, app, bindings, name, problem) => {
  const stores = storesOf(app, bindings)
  expect(stores).toHaveLength(3)
  const broken = stores.find((store) => store.name === name)
  expect(broken?.problem).toContain(problem)
  await expect(broken?.store.get([entityAt('k')])).rejects.toThrow(problem)
  expect(await broken?.store.put([copyOf(entityAt('k'))])).toEqual([{ again: expect.stringContaining(problem) }])
})

test('a secret that cannot be read is told as such, and without stores it is not read', () => {
  expect(() => storesOf(appOf(), { ...env, CONNECTIONS: 'hunter2' })).toThrow('The secret CONNECTIONS is no JSON')
  const alone = appOf({}, [region('local', 1, [])])
  expect(storesOf(alone, { REGION: 'local', CONNECTIONS: 'hunter2' })).toEqual([])
})

test('an adapter is told the epochs whose copies count: the one to come, its own, and the one before unless it was left', () => {
  expect(copyEpochsOf({ epoch: 0 })).toEqual([0])
  expect(copyEpochsOf({ epoch: 0, next: { epoch: 1, shards } })).toEqual([1, 0])
  const before = { epoch: 1, shards, previous: { epoch: 0, shards } }
  expect(copyEpochsOf({ epoch: 2, previous: before })).toEqual([2, 1])
  expect(copyEpochsOf({ epoch: 2, previous: { ...before, isRestored: true } })).toEqual([2])
  const places: StorePlace[] = []
  const moved = [region('weur', 1, [near], { epoch: 2, previous: before }), region('enam', 2, [])]
  const redis = (place: StorePlace) => {
    places.push(place)
    return new MemoryStore()
  }
  storesOf(appOf({ redis }, moved), { ...env })
  expect(places[0]?.epochsOf('weur')).toEqual([2, 1])
  expect(places[0]?.epochsOf('enam')).toEqual([0])
})

test('stores that can be deployed have no problems', () => {
  expect(storeProblems(regions.slice(0, 2), connections)).toEqual([])
  const local = { 'l/near': { url: 'http://127.0.0.1:8079', token: 't' }, 'l/sql': { url: 'http://localhost:8082' } }
  expect(storeProblems([region('l', 1, [near, sql])], local)).toEqual([])
})

test.each([
  ['a missing connection', [near], {}, ['has no connection of the store r/near (redis): add "stores": {"r/near":']],
  [
    'a connection of another',
    [near],
    { 'r/neer': { url: 'https://x', token: 't' } },
    ['r/near', 'Did you mean "r/near"'],
  ],
  ['no token', [sql], { 'r/sql': { url: 'https://x' } }, ['stores["r/sql"], has no token']],
  ['an open address', [near], { 'r/near': { url: 'http://x.example', token: 't' } }, ['has an http address']],
  ['a KV without its id', [{ name: 'far', kind: 'kv' }], {}, ['wrangler kv namespace create KV_R_FAR']],
  ['an id that is none of KV', [{ ...sql, id: 'x' }], { 'r/sql': { url: 'https://x', token: 't' } }, ['has an id']],
  ['two of one name', [near, { ...near }], { 'r/near': { url: 'https://x', token: 't' } }, ['r/near twice']],
  ['a name that is none', [{ ...far, name: 'Far_1' }], {}, ['lower case letters']],
  ['a KV that is flushed too often', [{ ...far, flushMs: 500 }], {}, ['flushMs is at least 1000']],
  ['a time that is none', [{ ...far, heartbeatMs: -1 }], {}, ['heartbeatMs is -1']],
] as const)('before a deploy is told: %s', (_what, stores, given, parts) => {
  const problems = storeProblems([region('r', 1, stores)], given)
  expect(problems).toHaveLength(parts.length)
  for (const [i, part] of parts.entries()) expect(problems[i]).toContain(part)
})

test('two stores that would share a binding are told', () => {
  const both = [region('a-b', 1, [{ ...far, name: 'c' }]), region('a', 2, [{ ...far, name: 'b-c' }])]
  expect(storeProblems(both, {})).toEqual([expect.stringContaining('would be bound as KV_A_B_C')])
})

test('operations become dollars', () => {
  expect(costOf('kv', { reads: 2_000_000, writes: 100_000, requests: 9 })).toBeCloseTo(1.5)
  expect(costOf('redis', { reads: 500_000, writes: 500_000, requests: 9 })).toBeCloseTo(2)
  expect(costOf('libsql', { reads: 1_000_000_000, writes: 1_000_000, requests: 9 })).toBeCloseTo(2)
  expect(costOf('memory', { reads: 1e9, writes: 1e9, requests: 9 })).toBe(0)
})
