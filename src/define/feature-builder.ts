import type { Duration } from '../util/duration.ts'
import type { FieldHandle } from './field-handle.ts'
import type { Kind } from './field-types.ts'
import type { RowPredicate } from './predicate.ts'
import type { WindowChoice } from './windows.ts'

/** What a feature was declared with, before it is checked. */
export interface FeatureDraft {
  readonly aggregate: string
  readonly field?: FieldHandle
  readonly orderBy?: FieldHandle
  readonly matches?: RowPredicate
  readonly options?: object
  readonly wheres?: readonly RowPredicate[]
  /** Every call of `.by`, of which there may be one. */
  readonly groups?: readonly { readonly field: FieldHandle; readonly options: object }[]
  readonly window?: WindowChoice | Duration
  readonly default?: unknown
  readonly ttl?: unknown
  readonly description?: unknown
}

/** The scalars among the types of a value: what can have a default. */
type ScalarOf<T> = Extract<T, string | number | bigint | boolean>

/** A value in a decayed window: a weighted count or sum is a float64, whatever it was. */
type Weighted<T> = T extends null ? null : T extends object ? Readonly<Record<string, number>> : number

/** Kinds of fields that make groups. A `z.number()` must be a `z.int()`, which the types cannot tell. */
type GroupKind = Exclude<Kind, 'list' | 'vector'>

/**
 * A feature on its way: an aggregate with its filter, window and default. Immutable: every call gives a new one, so one
 * may be the beginning of several. `T` is the type of its value, `Given` what it is when there is something to aggregate.
 */
export class FeatureBuilder<T, Given = NonNullable<T>> {
  /** @internal */
  readonly draft: FeatureDraft
  /** For the compiler only. */
  declare readonly '~value'?: T
  declare readonly '~given'?: Given

  constructor(draft: FeatureDraft) {
    this.draft = draft
  }

  /**
   * Only the rows for which this holds; called again, rows for which all hold.
   *
   * @example count().where(e.type.eq('click')).over('5m')
   */
  where(predicate: RowPredicate): FeatureBuilder<T, Given> {
    return new FeatureBuilder({ ...this.draft, wheres: [...(this.draft.wheres ?? []), predicate] })
  }

  /**
   * Over which events: a duration (`'5m'` is `sliding('5m')`), or what `sliding`, `tumbling`, `session`, `lifetime`, `lastN`
   * or `decayed` gives.
   *
   * @example sum(e.amount).over('1h')
   */
  over(window: WindowChoice<'decayed'>): FeatureBuilder<Weighted<T>, Weighted<Given>>
  over(window: Duration | WindowChoice): FeatureBuilder<T, Given>
  over(window: Duration | WindowChoice): FeatureBuilder<unknown, unknown> {
    return new FeatureBuilder({ ...this.draft, window })
  }

  /**
   * One value for each value of a field, as a map by its text; `{}` when there is nothing. Rows where the field is null
   * belong to no group. With more than `max` groups in the window the status is `error`, reason `cap`: a map that drops
   * keys by arrival is no value.
   *
   * @param field a scalar; a number only as `z.int()`
   * @param options `max`: 1 to 10,000; default 100
   * @example sum(e.amount).by(e.country, { max: 50 }).over('1d') // { DE: 12.5, FR: 3 }
   */
  by(
    field: FieldHandle<GroupKind>,
    options: { readonly max?: number } = {},
  ): FeatureBuilder<Readonly<Record<string, Given>>> {
    return new FeatureBuilder({ ...this.draft, groups: [...(this.draft.groups ?? []), { field, options }] })
  }

  /**
   * The value when there is nothing to aggregate, instead of null (or of 0, for `count`). Lists and maps have none: they are
   * empty.
   *
   * @example avg(e.amount).over('1h').default(0)
   */
  default(value: ScalarOf<T>): FeatureBuilder<Given, Given> {
    return new FeatureBuilder({ ...this.draft, default: value })
  }

  /** What it means, for people who read the catalogue. */
  describe(text: string): FeatureBuilder<T, Given> {
    return new FeatureBuilder({ ...this.draft, description: text })
  }
}

/** The type of a builder's value. */
export type BuiltValue<B> = B extends FeatureBuilder<infer T, unknown> ? T : never
