import type { AccumulatorSpec, Aggregate, AggregateInput, Computation, Finalised } from '../aggregate.ts'
import { holds, type NaiveRow } from '../naive.ts'
import type { Predicate, ResultType, Value } from '../spec.ts'
import { type CountColumn, countOf } from './count.ts'

// rate, any and all are three readings of the same two counts, which they share: the rows, and those that match.

function matchesOf({ matches }: AggregateInput): Predicate {
  if (matches === undefined) throw new Error('an aggregate of a predicate got none')
  return matches
}

function countsOf(input: AggregateInput): AccumulatorSpec[] {
  const { where } = input
  const matches = matchesOf(input)
  const both: Predicate = where === undefined ? matches : { op: 'and', of: [where, matches] }
  return [countOf(undefined, where), countOf(undefined, both)]
}

function fromCounts(
  input: AggregateInput,
  resultType: ResultType,
  value: (rows: number, matching: number) => Value,
): Computation {
  return {
    resultType,
    empty: null,
    accumulators: countsOf(input),
    finalise([all, matching], [allAt = 0, matchingAt = 0]): Finalised {
      const rows = (all as CountColumn).counts[allAt] as number
      if (rows <= 0) return { value: null, isEmpty: true }
      // Below zero only between a row that was taken back and the row itself, which is yet to come.
      const matches = Math.max(0, (matching as CountColumn).counts[matchingAt] as number)
      return { value: value(rows, matches), isEmpty: false }
    },
  }
}

const matching = (rows: readonly NaiveRow[], input: AggregateInput): NaiveRow[] =>
  rows.filter((row) => holds(matchesOf(input), row.fields))

const RETRACTS = 'takes one out of the rows, and out of the matches if it matched'

/** The share of the window's rows (after `where`) for which a predicate holds, in [0, 1]; null when there are no rows. */
export const rate: Aggregate = {
  name: 'rate',
  takes: 'predicate',
  prepare: (input) => ({
    ...fromCounts(input, 'float64', (rows, matching) => matching / rows),
    decay: ([rows = 0, matching = 0]) => matching / rows,
  }),
  naive: (rows, input) => (rows.length === 0 ? undefined : matching(rows, input).length / rows.length),
  doc: {
    summary: 'the share of rows for which a predicate holds; a null field does not match, but its row counts',
    empty: 'null',
    result: 'float64, from 0 to 1',
    retracts: RETRACTS,
    exactness: 'exact: one division of two integers',
    example: "rate(e.amount.gt(15)).over('1h')",
  },
}

/** Whether a predicate holds for at least one row; null when there are no rows. */
export const any: Aggregate = {
  name: 'any',
  takes: 'predicate',
  prepare: (input) => fromCounts(input, 'bool', (_rows, matching) => matching > 0),
  naive: (rows, input) => (rows.length === 0 ? undefined : matching(rows, input).length > 0),
  doc: {
    summary: 'whether a predicate holds for at least one row',
    empty: 'null',
    result: 'bool',
    retracts: RETRACTS,
    exactness: 'exact',
    example: "any(e.amount.gt(30)).over('1d')",
  },
}

/** Whether a predicate holds for every row; null when there are no rows. */
export const all: Aggregate = {
  name: 'all',
  takes: 'predicate',
  prepare: (input) => fromCounts(input, 'bool', (rows, matching) => matching === rows),
  naive: (rows, input) => (rows.length === 0 ? undefined : matching(rows, input).length === rows.length),
  doc: {
    summary: 'whether a predicate holds for every row; a null field does not match',
    empty: 'null',
    result: 'bool',
    retracts: RETRACTS,
    exactness: 'exact',
    example: "all(e.ok.eq(true)).over('1d')",
  },
}
