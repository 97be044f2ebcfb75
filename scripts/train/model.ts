/** From examples to a model: which inputs there are, how they are scaled, and how good the result is on later days. */
import { definitions } from '../../features/index.ts'
import { delayRisk } from '../../features/services.ts'
import { type DelayModel, delayProbability, hourTerms, numberOf } from '../../workers/inference/delay-model.ts'
import type { Example } from './examples.ts'
import { areaUnderCurve, fitLogistic, logLoss, type Sample } from './logistic.ts'

/**
 * What the model learns from, in the order of the service. Not from texts (`last_destination`), and not from counts over
 * the lifetime: they only grow, so on a later day they lie outside of everything that was learned.
 */
export function learnedFeatures(): { name: string; log: boolean }[] {
  return delayRisk.spec.features.flatMap((full) => {
    const [view, name = ''] = full.split('.')
    const spec = definitions.spec.views.find((v) => v.name === view)?.features.find((f) => f.name === name)
    if (spec === undefined) throw new Error(`The service names ${full}, which no view has.`)
    if (spec.aggregate === 'latest' && isText(view, spec.field)) return []
    if (spec.aggregate === 'count' && spec.window.kind === 'lifetime') return []
    return [{ name, log: spec.aggregate !== 'rate' }]
  })
}

function isText(view: string | undefined, field: string | undefined): boolean {
  const source = definitions.spec.views.find((v) => v.name === view)?.source
  const fields = definitions.spec.sources.find((s) => s.name === source)?.fields
  return fields?.find((f) => f.name === field)?.type === 'string'
}

interface Scaled {
  readonly feature: string
  readonly log: boolean
  readonly mean: number
  readonly scale: number
}

/** Fits a model to examples. Rounded to 6 digits: more would only say how this machine rounds. */
export function fitModel(examples: readonly Example[]): DelayModel {
  const scaled = learnedFeatures().map(({ name, log }) => scaleOf(name, log, examples))
  const samples = examples.map((example): Sample => ({ x: columns(scaled, example), y: example.y }))
  const weights = [...fitLogistic(samples)].map(rounded)
  const of = (i: number) => weights[i] ?? 0
  const n = scaled.length
  return {
    service: `${delayRisk.spec.name}@${delayRisk.spec.version}`,
    inputs: scaled.map((input, i) => ({ ...input, weight: of(2 * i), whenNull: of(2 * i + 1) })),
    hour: weights.slice(2 * n, -1),
    bias: of(weights.length - 1),
  }
}

function scaleOf(feature: string, log: boolean, examples: readonly Example[]): Scaled {
  const values = examples.flatMap(({ features }) => numberOf(features[feature], log) ?? [])
  const mean = values.reduce((sum, v) => sum + v, 0) / Math.max(values.length, 1)
  const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / Math.max(values.length, 1)
  // A feature that never varies is divided by 1: it is 0 everywhere and learns nothing.
  return { feature, log, mean: rounded(mean), scale: rounded(Math.sqrt(variance)) || 1 }
}

/** Two columns a feature (its value, whether it is null), the hour, and the constant. */
function columns(scaled: readonly Scaled[], { features, scheduledMs }: Example): Float64Array {
  const x = scaled.flatMap(({ feature, log, mean, scale }) => {
    const value = numberOf(features[feature], log)
    return value === undefined ? [0, 1] : [(value - mean) / scale, 0]
  })
  return Float64Array.from([...x, ...hourTerms(scheduledMs), 1])
}

export interface Score {
  readonly flights: number
  /** The share that was late: what a model that knows nothing would say. */
  readonly baseRate: number
  readonly auc: number
  readonly logLoss: number
  /** Of saying the base rate of the training period every time. */
  readonly logLossOfBaseRate: number
}

/** How good a model is on these examples, through the very function that the Worker predicts with. */
export function scoreModel(model: DelayModel, examples: readonly Example[], trainBaseRate: number): Score {
  const scored = examples.map(({ features, scheduledMs, y }) => ({
    probability: delayProbability(model, features, scheduledMs),
    y,
  }))
  return {
    flights: examples.length,
    baseRate: rounded(baseRate(examples)),
    auc: rounded(areaUnderCurve(scored)),
    logLoss: rounded(logLoss(scored)),
    logLossOfBaseRate: rounded(logLoss(scored.map(({ y }) => ({ probability: trainBaseRate, y })))),
  }
}

export function baseRate(examples: readonly Example[]): number {
  return examples.reduce((sum, { y }) => sum + y, 0) / Math.max(examples.length, 1)
}

function rounded(value: number): number {
  return Number(value.toPrecision(6))
}
