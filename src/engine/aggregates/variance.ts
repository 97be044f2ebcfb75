import { type Dyadic, minus, times } from '../../util/dyadic.ts'
import { roundRoot } from '../../util/exact-root.ts'
import { roundFraction } from '../../util/round-fraction.ts'
import type { Aggregate, AggregateInput, Finalised } from '../aggregate.ts'
import { exactUnits, nearestDouble, nearestRoot, presentOf, units } from '../naive.ts'
import { isNumeric } from '../types.ts'
import { type CountColumn, countOf } from './count.ts'
import { fieldOf, typeOfField, unitsPerOne } from './input.ts'
import { type SquaresColumn, squaresOf } from './squares.ts'
import { type SumColumn, sumOf } from './sum.ts'

const isSample = ({ options }: AggregateInput): boolean => options.kind === 'sample'

/**
 * The variance is `(n * sum(x^2) - sum(x)^2) / n^2` (of a sample `/ n (n - 1)`). That formula is known for cancellation; here
 * both sums are exact, so the fraction is too, and it (or its root) is rounded once.
 */
function spread(name: 'variance' | 'stddev', round: typeof roundFraction, nearest: typeof nearestDouble): Aggregate {
  const word = name === 'variance' ? 'variance' : 'standard deviation'
  return {
    name,
    takes: 'field',
    options: { kind: { kind: 'choice', of: ['population', 'sample'], default: 'population' } },
    prepare(input) {
      const type = typeOfField(input)
      if (!isNumeric(type)) {
        return { error: `a ${type} has no ${word}: ${name} takes an int, int64, float64 or decimal field` }
      }
      const field = fieldOf(input)
      const unitsSquared = unitsPerOne(type) ** 2n
      const fewest = isSample(input) ? 2 : 1
      return {
        resultType: 'float64',
        empty: null,
        accumulators: [countOf(field, input.where), sumOf(field, input.where), squaresOf(field, input.where)],
        finalise([counts, sums, squares], [countAt = 0, sumAt = 0, squaresAt = 0]): Finalised {
          const count = (counts as CountColumn).counts[countAt] as number
          if (count < fewest) return { value: null, isEmpty: true }
          const sum = (sums as SumColumn).sums.exactly(sumAt)
          const { mantissa, exponent } = deviation(count, sum, (squares as SquaresColumn).sums.at(squaresAt))
          // Below zero only between a row that was taken back and the row itself, which is yet to come.
          const value = round(mantissa < 0n ? 0n : mantissa, pairs(count, fewest) * unitsSquared, exponent)
          return Number.isFinite(value) ? { value, isEmpty: false } : { error: 'overflow' }
        },
      }
    },
    naive(rows, input) {
      const values = presentOf(rows, input.field) as (number | bigint)[]
      const n = BigInt(values.length)
      const fewest = isSample(input) ? 2 : 1
      if (values.length < fewest) return undefined
      const squares = values.reduce((total: bigint, value) => total + units(value) ** 2n, 0n)
      const scale = (units(1) * unitsPerOne(typeOfField(input))) ** 2n
      const value = nearest(n * squares - exactUnits(values) ** 2n, pairs(values.length, fewest) * scale)
      return Number.isFinite(value) ? value : { error: 'overflow' }
    },
    doc: {
      summary: `the ${word} of a numeric field, correctly rounded: of the rows as all there are, or (kind: 'sample') as a sample`,
      empty: 'null; also the sample of one row',
      result: 'float64',
      retracts: 'takes the value, its square and one out of the exact sums',
      exactness: 'exact; status error, reason overflow, when it is beyond a float64',
      example: `${name}(e.amount, { kind: 'sample' }).over('1h')`,
    },
  }
}

/** n times the squares, less the square of the sum. */
function deviation(count: number, sum: Dyadic, squares: Dyadic): Dyadic {
  return minus(times({ mantissa: BigInt(count), exponent: 0 }, squares), times(sum, sum))
}

/** n^2, or of a sample (at least two) n (n - 1). */
const pairs = (count: number, fewest: number): bigint => BigInt(count) * BigInt(count - fewest + 1)

export const variance = spread('variance', roundFraction, nearestDouble)
export const stddev = spread('stddev', roundRoot, nearestRoot)
