/**
 * `npm run train:model`: trains the model "this flight leaves more than 15 minutes late" and writes
 * workers/inference/delay-model.json. The same rows and seed give the same bytes.
 *
 * Split in time, never at random: flights of one afternoon share one snowstorm, so a random split would test the model
 * on what it has learned by heart.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DelayModel } from '../workers/inference/delay-model.ts'
import { FLIGHT_ROWS, type Flight, readFlights } from './flights.ts'
import { root } from './lib/paths.ts'
import { examplesOf } from './train/examples.ts'
import { baseRate, fitModel, type Score, scoreModel } from './train/model.ts'

/** What the committed model was trained with. */
export const TRAINING = {
  rows: FLIGHT_ROWS,
  seed: 20010101,
  /** One flight in so many is an example; every one is an event. */
  oneIn: 2,
  /** Before it the windows of 7 days are still filling: a model would learn the date from them. */
  learnFrom: '2001-01-08T00:00:00.000Z',
  testFrom: '2001-01-14T00:00:00.000Z',
} as const

export type Training = { readonly [K in keyof typeof TRAINING]: (typeof TRAINING)[K] extends number ? number : string }

interface Period {
  readonly from: string
  readonly before: string
}

/** delay-model.json: the model, how it was made, and how good it is. */
export interface TrainedModel extends DelayModel {
  readonly about: string
  readonly script: string
  readonly seed: number
  readonly rows: number
  readonly oneIn: number
  readonly train: Period & { readonly flights: number; readonly baseRate: number }
  readonly test: Period & Score
}

/** Trains on the flights before `testFrom`, and scores on those after it. */
export async function trainDelayModel(training: Training = TRAINING): Promise<TrainedModel> {
  const flights = await readFlights(training.rows)
  const fromMs = Date.parse(training.learnFrom)
  const testFromMs = Date.parse(training.testFrom)
  const chosen = ({ id }: Flight) => mix(id ^ training.seed) % training.oneIn === 0
  const examples = await examplesOf(flights, { fromMs, chosen })
  const train = examples.filter(({ scheduledMs }) => scheduledMs < testFromMs)
  const test = examples.filter(({ scheduledMs }) => scheduledMs >= testFromMs)
  if (train.length === 0 || test.length === 0)
    throw new Error('No flights to train on, or none to test on: check the times.')
  const model = fitModel(train)
  const trainRate = baseRate(train)
  const end = new Date((flights.at(-1)?.scheduledMs ?? 0) + 1).toISOString()
  return {
    about: 'Probability that a flight leaves more than 15 minutes late. Logistic regression; written by its script.',
    script: 'scripts/train-delay-model.ts',
    seed: training.seed,
    rows: training.rows,
    oneIn: training.oneIn,
    train: {
      from: training.learnFrom,
      before: training.testFrom,
      flights: train.length,
      baseRate: Number(trainRate.toPrecision(6)),
    },
    test: { from: training.testFrom, before: end, ...scoreModel(model, test, trainRate) },
    ...model,
  }
}

/** Scrambles an integer (the finaliser of MurmurHash3): which flights are examples does not depend on their order. */
function mix(value: number): number {
  let h = value | 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

if (import.meta.main) {
  const startedMs = Date.now()
  console.log(`Replaying ${TRAINING.rows} flights; a vector for one in ${TRAINING.oneIn}. This takes about 20 s.`)
  const model = await trainDelayModel()
  const file = 'workers/inference/delay-model.json'
  writeFileSync(join(root, file), fileText(model))
  const { train, test } = model
  console.log(`Trained on ${train.flights} flights before ${train.before}, tested on ${test.flights} after it.`)
  console.log(
    `  late: ${percent(test.baseRate)} of the flights tested (${percent(train.baseRate)} of those learned from)`,
  )
  console.log(`  AUC: ${test.auc.toFixed(3)} (0.5 is guessing)`)
  console.log(
    `  log loss: ${test.logLoss.toFixed(4)} (${test.logLossOfBaseRate.toFixed(4)} for the base rate every time)`,
  )
  console.log(`Wrote ${file} in ${((Date.now() - startedMs) / 1000).toFixed(1)} s.`)
}

/** As the formatter of the house writes it: a list of numbers on one line. */
function fileText(model: TrainedModel): string {
  const text = JSON.stringify(model, null, 2)
  return `${text.replace(/\[\s+([-\d.,\s]+?)\s+\]/g, (_all, list: string) => `[${list.split(/,\s+/).join(', ')}]`)}\n`
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}
