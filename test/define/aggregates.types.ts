import {
  all,
  any,
  approxCountDistinct,
  argMax,
  argMin,
  avg,
  bottomK,
  count,
  countDistinct,
  decayed,
  featureService,
  featureView,
  first,
  lastN,
  latest,
  lifetime,
  max,
  min,
  mostFrequent,
  quantile,
  rate,
  session,
  sliding,
  stddev,
  sum,
  timeSinceLast,
  topK,
  tumbling,
  type VectorOf,
  variance,
} from '../../src/define/index.ts'
import { options } from './declare.ts'

// Types only: tsc checks this file, nothing runs it. Each planted mistake must be a compile error where it stands.

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const yes = <T extends true>(): T | undefined => undefined
type Type = 'view' | 'click' | 'purchase' | 'refund'

// The value of every aggregate.
const values = featureView('every_value', options, (e) => ({
  count: count(e.embedding).over('1h'),
  sum_number: sum(e.amount).over('1h'),
  sum_int64: sum(e.cents).over('1h'),
  sum_decimal: sum(e.price).over('1h').default('0.00'),
  avg: avg(e.price).over('1h'),
  min_text: min(e.country).over('1h'),
  max_decimal: max(e.price).over('1h'),
  max_time: max(e.at).over('1h'),
  variance: variance(e.cents, { kind: 'sample' }).over('1h').default(0),
  stddev: stddev(e.price).over('1h'),
  quantile: quantile(e.cents, 0.5, { accuracy: 0.02 }).over('1h'),
  first: first(e.embedding),
  latest: latest(e.tags),
  latest_default: latest(e.country).default('none'),
  latest_null: latest(e.country, { nulls: 'keep' }),
  latest_null_default: latest(e.country, { nulls: 'keep' }).default('none'),
  last_n: lastN(e.type, 5, { distinct: true }).over('1h'),
  count_distinct: countDistinct(e.ok, { max: 2 }).over('1h'),
  approx: approxCountDistinct(e.uid).over('1h'),
  top_k: topK(e.cents, 3).over('1h'),
  bottom_k: bottomK(e.type, 3).over('1h'),
  most: mostFrequent(e.ok).over('1h'),
  arg_min: argMin(e.type, e.at).over('1h'),
  arg_max: argMax(e.embedding, e.price).over('1h'),
  rate: rate(e.ok.eq(true)).over('1h'),
  any: any(e.ok.eq(true)).over('1h').default(false),
  all: all(e.ok.eq(true)).over('1h'),
  since: timeSinceLast(e.country),
}))
const everyValue = featureService('every_value', [values])
yes<
  Same<
    VectorOf<typeof everyValue>,
    {
      readonly count: number
      readonly sum_number: number | null
      readonly sum_int64: bigint | null
      readonly sum_decimal: string
      readonly avg: number | null
      readonly min_text: string | null
      readonly max_decimal: string | null
      readonly max_time: number | null
      readonly variance: number
      readonly stddev: number | null
      readonly quantile: number | null
      readonly first: Float32Array | null
      readonly latest: readonly string[] | null
      readonly latest_default: string
      readonly latest_null: string | null
      readonly latest_null_default: string | null
      readonly last_n: readonly Type[]
      readonly count_distinct: number
      readonly approx: number
      readonly top_k: readonly bigint[]
      readonly bottom_k: readonly Type[]
      readonly most: boolean | null
      readonly arg_min: Type | null
      readonly arg_max: Float32Array | null
      readonly rate: number | null
      readonly any: boolean
      readonly all: boolean | null
      readonly since: number | null
    }
  >
>()

