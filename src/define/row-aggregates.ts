import type { Duration } from '../util/duration.ts'
import type { OrderedKind } from './aggregates.ts'
import { FeatureBuilder } from './feature-builder.ts'
import type { FieldHandle } from './field-handle.ts'
import type { Kind } from './field-types.ts'
import type { RowPredicate } from './predicate.ts'

// Of one row among many, and of how many rows hold something.

/**
 * The value of the newest row that has one, by event time, of the field's type; null when none has. Over the lifetime
 * unless `.over` says otherwise. With `{ nulls: 'keep' }` the newest row's value, null too. With `{ ttl: '2d' }` a value whose
 * row is older than that at the time of the read is hidden: the default or null is given, with the status `expired`.
 *
 * @example latest(e.type)
 */
export function latest<V>(
  field: FieldHandle<Kind, V>,
  options: { readonly nulls: 'keep'; readonly ttl?: Duration },
): FeatureBuilder<V | null, V | null>
export function latest<V>(
  field: FieldHandle<Kind, V>,
  options?: { readonly nulls?: never; readonly ttl?: Duration },
): FeatureBuilder<V | null>
export function latest<V>(
  field: FieldHandle<Kind, V>,
  options: { readonly nulls?: 'keep'; readonly ttl?: Duration } = {},
): FeatureBuilder<V | null> {
  const { ttl, ...rest } = options
  return new FeatureBuilder({ aggregate: 'latest', field, options: rest, ...(ttl !== undefined && { ttl }) })
}

/**
 * The value of the oldest row that has one, by event time, of the field's type; null when none has. Over the lifetime
 * unless `.over` says otherwise. With `{ nulls: 'keep' }` the oldest row's value, null too.
 *
 * @example first(e.referrer)
 */
export function first<V>(
  field: FieldHandle<Kind, V>,
  options: { readonly nulls: 'keep' },
): FeatureBuilder<V | null, V | null>
export function first<V>(field: FieldHandle<Kind, V>, options?: { readonly nulls?: never }): FeatureBuilder<V | null>
export function first<V>(field: FieldHandle<Kind, V>, options: object = {}): FeatureBuilder<V | null> {
  return new FeatureBuilder({ aggregate: 'first', field, options })
}

/**
 * The value of the row where `by` is least, of several the newest; of the field's type, null when no row has both.
 *
 * @example argMin(e.carrier, e.price).over('1d') // who was cheapest
 */
export function argMin<V>(field: FieldHandle<Kind, V>, by: FieldHandle<OrderedKind>): FeatureBuilder<V | null> {
  return new FeatureBuilder({ aggregate: 'argMin', field, orderBy: by })
}

/**
 * The value of the row where `by` is greatest, of several the newest; of the field's type, null when no row has both.
 *
 * @example argMax(e.type, e.amount).over('1d') // the type of the largest amount
 */
export function argMax<V>(field: FieldHandle<Kind, V>, by: FieldHandle<OrderedKind>): FeatureBuilder<V | null> {
  return new FeatureBuilder({ aggregate: 'argMax', field, orderBy: by })
}

/**
 * Milliseconds from the newest row to the request's time, a whole number; with a field, from the newest where it is not null.
 * Null when there is none. Over the lifetime unless `.over` says otherwise.
 *
 * @example timeSinceLast().where(e.type.eq('purchase'))
 */
export function timeSinceLast(field?: FieldHandle): FeatureBuilder<number | null> {
  return new FeatureBuilder({ aggregate: 'timeSinceLast', ...(field !== undefined && { field }) })
}

/**
 * The share of rows for which this holds, a float64 from 0 to 1; null when there are no rows.
 *
 * @example rate(e.delay.gt(15)).over('6h')
 */
export function rate(matches: RowPredicate): FeatureBuilder<number | null> {
  return new FeatureBuilder({ aggregate: 'rate', matches })
}

/**
 * Whether this holds for at least one row, a bool; null when there are no rows.
 *
 * @example any(e.country.ne('DE')).over('1d')
 */
export function any(matches: RowPredicate): FeatureBuilder<boolean | null> {
  return new FeatureBuilder({ aggregate: 'any', matches })
}

/**
 * Whether this holds for every row, a bool; null when there are no rows.
 *
 * @example all(e.ok.eq(true)).over('1h')
 */
export function all(matches: RowPredicate): FeatureBuilder<boolean | null> {
  return new FeatureBuilder({ aggregate: 'all', matches })
}
