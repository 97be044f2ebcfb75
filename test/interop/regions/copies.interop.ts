/** Three regions with stores of their own, cut, slowed and killed: a read is the truth of what it names, and at last of all. */
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { random } from '../../support/random.ts'
import { shuffled } from '../../support/streams.ts'
import { interopFolder } from '../peers.ts'
import { SEED, sized } from '../size.ts'
import { THREE } from './app/three.ts'
import { Load, pause } from './load.ts'
import { TestRegions } from './regions.ts'
import { expectFromShards, expectFromStores, expectInSql, published, ready, settle } from './settled.ts'
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

test('an event is in the store of another region a flush after its 202, and what is read there has it', async () => {
  const truth = new Truth(NAMES, SEED - 1)
  const load = new Load(regions, truth, random(SEED), 'fresh')
  await ready(regions, load)
  const tookMs: number[] = []
  for (let n = 0; n < sized(100, 8); n++) {
    const [from, to] = shuffled(random(SEED + n), NAMES) as [string, string]
    const user = `fresh${n}`
    const after = (await load.send('clicks', from, [user])).filter((commit) => commit.includes('/user/'))
    const fromMs = performance.now()
    const { sql } = stores.store(`${to}/sql`)
    const args = [user, from]
    const there = () =>
      sql
        .execute({ sql: 'select 1 from tidemark_features where key = ? and region = ?', args })
        .then((all) => all.rows.length)
    await expect.poll(there, { timeout: 20_000, interval: 5 }).toBe(1)
    tookMs.push(performance.now() - fromMs)
    const [row] = await load.rows(to, 'user', [user], { maxStalenessMs: 60_000, after })
    expect(row?.values[0]).toBe(truth.total('click_stats', user)[0])
  }
  tookMs.sort((a, b) => a - b)
  const at = (share: number) => Math.round(tookMs[Math.floor(share * (tookMs.length - 1))] as number)
  console.log(
    `from the 202 to the row in another region's libSQL: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms of ${tookMs.length}`,
  )
}, 240_000)

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
    load.tookMs.sort((a, b) => a - b)
    const [half, most] = [0.5, 0.99].map((share) => load.tookMs[Math.floor(share * (load.tookMs.length - 1))])
    const all = JSON.stringify({ ...load.counts, ...counts })
    console.log(`seed ${seed}: ${truth.events} events; ${all}; reads took ${half} ms at p50, ${most} ms at p99`)
    for (const count of [load.counts.cutReads, load.counts.isolate, load.counts.store, load.counts.shard])
      expect(count).toBeGreaterThan(0)
  },
  240_000,
)
