import type { Aggregate } from '../aggregate.ts'
import { type CountColumn, countOf } from './count.ts'
import { isNumeric, type SumColumn, sumOf } from './sum.ts'

/** The mean of a numeric field: the exact sum over the count, rounded once; null when no row has it. */
export const avg: Aggregate = {
  name: 'avg',
  takes: 'field',
  resultType: (field) =>
    isNumeric(field) ? 'float64' : { error: `a ${field} has no average: avg takes an int, int64 or float64 field` },
  empty: null,
  accumulators: ({ field, where }) => [countOf(field, where), sumOf(field as string, where)],
  finalise([countColumn, sumColumn]) {
    const count = (countColumn as CountColumn).counts[0] as number
    if (count === 0) return { value: null, isEmpty: true }
    return { value: (sumColumn as SumColumn).sums.average(0, count), isEmpty: false }
  },
  doc: {
    summary: 'the arithmetic mean of a numeric field, correctly rounded',
    retracts: 'takes the value out of the sum and one out of the count',
    exactness: 'exact',
    example: "avg(e.amount).where(e.type.eq('purchase')).over('1h')",
  },
}