// Groups are maps of what there is, and weighted values are floats.
const maps = featureView('maps', options, (e) => ({
  counts: count().by(e.country).over('1h'),
  sums: sum(e.cents).over('1h').by(e.type, { max: 3 }),
  lists: lastN(e.type, 2).by(e.units).over('1h'),
  nulls: latest(e.country, { nulls: 'keep' }).by(e.ok),
  weighted: sum(e.cents).over(decayed('1d')),
  weighted_default: sum(e.cents).over(decayed('1d')).default(0.5),
  weighted_count: count().over(decayed('1d')),
  weighted_groups: sum(e.cents).by(e.country).over(decayed('1d')),
}))
const everyMap = featureService('maps', [maps])
yes<
  Same<
    VectorOf<typeof everyMap>,
    {
      readonly counts: Readonly<Record<string, number>>
      readonly sums: Readonly<Record<string, bigint>>
      readonly lists: Readonly<Record<string, readonly Type[]>>
      readonly nulls: Readonly<Record<string, string | null>>
      readonly weighted: number | null
      readonly weighted_default: number
      readonly weighted_count: number
      readonly weighted_groups: Readonly<Record<string, number>>
    }
  >
>()

featureView('wrong_inputs', options, (e) => ({
  // @ts-expect-error a list cannot be summed
  a: sum(e.tags).over('1h'),
  // @ts-expect-error a text has no variance
  b: variance(e.country).over('1h'),
  // @ts-expect-error a time has no quantile
  c: quantile(e.at, 0.5).over('1h'),
  // @ts-expect-error a quantile of which share?
  d: quantile(e.amount).over('1h'),
  // @ts-expect-error a bool has no order
  f: topK(e.ok, 3).over('1h'),
  // @ts-expect-error how many?
  g: bottomK(e.amount).over('1h'),
  // @ts-expect-error vectors cannot be told apart
  h: countDistinct(e.embedding).over('1h'),
  // @ts-expect-error a list is no element of a list
  i: lastN(e.tags, 3).over('1h'),
  // @ts-expect-error a bool has no order
  j: argMax(e.type, e.ok).over('1h'),
  // @ts-expect-error by what?
  k: argMin(e.type).over('1h'),
  // @ts-expect-error any takes a filter
  l: any(e.ok).over('1h'),
  // @ts-expect-error no such kind
  m: stddev(e.amount, { kind: 'both' }).over('1h'),
  // @ts-expect-error no such option
  n: mostFrequent(e.type, { cap: 5 }).over('1h'),
  // @ts-expect-error a list makes no groups
  o: count().by(e.tags).over('1h'),
  // @ts-expect-error a list has no default
  p: topK(e.amount, 3).over('1h').default([]),
  // @ts-expect-error a map has no default
  q: count().by(e.country).over('1h').default(0),
  // @ts-expect-error the default of a decimal is its text
  r: sum(e.price).over('1h').default(0),
  // @ts-expect-error a weighted sum is a float64
  s: sum(e.cents).over(decayed('1d')).default(0n),
}))

sliding('1h', { delay: '5m', tail: 'exact', limit: 10 })
tumbling('1h', { offset: '5m', value: 'running' })
tumbling('month', { timeZone: 'Europe/Berlin', offset: '1d', tail: 'exact', limit: 10 })
session('30m', { max: '1d', keepLast: '2d', value: 'open' })
lastN(5, { tail: 'exact', limit: 10 })
// @ts-expect-error a tail of how many rows?
lifetime({ tail: 'exact' })
// @ts-expect-error a limit goes with a tail
lifetime({ limit: 5 })
// @ts-expect-error a fixed width knows no time zone
tumbling('1d', { timeZone: 'Europe/Berlin' })
// @ts-expect-error no such unit
tumbling('year')
// @ts-expect-error buckets are closed or running
tumbling('1h', { value: 'open' })
// @ts-expect-error sessions are the last or the open one
session('30m', { value: 'closed' })
// @ts-expect-error a window, not an aggregate, of a number
featureView('wrong_kind', options, () => ({ f: lastN(5) }))
// @ts-expect-error an aggregate, not a window, of a field
featureView('wrong_window', options, (e) => ({ f: count().over(lastN(e.type, 5)) }))
