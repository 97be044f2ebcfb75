import { expect, test } from 'vitest'
import { MemoryObjects } from '../../src/offline/index.ts'
import {
  definitionsKey,
  ServedSample,
  type ServedSampleOptions,
  type ServedVector,
} from '../../src/offline/served/index.ts'
import { Plan } from '../../src/plan/index.ts'
import type { LookupRequest, LookupRow } from '../../src/serve/index.ts'
import { parseCanonicalJson } from '../../src/util/canonical-json.ts'
import { random } from '../support/random.ts'
import { definitionsOf, lifetimeView } from '../support/shards.ts'

const NOW = Date.UTC(2026, 10, 21, 23, 59, 55)
const plan = new Plan(definitionsOf([lifetimeView]))
const vector = plan.vectorOf(null, plan.featureNames)
if (typeof vector === 'string') throw new Error(vector)

function sample(options: Partial<ServedSampleOptions> = {}, seed = 11) {
  const objects = new MemoryObjects()
  const problems: string[] = []
  const made = new ServedSample({
    region: 'weur',
    plan,
    share: 1,
    objects,
    random: random(seed).next,
    report: (problem) => problems.push(problem),
    ...options,
  })
  return { made, objects, problems }
}

const request = (users: readonly string[], t = NOW): LookupRequest => ({
  vector,
  entities: users.map((uid) => ({ [vector.entities[0]?.spec.keys[0]?.name ?? '']: uid })),
  t,
  after: [],
  maxStalenessMs: 0,
})

const rowOf = (values: string): LookupRow => ({
  texts: [
    {
      values,
      statuses: 'p'.repeat(vector.features.length),
      exact: '1'.repeat(vector.features.length),
      eventTimeMs: NOW - 5,
    },
  ],
  commits: ['weur/user/0/0/17'],
  parts: [{ region: 'weur', ageMs: 0, tier: 'shard' }],
})
const ROW = rowOf(vector.features.map((_, i) => String(i)).join())

async function linesOf(objects: MemoryObjects): Promise<string[]> {
  const keys = (await objects.list('served/')).map(({ key }) => key)
  const texts = await Promise.all(keys.map(async (key) => new TextDecoder().decode((await objects.get(key))?.bytes)))
  return texts.flatMap((text) => text.trimEnd().split('\n'))
}

test('a vector is kept as it was served, with what it was computed from and the definitions', async () => {
  const { made, objects } = sample()
  const digits = vector.features.map(() => '12345678901234567890.10').join()
  expect(made.take(request(['u"1'], NOW - 60_000), [rowOf(digits)], NOW)).toBe(10_000)
  await made.flush(NOW + 10_000)
  const [key] = (await objects.list('served/')).map((one) => one.key)
  // The day of the write: the next one has begun.
  expect(key).toMatch(/^served\/tm_region=weur\/tm_day=2026-11-22\/\d{13}-[0-9a-z]+\.ndjson$/)
  const [line = ''] = await linesOf(objects)
  expect(line).toContain(`"values":[${digits}]`)
  const kept = JSON.parse(line) as ServedVector
  expect(kept).toMatchObject({
    served: '2026-11-21T23:59:55.000Z',
    at: '2026-11-21T23:58:55.000Z',
    region: 'weur',
    plan: plan.hash,
    service: null,
    features: plan.featureNames,
    keys: { user: 'u"1' },
    commits: ['weur/user/0/0/17'],
    parts: [{ region: 'weur', ageMs: 0, tier: 'shard' }],
  })
  expect(kept.status).toHaveLength(vector.features.length)
  const spec = (await objects.get(definitionsKey(plan.hash)))?.bytes
  expect(new Plan(parseCanonicalJson(new TextDecoder().decode(spec)) as typeof plan.spec).hash).toBe(plan.hash)
})

