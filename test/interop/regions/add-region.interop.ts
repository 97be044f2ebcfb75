/** A region is added while others serve: it serves at once, its stores fill, nothing is lost or counted twice. */
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { random } from '../../support/random.ts'
import { interopFolder } from '../peers.ts'
import { SEED, sized } from '../size.ts'
import { THREE } from './app/three.ts'
import { Load, pause } from './load.ts'
import { TestRegions } from './regions.ts'
import { expectFromShards, expectFromStores, expectInSql, published, settle } from './settled.ts'
import { TestStores, withStores } from './stores.ts'
import { Truth } from './truth.ts'

const NAMES = ['east', 'west', 'south']
const FIRST = ['east', 'west']
const three = withStores(THREE)
const two = three.filter(({ name }) => FIRST.includes(name))
let stores: TestStores
let regions: TestRegions

beforeAll(async () => {
  console.log(`seed ${SEED}`)
  stores = await TestStores.start(NAMES, join(interopFolder(), 'add-region'))
  regions = await TestRegions.start({ names: NAMES, running: FIRST, regions: two, stores })
}, 180_000)

afterAll(async () => {
  await regions?.stop()
  await stores?.stop()
})

test('a third region, deployed under load', async () => {
  const truth = new Truth(NAMES)
  const load = new Load(regions, truth, random(SEED), 'add')
  const inSouth = new Load(regions, truth, random(SEED + 1), 'added')
  const someMs = sized(5_000, 1_500)
  await load.during(
    FIRST,
    async () => {
      await pause(someMs)
      expect((await load.rows('east', 'user', truth.users, { maxStalenessMs: 0 }))[0]?.parts).toHaveLength(2)
      // While each is started again it may say nothing.
      for (const name of NAMES) load.downAt.set(name, Number.POSITIVE_INFINITY)
      await regions.deploy(three)
      for (const name of NAMES) load.downAt.set(name, Date.now())
      // It answers with the parts of all from the first request on.
      const [row] = await load.rows('south', 'user', truth.users, { maxStalenessMs: 60_000 })
      expect(row?.parts.map(({ region }) => region).sort()).toEqual([...NAMES].sort())
      await inSouth.during(['south'], () => pause(someMs), { pauseMs: 40 })
    },
    // Carts of one country move to the new region: their sender waits until it is there.
    { pauseMs: 40, sources: ['orders'] },
  )

  await settle(regions)
  await expectFromShards(regions, load, truth)
  await published(regions)
  for (const name of NAMES) {
    await regions.region(name).kill()
    await regions.restart(name)
  }
  await expectFromStores(regions, load, truth)
  await expectInSql(regions, stores, truth)
  console.log(
    `${truth.events} events; ${JSON.stringify(load.counts)}; in the new region ${JSON.stringify(inSouth.counts)}`,
  )
}, 240_000)
