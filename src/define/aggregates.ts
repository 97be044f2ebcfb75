import { FeatureBuilder } from './feature-builder.ts'
import type { FieldHandle } from './field-handle.ts'

// Of numbers and of what has an order. Every aggregate of a field leaves out the rows where it is null.

/** Kinds that are summed. */
export type NumericKind = 'number' | 'int64' | 'decimal'
/** Kinds with an order: choices of texts and uuids as texts, by code point. */
export type OrderedKind = NumericKind | 'timestamp' | 'string' | 'choice' | 'uuid'

/**
 * How many rows; with a field of any type, how many rows where it is not null. 0 when there are none.
 *
 * @example count().where(e.type.eq('click')).over('5m')
 */
export function count(field?: FieldHandle): FeatureBuilder<number> {
  return new FeatureBuilder({ aggregate: 'count', ...(field !== undefined && { field }) })
}

/**
 * The exact sum of a number, rounded once, whatever the order of events, of the field's own type; null when no row has it.
 *
 * @example sum(e.amount).over('1h').default(0)
 */
export function sum<V>(field: FieldHandle<NumericKind, V>): FeatureBuilder<V | null> {
  return new FeatureBuilder({ aggregate: 'sum', field })
}

/**
 * The mean of a number, a float64: the exact sum divided once; null when no row has it.
 *
 * @example avg(e.amount).where(e.type.eq('purchase')).over('1h')
 */
export function avg(field: FieldHandle<NumericKind>): FeatureBuilder<number | null> {
  return new FeatureBuilder({ aggregate: 'avg', field })
}

/**
 * The smallest value, of the field's type; texts by code point; null when no row has it.
 *
 * @example min(e.amount).over('1d')
 */
export function min<V>(field: FieldHandle<OrderedKind, V>): FeatureBuilder<V | null> {
  return new FeatureBuilder({ aggregate: 'min', field })
}

/**
 * The greatest value, of the field's type; texts by code point; null when no row has it.
 *
 * @example max(e.delay).over('7d')
 */
export function max<V>(field: FieldHandle<OrderedKind, V>): FeatureBuilder<V | null> {
  return new FeatureBuilder({ aggregate: 'max', field })
}

/** The option of {@link variance} and {@link stddev}. */
export interface SpreadOptions {
  /** `'population'`, the default, divides by the number of rows; `'sample'` by one less, and is empty for one row. */
  readonly kind?: 'population' | 'sample'
}

/**
 * How far a number spreads: the mean of the squared distances from its mean, a float64; null when no row has it.
 *
 * @example variance(e.amount, { kind: 'sample' }).over('1d')
 */
export function variance(field: FieldHandle<NumericKind>, options: SpreadOptions = {}): FeatureBuilder<number | null> {
  return new FeatureBuilder({ aggregate: 'variance', field, options })
}

/**
 * The standard deviation, the root of {@link variance}, a float64; null when no row has it.
 *
 * @example stddev(e.amount).over('1d')
 */
export function stddev(field: FieldHandle<NumericKind>, options: SpreadOptions = {}): FeatureBuilder<number | null> {
  return new FeatureBuilder({ aggregate: 'stddev', field, options })
}

/**
 * The value below which a share `q` of the values lie, a float64: of rank `floor(q (n - 1))`, by a sketch that is at most 1% of
 * the value off; null when no row has it.
 *
 * @param q from 0 to 1: 0.5 is the median
 * @param options `accuracy`: the relative error, above 0.0001 and below 0.2; default 0.01. A smaller one keeps more
 * @example quantile(e.delay, 0.95).over('1h')
 */
export function quantile(
  field: FieldHandle<NumericKind>,
  q: number,
  options: { readonly accuracy?: number } = {},
): FeatureBuilder<number | null> {
  return new FeatureBuilder({ aggregate: 'quantile', field, options: { q, ...options } })
}