test.each([0.5, 0.1, 0.01, 0.001])(
  'of a share of %d so many are kept, alone or in batches of any size',
  async (share) => {
    const { made, objects } = sample({ share }, 12)
    const r = random(13)
    const all = Math.min(400_000, Math.ceil(2_000 / share))
    let firstOfBatch = 0
    let batches = 0
    for (let served = 0; served < all; ) {
      const users = Array.from({ length: Math.min(all - served, r.int(1, 30)) }, (_, i) => `${i}`)
      const waitMs = made.take(
        request(users),
        users.map(() => ROW),
        NOW + served,
      )
      if (waitMs !== undefined) await made.flush(NOW + served)
      served += users.length
      batches++
    }
    await made.flush(NOW + all)
    const kept = (await linesOf(objects)).map((line) => JSON.parse(line) as ServedVector)
    const expected = all * share
    // Six deviations of a binomial count.
    expect(Math.abs(kept.length - expected)).toBeLessThan(6 * Math.sqrt(expected))
    for (const { keys } of kept) if (keys.user === '0') firstOfBatch++
    expect(Math.abs(firstOfBatch - batches * share)).toBeLessThan(6 * Math.sqrt(batches * share) + 1)
  },
)

test('the same randomness keeps the same vectors', async () => {
  const kept = await Promise.all(
    [1, 2].map(async () => {
      const { made, objects } = sample({ share: 0.2 }, 14)
      for (let i = 0; i < 200; i++) made.take(request([`u${i}`]), [ROW], NOW)
      await made.flush(NOW)
      return linesOf(objects)
    }),
  )
  expect(kept[0]?.length).toBeGreaterThan(10)
  expect(kept[0]).toEqual(kept[1])
})

test('one who asks is told to write, and again only when all that waited is written, or when he did not', async () => {
  const { made, objects } = sample()
  expect(made.take(request(['a']), [ROW], NOW)).toBe(10_000)
  for (let i = 1; i < 100; i++) expect(made.take(request(['b']), [ROW], NOW + i)).toBeUndefined()
  await made.flush(NOW + 10_000)
  expect(await linesOf(objects)).toHaveLength(100)
  expect(made.take(request(['c']), [ROW], NOW + 11_000)).toBe(10_000)
  // The one who was to write was ended.
  expect(made.take(request(['d']), [ROW], NOW + 20_000)).toBeUndefined()
  expect(made.take(request(['e']), [ROW], NOW + 31_001)).toBe(0)
  await made.flush(NOW + 31_001)
  expect(await linesOf(objects)).toHaveLength(103)
})

test('many leave at once, and what a stuck write holds up is bounded and counted', async () => {
  const { made, objects, problems } = sample()
  const users = Array.from({ length: 1_000 }, (_, i) => `u${i}`)
  expect(
    made.take(
      request(users),
      users.map(() => ROW),
      NOW,
    ),
  ).toBe(0)
  const large = rowOf(`"${'x'.repeat(100_000)}"`)
  for (let i = 0; i < 100; i++) made.take(request(['big']), [large], NOW + i)
  await made.flush(NOW)
  const lines = await linesOf(objects)
  expect(lines.join('').length).toBeLessThan(2.2 * 1024 * 1024)
  expect(lines.length).toBeLessThan(1_100)
  expect(problems).toEqual([
    `the sample of served vectors lost ${1_100 - lines.length}: writes to the bucket take too long`,
  ])
})

test('a bucket that fails costs the sample and nothing else; the definitions are put by the next', async () => {
  const objects = new MemoryObjects()
  let fails = 1
  const { made, problems } = sample({
    objects: {
      put: async (...args) => {
        if (fails-- > 0) throw new Error('R2 is not there')
        return objects.put(...args)
      },
    },
  })
  made.take(request(['a']), [ROW], NOW)
  await made.flush(NOW)
  expect(problems).toEqual(['the sample of served vectors lost 1: R2 is not there'])
  made.take(request(['b']), [ROW], NOW)
  await made.flush(NOW)
  expect(await linesOf(objects)).toHaveLength(1)
  expect(await objects.get(definitionsKey(plan.hash))).toBeDefined()
})
