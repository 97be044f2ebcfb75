import { expect, test } from 'vitest'
import { type Region, regionProblems } from '../../src/plan/index.ts'

const region = (change: Partial<Region> = {}): Region => ({
  name: 'weur',
  id: 1,
  epoch: 0,
  shards: { default: 4 },
  ...change,
})
const KV_ID = '0123456789abcdef0123456789abcdef'

test('nothing, where all is right', () => {
  const stores = [
    { name: 'redis', kind: 'redis' },
    { name: 'kv', kind: 'kv', id: KV_ID, flushMs: 30_000 },
  ] as const
  expect(
    regionProblems([
      region({ location: 'weur', environment: 'staging', stores, log: {} }),
      region({ name: 'b', id: 2, log: { bucket: 'mine', flushMs: 1_000, servedShare: 1 } }),
    ]),
  ).toEqual([])
})

test.each<[string, readonly Region[], string]>([
  ['no region', [], 'declares no region'],
  ['one name twice', [region(), region({ id: 2 })], 'two regions are called "weur"'],
  ['one id twice', [region(), region({ name: 'enam' })], 'two regions have the id 1'],
  ['a name with a slash', [region({ name: 'we/ur' })], 'a name is of lower case letters, digits and dashes'],
  ['an id that does not fit', [region({ id: 70_000 })], 'id is 70000; it is a whole number from 1 to 65535'],
  ['a location that is none', [region({ location: 'europe' })], 'location "europe" is none of Cloudflare\'s: wnam'],
  [
    'a bucket that is none',
    [region({ log: { bucket: 'My_Bucket' } })],
    'log: bucket "My_Bucket" is no name of a bucket',
  ],
  ['a region whose bucket has no name', [region({ name: 'we-', log: {} })], 'bucket "tidemark-we-" is no name'],
  ['a log at every moment', [region({ log: { flushMs: 10 } })], 'log: flushMs is 10; it is a whole number'],
  ['more than all that is served', [region({ log: { servedShare: 2 } })], 'log: servedShare is 2; it is a share'],
  ['a share that is no number', [region({ log: { servedShare: Number.NaN } })], 'log: servedShare is NaN'],
  [
    'one store twice',
    [
      region({
        stores: [
          { name: 'a', kind: 'redis' },
          { name: 'a', kind: 'libsql' },
        ],
      }),
    ],
    'two stores are called "a"',
  ],
  [
    'KV without an id',
    [region({ stores: [{ name: 'a', kind: 'kv' }] })],
    'store a: its id is missing: npx wrangler kv namespace create',
  ],
  [
    'KV with a name for an id',
    [region({ stores: [{ name: 'a', kind: 'kv', id: 'mine' }] })],
    'id "mine" is no id of a namespace',
  ],
  [
    'Redis with an id',
    [region({ stores: [{ name: 'a', kind: 'redis', id: KV_ID }] })],
    'only a store of kind kv has an id',
  ],
  [
    'a kind that is none',
    [region({ stores: [{ name: 'a', kind: 'mysql' as 'kv' }] })],
    'kind "mysql" is none of redis, libsql, kv',
  ],
  [
    'a pause that is none',
    [region({ stores: [{ name: 'a', kind: 'redis', flushMs: 0 }] })],
    'flushMs is 0; it is a whole number',
  ],
])('%s', (_what, regions, said) => {
  expect(regionProblems(regions).join('\n')).toContain(said)
})
