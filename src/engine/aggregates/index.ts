import type { Aggregate } from '../aggregate.ts'
import { approxCountDistinct } from './approx-count-distinct.ts'
import { argMax, argMin } from './arg-extremum.ts'
import { avg } from './avg.ts'
import { count } from './count.ts'
import { countDistinct } from './count-distinct.ts'
import { first, latest } from './ends.ts'
import { max, min } from './extremum.ts'
import { lastN } from './last-n.ts'
import { mostFrequent } from './most-frequent.ts'
import { quantile } from './quantile.ts'
import { all, any, rate } from './rate.ts'
import { sum } from './sum.ts'
import { timeSinceLast } from './time-since-last.ts'
import { bottomK, topK } from './top.ts'
import { stddev, variance } from './variance.ts'

/** Every aggregate by its name. A new one is one file and one line here. */
export const aggregates: Readonly<Record<string, Aggregate>> = {
  count,
  sum,
  avg,
  min,
  max,
  variance,
  stddev,
  first,
  latest,
  lastN,
  countDistinct,
  approxCountDistinct,
  quantile,
  topK,
  bottomK,
  mostFrequent,
  argMin,
  argMax,
  rate,
  any,
  all,
  timeSinceLast,
}
