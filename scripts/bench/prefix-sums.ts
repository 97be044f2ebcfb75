/**
 * The other yardstick of a read: arrays of prefix sums over all events, so that a sum over a window is two binary searches and
 * a subtraction. Fast, but it keeps every event, takes no late one, rounds, and knows neither max nor latest.
 */
import type { FeatureSpec, ViewPlan } from '../../src/engine/index.ts'
import type { Row } from './states.ts'

export class PrefixSums {
  private readonly times: Float64Array
  private readonly sums = new Map<string, Float64Array>()
  private readonly plan: ViewPlan

  constructor(plan: ViewPlan, rows: readonly Row[], features: readonly FeatureSpec[]) {
    this.plan = plan
    this.times = Float64Array.from(rows, (row) => row.timeMs)
    for (const feature of features) for (const key of keysOf(feature)) this.sums.set(key.name, this.prefix(rows, key))
  }

  private prefix(rows: readonly Row[], { field, where }: Key): Float64Array {
    const place = (name: string | undefined) => this.plan.fields.findIndex((f) => f.name === name)
    const [at, tested] = [place(field), where && 'field' in where ? place(where.field) : -1]
    const wanted = where && 'value' in where ? where.value : undefined
    const sums = new Float64Array(rows.length + 1)
    rows.forEach(({ values }, i) => {
      const counts = wanted === undefined || values[tested] === wanted
      sums[i + 1] = (sums[i] as number) + (counts ? (at < 0 ? 1 : Number(values[at])) : 0)
    })
    return sums
  }

  /** Whether a feature is made of sums and counts. */
  static canRead({ aggregate }: FeatureSpec): boolean {
    return ['count', 'sum', 'avg', 'rate'].includes(aggregate)
  }

  read(feature: FeatureSpec, t: number): number {
    const width = feature.window.kind === 'sliding' ? feature.window.widthMs : Number.POSITIVE_INFINITY
    const [from, to] = [this.lowerBound(t - width), this.lowerBound(t)]
    const [first, second] = keysOf(feature).map(({ name }) => {
      const sums = this.sums.get(name) as Float64Array
      return (sums[to] as number) - (sums[from] as number)
    })
    return second === undefined ? (first as number) : (first as number) / second
  }

  private lowerBound(time: number): number {
    let low = 0
    let high = this.times.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.times[middle] as number) < time) low = middle + 1
      else high = middle
    }
    return low
  }
}

interface Key {
  readonly name: string
  readonly field: string | undefined
  readonly where: FeatureSpec['where']
}

/** What is divided by what. */
function keysOf({ aggregate, field, where, matches }: FeatureSpec): Key[] {
  const key = (of: string | undefined, by: FeatureSpec['where']): Key => {
    return { name: JSON.stringify([of ?? null, by ?? null]), field: of, where: by }
  }
  if (aggregate === 'rate') return [key(undefined, matches), key(undefined, where)]
  if (aggregate === 'avg') return [key(field, where), key(undefined, where)]
  return [key(aggregate === 'count' ? undefined : field, where)]
}
