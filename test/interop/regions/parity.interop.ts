/** Regions whose links are cut and whose processes are killed: what each of them served is what their logs give, bit for bit. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { paint } from '../../../scripts/lib/terminal.ts'
import { openPlaces } from '../../../scripts/parity/logs.ts'
import { reportText } from '../../../scripts/parity/render.ts'
import { runParity } from '../../../scripts/parity/run.ts'
import type { ParityReport } from '../../../src/offline/node/index.ts'
import { random } from '../../support/random.ts'
import { interopFolder } from '../peers.ts'
import { TOKEN } from '../region.ts'
import { SEED, sized } from '../size.ts'
import { THREE } from './app/three.ts'
import { Load, pause } from './load.ts'
import { TestRegions } from './regions.ts'
import { ready, settle } from './settled.ts'
import { TestStores, withStores } from './stores.ts'
import { Truth } from './truth.ts'

const NAMES = ['east', 'west']
const two = withStores(THREE.filter(({ name }) => NAMES.includes(name))).map((region) => ({
  ...region,
  log: { flushMs: 2_000, servedShare: 1 },
}))
const TABLE_FEATURES = ['account_stats.count', 'click_stats.count_1h', 'account_stats.balance', 'click_stats.last_3']
const SPAN = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER / 2 }
const ALL = { service: undefined, sample: 1_000_000, seed: 1 }
const mirrors = join(interopFolder(), 'parity-mirrors')
let stores: TestStores
let regions: TestRegions

beforeAll(async () => {
  console.log(`seed ${SEED}`)
  stores = await TestStores.start(NAMES, join(interopFolder(), 'parity'))
  regions = await TestRegions.start({ names: NAMES, regions: two, stores })
}, 180_000)

afterAll(async () => {
  await regions?.stop()
  await stores?.stop()
})

const span = () => ({ ...SPAN, toMs: Date.now() + 86_400_000 })
const folders = () => NAMES.map((name) => ({ folder: regions.region(name).bucket }))

/** What is in memory is in the bucket after some seconds. */
async function kept(): Promise<void> {
  await pause(13_000)
  for (const name of NAMES) await regions.region(name).call('POST', '/v1/log/flush')
}

function expectAlike(report: ParityReport): void {
  expect(report.mismatches).toEqual([])
  expect(report.vectors).toMatchObject({ mismatched: 0, earlierDefinitions: 0 })
  const { behind, unlogged, definitions, erased, damaged } = report.vectors.skipped
  expect({ behind, unlogged, definitions, erased, damaged }).toEqual({
    behind: 0,
    unlogged: 0,
    definitions: 0,
    erased: 0,
    damaged: 0,
  })
}

test('nothing that two regions served is another by their logs, whatever was cut and killed', async () => {
  const truth = new Truth(NAMES, 1)
  const r = random(SEED)
  const load = new Load(regions, truth, r, 'parity')
  await ready(regions, load)
  const counts = { kills: 0, cuts: 0 }
  // Beside the reads that are held against the truth: rows of the table come and go under their way to the entities.
  const readTables = async (): Promise<void> => {
    while (!load.isEnding) {
      const keys = Array.from({ length: r.int(1, 20) }, () => r.pick(truth.users))
      const options = { maxStalenessMs: r.pick([0, 0, 2_000]) }
      await load.ask(r.pick(NAMES), 'user', keys, options, TABLE_FEATURES).catch(() => {})
      await pause(30)
    }
  }
  const reading = readTables()
  await load.during(
    NAMES,
    async () => {
      for (let round = 0; round < sized(4, 1); round++) {
        await pause(sized(4_000, 2_000))
        const link = r.pick([...regions.allLinks.values()])
        link.cut()
        counts.cuts++
        await pause(1_000)
        link.heal()
        const name = r.pick(NAMES)
        load.downAt.set(name, Number.POSITIVE_INFINITY)
        await regions.region(name).kill()
        counts.kills++
        await pause(300)
        await regions.restart(name)
        load.downAt.set(name, Date.now())
        await pause(sized(4_000, 2_000))
      }
      // What was served since the last death, which takes what it had in memory along, is kept.
      await pause(12_000)
      load.isEnding = true
      await reading
    },
    // Carts of one country have their home in a region that is not here.
    { sources: ['orders'] },
  )
  await settle(regions)
  await kept()
  const report = await runParity(openPlaces(folders()), ALL, span())
  console.log(reportText(report, paint({ isTTY: false })))
  console.log(JSON.stringify({ ...load.counts, ...counts, skipped: report.vectors.skipped }))
  expectAlike(report)
  expect(report.vectors.compared).toBeGreaterThan(sized(1_000, 200))
  expect(report.features.find(({ feature }) => feature === 'account_stats.balance')?.verdicts.same).toBeGreaterThan(
    sized(500, 50),
  )
  expect(report.regions).toEqual(NAMES)

  // The same by way of the ingest Workers, without a folder in sight.
  const at = NAMES.map((name) => ({ at: { url: regions.region(name).ingestUrl, token: TOKEN } }))
  const overHttp = await runParity(openPlaces(at, mirrors), ALL, span())
  expect({ ...overHttp, ranAt: '' }).toEqual({ ...report, ranAt: '', to: overHttp.to })
  // Only one of the logs: vectors that saw the other region say so.
  const east = await runParity(openPlaces(folders().slice(0, 1)), ALL, span())
  expect(east.vectors.mismatched).toBe(0)
  expect(east.vectors.skipped.unlogged).toBeGreaterThan(0)
}, 240_000)

test('a value that was served as another is found', async () => {
  const [{ folder }] = folders() as [{ folder: string }]
  const served = join(folder, 'served/tm_region=east')
  const [day = ''] = readdirSync(served)
  const file = readdirSync(join(served, day))
    .map((name) => join(served, day, name))
    .find((path) => /"campaign_stats.count".*"values":\[\d+,/.test(readFileSync(path, 'utf8')))
  const text = readFileSync(file ?? '', 'utf8')
  writeFileSync(
    file ?? '',
    text.replace(
      /("campaign_stats.count".*?"values":\[)(\d+),/,
      (_all, before, count) => `${before}${Number(count) + 1},`,
    ),
  )
  const report = await runParity(openPlaces(folders()), ALL, span())
  console.log(reportText(report, paint({ isTTY: false })))
  expect(report.vectors.mismatched).toBe(1)
  expect(report.mismatches[0]).toMatchObject({ feature: 'campaign_stats.count', verdict: 'differs', region: 'east' })
}, 60_000)
