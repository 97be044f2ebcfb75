/**
 * `npm run example:flights`: real flights, imported as history and then sent as they leave, and a model of trees beside the one
 * that `npm start` serves. See README.md beside. Ends by itself and leaves nothing running.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { LATE_MINUTES } from '../../features/airport-departures.ts'
import { definitions } from '../../features/index.ts'
import { regions } from '../../regions.ts'
import { byDeparture, FLIGHT_ROWS, type Flight, readFlights, toEvent } from '../../scripts/flights.ts'
import { root } from '../../scripts/lib/paths.ts'
import { run } from '../../scripts/lib/run.ts'
import { bundleWorkers } from '../../scripts/local/bundle.ts'
import { areaUnderCurve } from '../../scripts/train/logistic.ts'
import logistic from '../../workers/inference/delay-model.json' with { type: 'json' }
import { delayProbability } from '../../workers/inference/delay-model.ts'
import { LightGbm } from '../lib/lightgbm.ts'
import { LocalExample } from '../lib/local.ts'
import { type Label, Loop } from '../lib/loop.ts'
import { Report } from '../lib/report.ts'
import { delayRisk } from './app/inputs.ts'

const { values: options } = parseArgs({ options: { quick: { type: 'boolean' }, json: { type: 'boolean' } } })
/** The days that the committed model learned from and was tested on; the short run has too few for that. */
const full = { rows: FLIGHT_ROWS, learnFrom: logistic.train.from, cut: logistic.test.from, oneIn: 8 }
const quick = { rows: 60_000, learnFrom: '2001-01-02T00:00:00Z', cut: '2001-01-04T00:00:00Z', oneIn: 8 }
const { rows, learnFrom, cut, oneIn } = options.quick ? quick : full
const CUT_MS = Date.parse(cut)
/** A flight is asked about at the start of the ten minutes in which it is due. */
const TICK_MS = 10 * 60_000
const settings = { trees: 150, settings: { num_leaves: 31, learning_rate: 0.05, min_data_in_leaf: 100 } }

const report = new Report(options.json === true)
let local: LocalExample | undefined
try {
  await main()
} catch (error) {
  console.error(`example:flights: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
} finally {
  await local?.stop()
}

async function main(): Promise<void> {
  const python = await LightGbm.check((text) => report.say(text))
  const flights = await readFlights(rows)
  const [ingest, lookup] = await bundleWorkers({ workers: ['ingest', 'lookup'] })
  if (ingest === undefined || lookup === undefined) throw new Error('ingest and lookup were not bundled')
  const modules = { ingest: ingest.modules, lookup: lookup.modules }
  local = await LocalExample.start({ regions, folder: 'examples/flights/app', modules })
  const { folder, log } = local
  const loop = new Loop({ definitions, log, folder, lightgbm: new LightGbm(python, folder) })

  report.step(`History: flights that left before ${cut.slice(0, 10)} are imported, each known when it left`)
  const departures = byDeparture(flights)
  report.numbers(
    'import',
    await importHistory(
      local,
      departures.filter(({ departedMs }) => departedMs < CUT_MS),
    ),
  )

  report.step('Training, as served: what had happened, and was known, when each flight was due')
  await local.flushLog()
  const asked = flights.filter(({ id, scheduledMs }) => id % oneIn === 0 && scheduledMs >= Date.parse(learnFrom))
  // Whether a flight was late is known when it left.
  const known = asked.filter(({ departedMs }) => departedMs < CUT_MS).map((flight) => labelOf(flight))
  const { json, trained } = await loop.train(delayRisk, known, settings)
  local.deployModel('delay_risk', json)
  report.numbers('delay_risk learned', { ...trained, kilobytes: Math.round(json.length / 1024) })

  report.step('The days after: flights are sent when they have left, and the model is asked before')
  const live = departures.filter(({ departedMs }) => departedMs >= CUT_MS)
  const served = await replay(
    local,
    live,
    asked.filter(({ scheduledMs }) => scheduledMs >= CUT_MS),
  )
  report.numbers('flights', { sent: live.length, asked: served.length })

  report.step('Afterwards: the training rows of the same flights, by the commits that were served')
  const isKept = local.untilSampleIsKept()
  await local.flushLog()
  const { judged, rows: judgedRows } = await loop.judge(delayRisk, json, served)
  report.numbers('delay_risk', judged)
  const scored = judgedRows.map(({ features }, i) => {
    const { atMs = 0, label = 0 } = served[i] ?? {}
    return { probability: delayProbability(logistic, features, atMs), y: label }
  })
  report.numbers('the committed logistic model on the same rows', { auc: areaUnderCurve(scored) })
  if (options.quick)
    report.say(`  (It learned from ${full.learnFrom.slice(0, 10)} on: only the long run compares the two fairly.)`)

  report.step('Parity: every vector that was served, computed again from the log')
  await isKept
  report.numbers('parity', await loop.parity())
  report.end()
}

function labelOf({ scheduledMs, origin, destination, delay }: Flight): Label {
  const atMs = Math.floor(scheduledMs / TICK_MS) * TICK_MS
  return { atMs, row: { airport: origin, origin, destination }, label: delay > LATE_MINUTES ? 1 : 0 }
}

/** `npx tidemark import`, as for any history. */
async function importHistory({ folder, ingestUrl, token }: LocalExample, flights: readonly Flight[]): Promise<object> {
  const file = join(folder, 'history.ndjson')
  writeFileSync(file, flights.map((flight) => `${JSON.stringify(toEvent(flight))}\n`).join(''))
  const to = ['--source', 'flights', '--known-at', 'event-time+0s', '--url', ingestUrl, '--token', token]
  const command = [join(root, 'scripts', 'tidemark.ts'), 'import', ...to, '--restart', '--json', file]
  const { ok, output } = await run(process.execPath, command)
  const told = output.split('\n').find((line) => line.startsWith('{'))
  if (!ok || told === undefined) throw new Error(`tidemark import failed:\n${output.trim()}`)
  const { accepted, duplicates, refused } = JSON.parse(told) as Readonly<Record<string, number>>
  return { accepted, duplicates, refused }
}

/** Ten minutes at a time: the flights that are due are asked about, then those that left are sent. */
async function replay(local: LocalExample, left: readonly Flight[], due: readonly Flight[]): Promise<Label[]> {
  const tickOf = (ms: number) => Math.floor(ms / TICK_MS)
  const leaving = Map.groupBy(left, ({ departedMs }) => tickOf(departedMs))
  const asking = Map.groupBy(due, ({ scheduledMs }) => tickOf(scheduledMs))
  const asked: Label[] = []
  for (const tick of [...new Set([...leaving.keys(), ...asking.keys()])].sort((a, b) => a - b)) {
    const labels = (asking.get(tick) ?? []).map(labelOf)
    if (labels.length > 0) {
      const request = { at: tick * TICK_MS, rows: labels.map(({ row }) => row) }
      const predictions = await local.predict('delay_risk', request)
      for (const [i, served] of predictions.entries()) {
        const label = labels[i]
        if (label !== undefined) asked.push({ ...label, served })
      }
    }
    const events = leaving.get(tick) ?? []
    if (events.length > 0) await local.send('flights', events.map(toEvent))
  }
  return asked
}
