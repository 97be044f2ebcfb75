import type { ExactSums } from '../../util/exact-sum.ts'
import { roundUnits } from '../../util/exact-sum.ts'
import type { Aggregate } from '../aggregate.ts'
import { exactUnits, nearestDouble, presentOf, units } from '../naive.ts'
import { isNumeric } from '../types.ts'
import { type CountColumn, countOf } from './count.ts'
import { fieldOf, typeOfField, unitsPerOne } from './input.ts'
import { type SumColumn, sumOf } from './sum.ts'

/** The mean of a numeric field: the exact sum over the count, rounded once; null when no row has it. */
export const avg: Aggregate = {
  name: 'avg',
  takes: 'field',
  prepare(input) {
    const type = typeOfField(input)
    if (!isNumeric(type)) {
      return { error: `a ${type} has no average: avg takes an int, int64, float64 or decimal field` }
    }
    const perOne = unitsPerOne(type)
    return {
      resultType: 'float64',
      empty: null,
      accumulators: [countOf(input.field, input.where), sumOf(fieldOf(input), input.where)],
      finalise([countColumn, sumColumn], [countAt = 0, sumAt = 0]) {
        const count = (countColumn as CountColumn).counts[countAt] as number
        if (count <= 0) return { value: null, isEmpty: true }
        return { value: average((sumColumn as SumColumn).sums, sumAt, count, perOne), isEmpty: false }
      },
      decay: ([count = 0, sum = 0]) => sum / Number(perOne) / count,
    }
  },
  naive(rows, input) {
    const values = presentOf(rows, input.field) as (number | bigint)[]
    if (values.length === 0) return undefined
    return nearestDouble(exactUnits(values), units(BigInt(values.length) * unitsPerOne(typeOfField(input))))
  },
  doc: {
    summary: 'the arithmetic mean of a numeric field, correctly rounded',
    empty: 'null',
    result: 'float64',
    retracts: 'takes the value out of the sum and one out of the count',
    exactness: 'exact',
    example: "avg(e.amount).where(e.type.eq('purchase')).over('1h')",
  },
}

/** One rounding for both divisions: by the count, and by what a decimal is counted in. */
function average(sums: ExactSums, at: number, count: number, perOne: bigint): number {
  const divisor = count * Number(perOne)
  // Up to there the product above is exact.
  if (divisor <= Number.MAX_SAFE_INTEGER) return sums.average(at, divisor)
  return roundUnits(sums.unitsOf(at), BigInt(count) * perOne)
}
