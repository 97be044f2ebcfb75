import type { Predicate, Value } from '../engine/index.ts'
import type { Duration } from '../util/duration.ts'
import type { FieldHandle } from './field-handle.ts'
import type { RowPredicate } from './predicate.ts'
import type { WindowChoice } from './windows.ts'

/** What a feature was declared with, before it is checked. */
export interface FeatureDraft {
  readonly aggregate: string
  readonly field?: FieldHandle
  readonly matches?: RowPredicate
  readonly options: object
  readonly wheres: readonly RowPredicate[]
  readonly window?: WindowChoice | Duration
  readonly default?: unknown
  readonly description?: unknown
}

/**
 * A feature on its way: an aggregate with its filter, window and default. Immutable: every call gives a new one, so one
 * may be the beginning of several. `T` is the type of its value.
 */
export class FeatureBuilder<T> {
  /** @internal */
  readonly draft: FeatureDraft
  /** For the compiler only. */
  declare readonly '~value'?: T

  constructor(draft: FeatureDraft) {
    this.draft = draft
  }

  /**
   * Only the rows for which this holds; called again, rows for which all hold.
   *
   * @example count().where(e.type.eq('click')).over('5m')
   */
  where(predicate: RowPredicate): FeatureBuilder<T> {
    return new FeatureBuilder({ ...this.draft, wheres: [...this.draft.wheres, predicate] })
  }

  /**
   * Over which events: a duration (`'5m'` is `sliding('5m')`), `sliding(...)` or `lifetime()`.
   *
   * @example sum(e.amount).over('1h')
   */
  over(window: Duration | WindowChoice): FeatureBuilder<T> {
    return new FeatureBuilder({ ...this.draft, window })
  }

  /**
   * The value when there is nothing to aggregate, instead of null (or of 0, for `count`).
   *
   * @example avg(e.amount).over('1h').default(0)
   */
  default(value: NonNullable<T>): FeatureBuilder<NonNullable<T>> {
    return new FeatureBuilder({ ...this.draft, default: value })
  }

  /** What it means, for people who read the catalogue. */
  describe(text: string): FeatureBuilder<T> {
    return new FeatureBuilder({ ...this.draft, description: text })
  }
}

/** All filters of a feature as one. */
export function allOf(predicates: readonly Predicate[]): Predicate | undefined {
  return predicates.length > 1 ? { op: 'and', of: predicates } : predicates[0]
}

/** The type of a builder's value. */
export type BuiltValue<B> = B extends FeatureBuilder<infer T> ? T : never

/** A value that a feature may default to. */
export type DefaultValue = Exclude<Value, null>
