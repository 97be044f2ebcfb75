import type { OrderedKind } from './aggregates.ts'
import { FeatureBuilder } from './feature-builder.ts'
import type { FieldHandle } from './field-handle.ts'
import type { ScalarKind } from './field-types.ts'

// Of the different values of a field, and of its greatest, least and most frequent ones.

/**
 * How many different values, a whole number: exact up to `max`, beyond it the estimate from the `max` smallest hashes, and
 * `exact: false`. 0 when there are none.
 *
 * @param options `max`: 1 to 10,000; default 1,000
 * @example countDistinct(e.country).over('1d')
 */
export function countDistinct(
  field: FieldHandle<ScalarKind>,
  options: { readonly max?: number } = {},
): FeatureBuilder<number> {
  return new FeatureBuilder({ aggregate: 'countDistinct', field, options })
}

/**
 * About how many different values, by HyperLogLog: a whole number, for sets too large to be kept. 0 when there are none.
 *
 * @example approxCountDistinct(e.session_id).over('7d')
 */
export function approxCountDistinct(field: FieldHandle<ScalarKind>): FeatureBuilder<number> {
  return new FeatureBuilder({ aggregate: 'approxCountDistinct', field })
}

/**
 * The `k` greatest values, greatest first, an equal one as often as it comes: a list of the field's type; `[]` when there
 * are none.
 *
 * @param k 1 to 1,000
 * @example topK(e.amount, 3).over('1d')
 */
export function topK<V>(field: FieldHandle<OrderedKind, V>, k: number): FeatureBuilder<readonly V[]> {
  return new FeatureBuilder({ aggregate: 'topK', field, options: { k } })
}

/**
 * The `k` least values, least first, an equal one as often as it comes: a list of the field's type; `[]` when there are none.
 *
 * @param k 1 to 1,000
 * @example bottomK(e.amount, 3).over('1d')
 */
export function bottomK<V>(field: FieldHandle<OrderedKind, V>, k: number): FeatureBuilder<readonly V[]> {
  return new FeatureBuilder({ aggregate: 'bottomK', field, options: { k } })
}

/**
 * The value that comes most often, of several the least; of the field's type, null when no row has one. With more than `max`
 * different values in the window the status is `error`, reason `cap`.
 *
 * @param options `max`: 1 to 10,000; default 1,000
 * @example mostFrequent(e.type, { max: 50 }).over('7d')
 */
export function mostFrequent<V>(
  field: FieldHandle<ScalarKind, V>,
  options: { readonly max?: number } = {},
): FeatureBuilder<V | null> {
  return new FeatureBuilder({ aggregate: 'mostFrequent', field, options })
}
