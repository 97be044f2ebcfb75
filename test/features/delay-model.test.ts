import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { delayRisk } from '../../features/services.ts'
import { root } from '../../scripts/lib/paths.ts'
import { areaUnderCurve, fitLogistic } from '../../scripts/train/logistic.ts'
import { learnedFeatures } from '../../scripts/train/model.ts'
import { TRAINING, type TrainedModel, trainDelayModel } from '../../scripts/train-delay-model.ts'
import { type DelayModel, delayProbability, hourTerms } from '../../workers/inference/delay-model.ts'

const committed: TrainedModel = JSON.parse(readFileSync(join(root, 'workers/inference/delay-model.json'), 'utf8'))

test('the committed model knows the features of the service it asks, in their order', () => {
  expect(committed.service).toBe(`${delayRisk.spec.name}@${delayRisk.spec.version}`)
  expect(committed.inputs.map(({ feature }) => feature)).toEqual(learnedFeatures().map(({ name }) => name))
  const served = delayRisk.spec.features.map((full) => full.split('.')[1])
  const notLearned = served.filter((name) => !committed.inputs.some(({ feature }) => feature === name))
  expect(notLearned).toEqual(['departures_ever', 'last_destination', 'last_inbound_origin', 'route_flights_ever'])
})

test('the committed model says how it was made, and beats the base rate on days after its training', () => {
  expect(committed).toMatchObject({ rows: TRAINING.rows, seed: TRAINING.seed, script: 'scripts/train-delay-model.ts' })
  expect(committed.train.before).toBe(committed.test.from)
  expect(committed.test.auc).toBeGreaterThan(0.7)
  expect(committed.test.auc).toBeLessThan(0.9)
  expect(committed.test.logLoss).toBeLessThan(committed.test.logLossOfBaseRate)
})

test('training again gives the same bytes', { timeout: 60_000 }, async () => {
  const slice = {
    rows: 12_000,
    seed: 7,
    oneIn: 3,
    learnFrom: '2001-01-01T08:00:00.000Z',
    testFrom: '2001-01-01T17:00:00.000Z',
  }
  const [first, second] = [await trainDelayModel(slice), await trainDelayModel(slice)]
  expect(JSON.stringify(second)).toBe(JSON.stringify(first))
  expect(first.train.flights).toBeGreaterThan(500)
  expect(first.test.flights).toBeGreaterThan(500)
  const otherSeed = await trainDelayModel({ ...slice, seed: 8 })
  expect(otherSeed.bias).not.toBe(first.bias)
})

test('a probability computed by hand', () => {
  const model: DelayModel = {
    service: 'delay_risk@1',
    inputs: [
      { feature: 'late_share_1h', log: false, mean: 0.2, scale: 0.1, weight: 0.5, whenNull: -1 },
      { feature: 'delay_avg_1h', log: true, mean: 0, scale: 2, weight: 1, whenNull: 0.25 },
    ],
    hour: [0, 2, 0, 0, 0, 0],
    bias: -3,
  }
  // Midnight: cos 0 = 1, so the hour adds 2. A share of 0.4 is two scales above its mean: 1. e - 1 minutes early: -1/2.
  const logit = -3 + 2 + 1 - 0.5
  const midnight = Date.UTC(2001, 0, 5)
  expect(delayProbability(model, { late_share_1h: 0.4, delay_avg_1h: 1 - Math.E }, midnight)).toBeCloseTo(
    1 / (1 + Math.exp(-logit)),
    12,
  )
  expect(delayProbability(model, { late_share_1h: null, delay_avg_1h: null }, midnight)).toBeCloseTo(
    1 / (1 + Math.exp(1.75)),
    12,
  )
})

test('the hour of the day has no seam at midnight', () => {
  const before = hourTerms(Date.UTC(2001, 0, 5) - 1)
  const after = hourTerms(Date.UTC(2001, 0, 5))
  before.forEach((term, i) => expect(term).toBeCloseTo(after[i] ?? Number.NaN, 4))
})

test('the fit finds the rate of each group, and the area under the curve counts pairs', () => {
  const group = (x: number, late: number, onTime: number) => [
    ...Array.from({ length: late }, () => ({ x: Float64Array.of(x, 1), y: 1 })),
    ...Array.from({ length: onTime }, () => ({ x: Float64Array.of(x, 1), y: 0 })),
  ]
  const [slope = 0, bias = 0] = fitLogistic([...group(0, 20_000, 80_000), ...group(1, 60_000, 40_000)])
  // Log odds of 0.2 and 0.6; the ridge holds the slope back by less than a hundredth.
  expect(bias).toBeCloseTo(Math.log(0.25), 1)
  expect(bias + slope).toBeCloseTo(Math.log(1.5), 1)
  const scored = [0.1, 0.4, 0.4, 0.8].map((probability, i) => ({ probability, y: i === 1 || i === 3 ? 1 : 0 }))
  // Of the four pairs (late, on time) three are right and one is a tie.
  expect(areaUnderCurve(scored)).toBe(3.5 / 4)
})
