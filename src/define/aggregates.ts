import { FeatureBuilder } from './feature-builder.ts'
import type { FieldHandle } from './field-handle.ts'
import type { RowPredicate } from './predicate.ts'

/**
 * How many rows; with a field, how many rows where it is not null. 0 when there are none.
 *
 * @example count().where(e.type.eq('click')).over('5m')
 */
export function count(field?: FieldHandle): FeatureBuilder<number> {
  return draft('count', field === undefined ? {} : { field })
}

/**
 * The exact sum of a number, rounded once, whatever the order of events; null when no row has it.
 *
 * @example sum(e.amount).over('1h').default(0)
 */
export function sum<V>(field: FieldHandle<'number' | 'int64', V>): FeatureBuilder<V | null> {
  return draft('sum', { field })
}

/**
 * The mean of a number: the exact sum divided once; null when no row has it.
 *
 * @example avg(e.amount).where(e.type.eq('purchase')).over('1h')
 */
export function avg(field: FieldHandle<'number' | 'int64'>): FeatureBuilder<number | null> {
  return draft('avg', { field })
}

/**
 * The smallest value; texts by code point; null when no row has it.
 *
 * @example min(e.amount).over('1d')
 */
export function min<V>(field: FieldHandle<OrderedKind, V>): FeatureBuilder<V | null> {
  return draft('min', { field })
}

/**
 * The greatest value; texts by code point; null when no row has it.
 *
 * @example max(e.delay).over('7d')
 */
export function max<V>(field: FieldHandle<OrderedKind, V>): FeatureBuilder<V | null> {
  return draft('max', { field })
}

/**
 * The value of the newest row that has one, by event time; null when none has. Over the lifetime unless `.over` says
 * otherwise. With `{ nulls: 'keep' }` the newest row's value, null too.
 *
 * @example latest(e.type)
 */
export function latest<V>(
  field: FieldHandle<FieldHandleKind, V>,
  options: { readonly nulls?: 'keep' } = {},
): FeatureBuilder<V | null> {
  return draft('latest', { field }, options)
}

/**
 * The share of rows for which this holds, from 0 to 1; null when there are no rows.
 *
 * @example rate(e.delay.gt(15)).over('6h')
 */
export function rate(matches: RowPredicate): FeatureBuilder<number | null> {
  return draft('rate', { matches })
}

type OrderedKind = 'number' | 'int64' | 'timestamp' | 'string' | 'choice' | 'uuid'
type FieldHandleKind = OrderedKind | 'bool'

function draft<T>(
  aggregate: string,
  input: { readonly field?: FieldHandle; readonly matches?: RowPredicate },
  options: object = {},
): FeatureBuilder<T> {
  return new FeatureBuilder({ aggregate, ...input, options, wheres: [] })
}
