import type { Aggregate } from '../aggregate.ts'
import type { Predicate } from '../spec.ts'
import { type CountColumn, countOf } from './count.ts'

/** The share of the window's rows (after `where`) for which a predicate holds, in [0, 1]; null when there are no rows. */
export const rate: Aggregate = {
  name: 'rate',
  takes: 'predicate',
  resultType: () => 'float64',
  empty: null,
  accumulators: ({ where, matches }) => {
    const both: Predicate =
      where === undefined ? (matches as Predicate) : { op: 'and', of: [where, matches as Predicate] }
    return [countOf(undefined, where), countOf(undefined, both)]
  },
  finalise([all, matching]) {
    const rows = (all as CountColumn).counts[0] as number
    if (rows === 0) return { value: null, isEmpty: true }
    return { value: ((matching as CountColumn).counts[0] as number) / rows, isEmpty: false }
  },
  doc: {
    summary: 'the share of rows for which a predicate holds; a null field does not match, but its row counts',
    retracts: 'takes one out of the rows, and out of the matches if it matched',
    exactness: 'exact: one division of two integers',
    example: "rate(e.delay.gt(15)).over('1h')",
  },
}
