/** Three regions with stores of their own, cut, slowed and killed: a read is the truth of what it names, and at last of all. */
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { random } from '../../support/random.ts'
import { shuffled } from '../../support/streams.ts'
import { interopFolder } from '../peers.ts'
import { SEED, sized } from '../size.ts'
import { Load, pause } from './load.ts'
import { TestRegions, THREE } from './regions.ts'
import { expectFromShards, expectFromStores, expectInSql, published, settle } from './settled.ts'
import { TestStores, withStores } from './stores.ts'
import { Truth } from './truth.ts'

const NAMES = ['east', 'west', 'south']
const SEEDS = Array.from({ length: sized(5, 1) }, (_, i) => SEED + i)
const HURT_MS = sized(700, 250)
let stores: TestStores
let regions: TestRegions

beforeAll(async () => {
  stores = await TestStores.start(NAMES, join(interopFolder(), 'copies'))
  regions = await TestRegions.start({ names: NAMES, regions: withStores(THREE), stores })
}, 180_000)

afterAll(async () => {
  await regions?.stop()
  await stores?.stop()
})

test.each(SEEDS)(
  'whatever is cut, lost, repeated and killed, seed %i',
  async (seed) => {
    // The state of one run is where the next one begins.
    const truth = new Truth(NAMES, seed)
    const r = random(seed)
    const load = new Load(regions, truth, r, `${seed}`)
    const counts = { cuts: 0, kills: 0, storeKills: 0 }
    let away = 0
    load.isHurt = () => away > 0

    const hurt = async (cut: () => void | Promise<void>, heal: () => void | Promise<void>) => {
      away++
      await cut()
      await pause(r.int(HURT_MS, 3 * HURT_MS))
      await heal()
      away--
    }
    const aLink = () => r.pick([...regions.allLinks.values()])
    const cut = () => {
      const link = aLink()
      counts.cuts++
      return hurt(
        () => link.cut(),
        () => link.heal(),
      )
    }
    const cutOff = () => {
      const links = regions.around(r.pick(NAMES))
      counts.cuts += links.length
      return hurt(
        () => links.forEach((link) => link.cut()),
        () => links.forEach((link) => link.heal()),
      )
    }
    const suffer = () => {
      const link = aLink()
      const faults = { repeatEvery: r.int(2, 3), loseEvery: r.int(2, 5), delayMs: r.int(0, 100) }
      return hurt(
        () => link.suffer(faults),
        () => link.heal(),
      )
    }
    // No answer at all is worse than a refusal: everyone waits.
    const hang = () => {
      const link = aLink()
      return hurt(
        () => link.suffer({ delayMs: 5_000 }),
        () => link.heal(),
      )
    }
    const killRegion = () => {
      const name = r.pick(NAMES)
      counts.kills++
      return hurt(
        async () => {
          load.downAt.set(name, Number.POSITIVE_INFINITY)
          await regions.region(name).kill()
        },
        async () => {
          await regions.restart(name)
          load.downAt.set(name, Date.now())
        },
      )
    }
    const killStore = (kind: string) => () => {
      const store = stores.store(`${r.pick(NAMES)}/${kind}`)
      counts.storeKills++
      return hurt(
        () => store.kill(),
        () => store.restart(),
      )
    }

    const troubles = async () => {
      for (let round = 0; round < sized(3, 1); round++) {
        const all = [cut, cut, cutOff, suffer, suffer, hang, killRegion, killStore('near'), killStore('sql')]
        const [some, others] = [shuffled(r, all), shuffled(r, [cut, cutOff, suffer])]
        // Two at a time, never two that start and end the same process.
        await Promise.all([
          (async () => {
            for (const trouble of some) if (!load.isEnding) await trouble()
          })(),
          (async () => {
            for (const trouble of others) if (!load.isEnding) await trouble()
          })(),
        ])
      }
    }
    await load.during(NAMES, troubles)
    regions.healAll()
    await settle(regions)
    await expectFromShards(regions, load, truth)
    await published(regions)
    for (const name of NAMES) {
      await regions.region(name).kill()
      await regions.restart(name)
    }
    await expectFromStores(regions, load, truth)
    await expectInSql(regions, stores, truth)
    console.log(`seed ${seed}: ${truth.events} events; ${JSON.stringify({ ...load.counts, ...counts })}`)
    for (const count of [load.counts.cutReads, load.counts.isolate, load.counts.store, load.counts.shard])
      expect(count).toBeGreaterThan(0)
  },
  240_000,
)
