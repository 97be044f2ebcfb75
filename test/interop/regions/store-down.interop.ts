/** A store that is away, hangs, or comes back empty; and reads that must see a commit, whichever tier and region answers. */
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { random } from '../../support/random.ts'
import { interopFolder } from '../peers.ts'
import { SEED, sized } from '../size.ts'
import { THREE } from './app/three.ts'
import { Load, pause } from './load.ts'
import { TestRegions } from './regions.ts'
import { expectFromShards, expectFromStores, expectInSql, published, ready, settle, storesOf } from './settled.ts'
import { TestStores, withStores } from './stores.ts'
import { type Row, Truth } from './truth.ts'

const NAMES = ['east', 'west']
const DOWN_MS = sized(60_000, 8_000)
let stores: TestStores
let regions: TestRegions

beforeAll(async () => {
  console.log(`seed ${SEED}`)
  stores = await TestStores.start(NAMES, join(interopFolder(), 'store-down'))
  const two = withStores(THREE.filter(({ name }) => NAMES.includes(name)))
  regions = await TestRegions.start({ names: NAMES, regions: two, stores })
}, 180_000)

beforeEach(() => regions.healAll())

afterAll(async () => {
  await regions?.stop()
  await stores?.stop()
})

const newLoad = (truth: Truth, name: string) => new Load(regions, truth, random(SEED), name)

/** What everything comes to when all is well again. */
async function expectAll(load: Load, truth: Truth): Promise<void> {
  await settle(regions)
  await expectFromShards(regions, load, truth)
  await published(regions)
  for (const name of NAMES) {
    await regions.region(name).kill()
    await regions.restart(name)
  }
  await expectFromStores(regions, load, truth)
  await expectInSql(regions, stores, truth)
}

const tiersOf = (rows: readonly Row[]) => new Set(rows.flatMap(({ parts }) => parts.map(({ tier }) => tier)))

test(`a Redis is away for ${DOWN_MS / 1_000} s under load: other tiers answer, and it has everything after its return`, async () => {
  const truth = new Truth(NAMES, 1)
  const load = newLoad(truth, 'down')
  const store = stores.store('west/near')
  await ready(regions, load)
  let waiting = 0
  let fromOther = 0
  await load.during(
    NAMES,
    async () => {
      await pause(500)
      await store.kill()
      load.isHurt = () => true
      const untilMs = Date.now() + DOWN_MS
      while (Date.now() < untilMs && !load.isEnding) {
        await pause(500)
        // What nothing in this isolate knows: from the other store of the region, or the shard where that takes too long.
        const [row] = await load.rows('west', 'buyer', [`nobody-${Date.now()}`], { maxStalenessMs: 60_000 })
        if (row?.parts[0]?.tier === 'store') fromOther++
        else expect(row?.parts[0]?.tier).toBe('shard')
      }
      const [told] = (await storesOf(regions, 'east')).filter((one) => one.store === 'west/near')
      expect(told?.problems.join()).toContain('west/near')
      waiting = told?.waiting ?? 0
      expect(waiting).toBeGreaterThan(0)
      await store.restart()
    },
    { pauseMs: 40 },
  )
  expect(load.counts.partial).toBe(0)
  expect(fromOther).toBeGreaterThan(0)
  await expectAll(load, truth)
  console.log(`Redis away: ${truth.events} events, ${waiting} batches waited, ${JSON.stringify(load.counts)}`)
}, 240_000)

test('a store that comes back empty is found out and filled again, and until then nothing is taken for not there', async () => {
  const truth = new Truth(NAMES, 2)
  const load = newLoad(truth, 'empty')
  await ready(regions, load)
  await load.during(
    NAMES,
    async () => {
      for (const name of ['west/near', 'west/sql']) {
        await pause(sized(3_000, 1_000))
        await stores.store(name).kill()
        await stores.store(name).restartEmpty()
      }
      await pause(sized(3_000, 1_000))
    },
    { pauseMs: 40 },
  )
  expect(load.counts.partial).toBe(0)
  // Every store has a head of every shard again, or it would be the shards that answer.
  await ready(regions, load)
  await expectAll(load, truth)
}, 240_000)

