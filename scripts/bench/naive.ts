/** The yardstick of a read: keep every event and scan them all for each feature. Only what the bench's features need. */
import type { FeatureSpec, Predicate, Value, ViewPlan } from '../../src/engine/index.ts'
import type { Row } from './states.ts'

/** The value of a feature at t over rows in time order. */
export function naiveValue(plan: ViewPlan, feature: FeatureSpec, rows: readonly Row[], t: number): Value {
  const from = feature.window.kind === 'sliding' ? t - feature.window.widthMs : Number.NEGATIVE_INFINITY
  const place = (name: string | undefined) => plan.fields.findIndex((field) => field.name === name)
  const field = place(feature.field)
  const holds = (predicate: Predicate | undefined): ((row: Row) => boolean) => {
    if (predicate === undefined) return () => true
    if (predicate.op !== 'eq') throw new Error(`the naive scan does not know ${predicate.op}`)
    const at = place(predicate.field)
    return ({ values }) => values[at] === predicate.value
  }
  const counts = holds(feature.where)
  const matches = holds(feature.matches)
  let rowsSeen = 0
  let matched = 0
  let sum = 0
  let max = Number.NEGATIVE_INFINITY
  let last: Value = null
  for (const row of rows) {
    if (row.timeMs < from || row.timeMs >= t || !counts(row)) continue
    rowsSeen++
    if (matches(row)) matched++
    const value = row.values[field]
    if (typeof value === 'number') {
      sum += value
      if (value > max) max = value
    }
    last = value ?? null
  }
  switch (feature.aggregate) {
    case 'count':
      return rowsSeen
    case 'rate':
      return rowsSeen === 0 ? null : matched / rowsSeen
    case 'sum':
      return rowsSeen === 0 ? null : sum
    case 'avg':
      return rowsSeen === 0 ? null : sum / rowsSeen
    case 'max':
      return rowsSeen === 0 ? null : max
    case 'latest':
      return last
    default:
      throw new Error(`the naive scan does not know ${feature.aggregate}`)
  }
}
