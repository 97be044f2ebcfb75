import type { AggregateInput, Computation } from './aggregate.ts'
import { aggregates } from './aggregates/index.ts'
import { decayed } from './computations/decayed.ts'
import { groupedBy } from './computations/grouped.ts'
import { overNewest } from './computations/newest.ts'
import type { FeatureSpec, FieldType } from './spec.ts'

/** What an aggregate is told of a feature. */
export function inputOf(spec: FeatureSpec, typeOf: (field: string) => FieldType): AggregateInput {
  const { field, orderBy, where, matches, options } = spec
  return {
    ...(field !== undefined && { field }),
    ...(orderBy !== undefined && { orderBy }),
    ...(where !== undefined && { where }),
    ...(matches !== undefined && { matches }),
    options: options ?? {},
    typeOf,
  }
}

/** Puts a feature's computation together: its aggregate, weighted, grouped and over the newest rows, as its definition says. */
export function prepareFeature(
  spec: FeatureSpec,
  typeOf: (field: string) => FieldType,
): Computation | { readonly error: string } {
  const aggregate = aggregates[spec.aggregate]
  if (aggregate === undefined) return { error: `the engine has no aggregate "${spec.aggregate}"` }
  const { window, groupBy } = spec
  const inner = (input: AggregateInput): Computation | { readonly error: string } => {
    let computation = aggregate.prepare(input)
    if (window.kind === 'decayed' && !('error' in computation)) computation = decayed(computation, window.halfLifeMs)
    if (groupBy !== undefined && !('error' in computation)) computation = groupedBy(computation, groupBy, typeOf)
    return computation
  }
  const input = inputOf(spec, typeOf)
  return window.kind === 'lastN' ? overNewest(window.rows, input, inner) : inner(input)
}