test('a read with "after" sees the commit of another region, or says that it has not been seen', async () => {
  const truth = new Truth(NAMES, 4)
  const load = newLoad(truth, 'after')
  await ready(regions, load)
  const counts = { seen: 0, notSeen: 0 }
  /** Whether it was seen; then the value is the one with it. */
  const isSeen = async (after: readonly string[], maxStalenessMs: number): Promise<boolean> => {
    const { status, body } = await load.ask('west', 'user', ['ada'], { maxStalenessMs, after })
    const said = JSON.stringify(body)
    if (status === 200) expect(body.rows?.[0]?.values[0], said).toBe(truth.total('click_stats', 'ada')[0])
    else expect([status, body.code], said).toEqual([503, 'commit_not_seen'])
    counts[status === 200 ? 'seen' : 'notSeen']++
    return status === 200
  }
  const ways = [regions.link('west', 'east'), regions.link('east', 'west/near'), regions.link('east', 'west/sql')]
  const fromWest = ['east', 'east/near', 'east/sql', 'west/near', 'west/sql'].map((to) => regions.link('west', to))
  for (let n = 0; n < sized(60, 12); n++) {
    // Everything is well, only the copies come, nothing comes; or nobody can be asked at all.
    const how = n % 4
    if (how === 0) regions.healAll()
    if (how === 1) ways[0]?.cut()
    if (how === 2) for (const way of ways) way.cut()
    if (how === 3) for (const way of fromWest) way.cut()
    const after = (await load.send('clicks', 'east', ['ada'])).filter((commit) => commit.startsWith('east/user/'))
    for (const maxStalenessMs of [60_000, 0, 1_000]) await isSeen(after, maxStalenessMs)
    // It is there once the copies have had their time, or the region is asked again that had not answered.
    if (how > 1) continue
    for (const maxStalenessMs of [60_000, 1_000, 0])
      await expect.poll(() => isSeen(after, maxStalenessMs), { timeout: 30_000, interval: 100 }).toBe(true)
  }
  console.log(`reads with "after": ${JSON.stringify(counts)}`)
  expect(counts.seen).toBeGreaterThan(0)
  expect(counts.notSeen).toBeGreaterThan(0)
}, 120_000)

test('what one region keeps is read in another that is cut off from it, from its own store, with its age', async () => {
  const truth = new Truth(NAMES, 5)
  const load = newLoad(truth, 'cut')
  await ready(regions, load)
  await load.send('orders', 'east', ['eve'])
  await published(regions)
  await regions.region('west').kill()
  await regions.restart('west')
  regions.link('west', 'east').cut()
  const [want] = truth.total('buyer_stats', 'eve')
  const read = async (maxStalenessMs: number) => (await load.rows('west', 'buyer', ['eve'], { maxStalenessMs }))[0]
  for (const maxStalenessMs of [0, 1_000, 60_000, 0]) {
    const row = await read(maxStalenessMs)
    expect(row).toMatchObject({ values: [want, expect.anything()], status: ['present', 'present'] })
    expect(row?.parts).toMatchObject([{ region: 'east', ageMs: expect.any(Number) }])
  }
  // What has been read does not stand in for what the store is told since.
  await load.send('orders', 'east', ['eve'])
  const [more] = truth.total('buyer_stats', 'eve')
  await expect.poll(async () => (await read(0))?.values[0], { timeout: 10_000, interval: 100 }).toBe(more)
  // A store that was emptied is no reason to lack what the other one has.
  await stores.store('west/near').kill()
  regions.link('east', 'west/near').cut()
  regions.link('west', 'west/near').cut()
  await stores.store('west/near').restartEmpty()
  await regions.region('west').kill()
  await regions.restart('west')
  regions.link('west', 'west/near').heal()
  for (const to of ['east/near', 'east/sql']) regions.link('west', to).cut()
  for (const maxStalenessMs of [60_000, 0]) expect((await read(maxStalenessMs))?.values[0]).toBe(more)
  expect([...tiersOf([(await read(60_000)) as Row])]).toEqual(['isolate'])
}, 120_000)

test('a store that hangs keeps nobody waiting who does not need it: the others are told of what changes', async () => {
  const truth = new Truth(NAMES, 3)
  const load = newLoad(truth, 'hang')
  await ready(regions, load)
  regions.link('east', 'west/near').suffer({ delayMs: 30_000 })
  // By then a sign of life is on its way there.
  await pause(2_000)
  const { sql } = stores.store('west/sql')
  const told = async () => {
    const { rows } = await sql.execute(
      `select features ->> '$."click_stats.count"' as clicks from tidemark_features
       where entity = 'user' and region = 'east' and key = 'hung'`,
    )
    return Number(rows[0]?.clicks ?? 0)
  }
  for (let n = 0; n < 12; n++) {
    await load.send('clicks', 'east', ['hung'])
    await expect.poll(told, { timeout: 4_000, interval: 50 }).toBe(truth.total('click_stats', 'hung', 'east')[0])
  }
}, 60_000)
