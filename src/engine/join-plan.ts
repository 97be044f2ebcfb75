import type { ViewPlan } from './plan.ts'
import type { FieldType, JoinSpec, ViewSpec } from './spec.ts'

/** What the two inputs of a join are called; their fields are `left.x` and `right.x`. */
export const LEFT = 'left'
export const RIGHT = 'right'
/** The kept column that says whether a row is of the right. */
export const SIDE = '$side'
/** Of a joined row: whether the left has a right. */
export const MATCHED = 'matched'
/** Of a joined row: how long after the left the right is, ms; null without one. */
export const DELAY = 'delay_ms'

/** Where a column of joined rows comes from: a kept column of one of the two rows, or the pair itself. */
export type PairColumn =
  | { readonly of: typeof LEFT | typeof RIGHT; readonly place: number }
  | { readonly of: typeof MATCHED | typeof DELAY }

/** How the rows of a view are joined when they are read. */
export interface JoinPlan {
  readonly spec: JoinSpec
  /** A view of the joined rows, which keeps the newest `maxPairs` of them: what features are computed by. */
  readonly pairs: ViewPlan
  /** The columns that rows of both sides keep, the side first. */
  readonly kept: readonly string[]
  /** Places of the equal fields of each side among the kept columns. */
  readonly on: { readonly left: readonly number[]; readonly right: readonly number[] }
  /** By field of `pairs`. */
  readonly columns: readonly PairColumn[]
  /** How far before a joined row's time a row may lie that decides about it. */
  readonly lagMs: number
}

/** The view of joined rows: every window of it is computed from rows alone. */
export function pairsSpec(view: ViewSpec, { maxPairs }: JoinSpec): ViewSpec {
  const { join: _join, inputs: _inputs, ...rest } = view
  const features = view.features.map((feature) => ({
    ...feature,
    window: { ...feature.window, tailLimit: maxPairs },
  }))
  return { ...rest, features, exactRows: maxPairs }
}

/** The types of a joined row's fields, by those of both sides. */
export function pairTypes(types: ReadonlyMap<string, FieldType>): Map<string, FieldType> {
  return new Map<string, FieldType>([...types, [MATCHED, 'bool'], [DELAY, 'int']])
}

export function joinPlan(spec: JoinSpec, pairs: ViewPlan): JoinPlan {
  const kept: string[] = [SIDE]
  const placeOf = (name: string): number => {
    const known = kept.indexOf(name)
    return known >= 0 ? known : kept.push(name) - 1
  }
  const on = {
    left: spec.on.map((fields) => placeOf(`${LEFT}.${fields.left}`)),
    right: spec.on.map((fields) => placeOf(`${RIGHT}.${fields.right}`)),
  }
  const columns = pairs.fields.map(({ name }): PairColumn => {
    if (name === MATCHED || name === DELAY) return { of: name }
    return { of: name.startsWith(`${LEFT}.`) ? LEFT : RIGHT, place: placeOf(name) }
  })
  // A left row is known to have no match at its time + within, and a right one may be as long before it.
  const lagMs = spec.order === 'any' ? 2 * spec.withinMs : spec.withinMs
  return { spec, pairs, kept, on, columns, lagMs }
}
