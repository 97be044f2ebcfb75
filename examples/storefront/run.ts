/**
 * `npm run example:storefront`: a shop of some days, from its first event to two models that are served. See README.md beside.
 * Ends by itself and leaves nothing running.
 */
import { parseArgs } from 'node:util'
import { LightGbm } from '../lib/lightgbm.ts'
import { LocalExample } from '../lib/local.ts'
import { type Label, Loop } from '../lib/loop.ts'
import { Report } from '../lib/report.ts'
import { app, regions } from './app/app.ts'
import { fraud, recommend } from './app/inputs.ts'
import { DAY_MS, generate, type Question, START_MS } from './generate.ts'
import { replay } from './replay.ts'

const { values: options } = parseArgs({ options: { quick: { type: 'boolean' }, json: { type: 'boolean' } } })
const SEED = 7
const size = options.quick ? { days: 3, users: 300, products: 80 } : { days: 6, users: 500, products: 150 }
/** Models learn before it, and predict after it. */
const CUT_MS = START_MS + size.days * 0.6 * DAY_MS
const models = { recommend, fraud }
const settings = { trees: 60, settings: { num_leaves: 15, learning_rate: 0.1, min_data_in_leaf: 20 } }
const names = ['recommend', 'fraud'] as const

const report = new Report(options.json === true)
let local: LocalExample | undefined
try {
  await main()
} catch (error) {
  console.error(`example:storefront: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
} finally {
  await local?.stop()
}

async function main(): Promise<void> {
  const python = await LightGbm.check((text) => report.say(text))
  const { arrivals, questions } = generate({ seed: SEED, ...size })
  report.say(
    `Generated (seed ${SEED}): ${size.days} days of a shop with ${size.users} users and ${size.products} products.`,
  )
  local = await LocalExample.start({ regions, folder: 'examples/storefront/app' })
  const { folder, log } = local
  const loop = new Loop({ definitions: app.definitions, log, folder, lightgbm: new LightGbm(python, folder) })

  report.step('Before the models: traffic comes in, and each question to a model notes what its vector had seen')
  const before = (atMs: number) => atMs < CUT_MS
  const first = await replay(
    local,
    arrivals.filter(({ atMs }) => before(atMs)),
    questions.filter(({ atMs }) => before(atMs)),
  )
  report.numbers('events', first.counts)

  report.step('Training, from the log, with outcomes that were known by then')
  await local.flushLog()
  const jsons: Record<string, string> = {}
  for (const name of names) {
    const known = labelsOf(first.asked, name, CUT_MS)
    const { json, trained } = await loop.train(models[name], known, settings)
    local.deployModel(name, json)
    jsons[name] = json
    report.numbers(`${name} learned`, { ...trained, kilobytes: Math.round(json.length / 1024) })
  }

  report.step('The days after: the models answer while traffic goes on')
  const second = await replay(
    local,
    arrivals.filter(({ atMs }) => !before(atMs)),
    questions.filter(({ atMs }) => !before(atMs)),
  )
  report.numbers('events', second.counts)

  report.step('Afterwards: the training rows of the same questions, by the commits that were served')
  const isKept = local.untilSampleIsKept()
  await local.flushLog()
  for (const name of names) {
    const { judged } = await loop.judge(models[name], jsons[name] ?? '', labelsOf(second.asked, name, Infinity))
    report.numbers(name, judged)
  }

  report.step('Parity: every vector that was served, computed again from the log')
  await isKept
  report.numbers('parity', await loop.parity())
  report.end()
}

function labelsOf(
  asked: readonly (Question & Label)[],
  name: Question['model'],
  knownMs: number,
): (Question & Label)[] {
  return asked.filter((one) => one.model === name && one.knownMs <= knownMs)
}
