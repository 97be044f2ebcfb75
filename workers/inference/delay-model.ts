/** The delay model: a vector in, a probability out. Pure, and used by the training script as well: one way to read a vector. */

/** What the model makes of one feature of the service. */
export interface ModelInput {
  readonly feature: string
  /** Counts and minutes have long tails: of them the logarithm is taken (with their sign); shares are left alone. */
  readonly log: boolean
  /** Over the training set, after the logarithm and without the nulls. */
  readonly mean: number
  readonly scale: number
  readonly weight: number
  /** Added when the feature is null; its standardised value is then 0. */
  readonly whenNull: number
}

/** The part of delay-model.json that predicting needs. */
export interface DelayModel {
  readonly service: string
  readonly inputs: readonly ModelInput[]
  /** Weights of {@link hourTerms}. */
  readonly hour: readonly number[]
  readonly bias: number
}

/** Feature values by name, as a lookup gives them. */
export type FeatureValues = Readonly<Record<string, unknown>>

const HOUR_MS = 3_600_000

/** Undefined for what is no number (null: nothing there to aggregate). */
export function numberOf(value: unknown, log: boolean): number | undefined {
  if (typeof value !== 'number') return undefined
  return log ? Math.sign(value) * Math.log1p(Math.abs(value)) : value
}

/**
 * The hour of the day as a point on circles of a day, half and a third of one: 23:59 is next to 00:00. The only input that
 * is no feature: it follows from the request's own time.
 */
export function hourTerms(atMs: number): number[] {
  const day = (((atMs / HOUR_MS) % 24) / 24) * 2 * Math.PI
  return [1, 2, 3].flatMap((times) => [Math.sin(times * day), Math.cos(times * day)])
}

/**
 * The probability that a flight leaves more than 15 minutes late.
 *
 * @param features the vector of the service `delay_risk`, by feature name
 * @param atMs its scheduled departure, ms since the epoch
 * @returns 0 to 1
 */
export function delayProbability(model: DelayModel, features: FeatureValues, atMs: number): number {
  let logit = model.bias
  for (const { feature, log, mean, scale, weight, whenNull } of model.inputs) {
    const value = numberOf(features[feature], log)
    logit += value === undefined ? whenNull : (weight * (value - mean)) / scale
  }
  const terms = hourTerms(atMs)
  for (let i = 0; i < terms.length; i++) logit += (terms[i] ?? 0) * (model.hour[i] ?? 0)
  return 1 / (1 + Math.exp(-logit))
}
