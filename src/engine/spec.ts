/**
 * What a user declares, as plain data: serialisable, hashed, diffed, and the only thing the engine compiles.
 * The declaration language of `src/define` produces these; nothing here has behaviour.
 */

/** The type of a field of a source, or of a feature's value. `timestamp` is integer milliseconds since the epoch, UTC. */
export type FieldType = 'string' | 'bool' | 'int' | 'int64' | 'float64' | 'timestamp'

/** A checked value: `int` and `timestamp` are safe integers, `int64` is a bigint, `float64` is finite. */
export type Value = string | number | bigint | boolean | null

/**
 * A row filter. Two-valued: a comparison with null is false, and `not` plainly inverts, so `not(a = 1)` holds for null.
 * Strings compare by code point. `between` includes both ends.
 */
export type Predicate =
  | Comparison
  | { readonly op: 'and' | 'or'; readonly of: readonly Predicate[] }
  | { readonly op: 'not'; readonly of: Predicate }

/** A test of one field. */
export type Comparison =
  | {
      readonly op: 'eq' | 'ne' | 'gt' | 'gte' | 'lt' | 'lte'
      readonly field: string
      readonly value: Exclude<Value, null>
    }
  | { readonly op: 'in'; readonly field: string; readonly values: readonly Exclude<Value, null>[] }
  | {
      readonly op: 'between'
      readonly field: string
      readonly low: Exclude<Value, null>
      readonly high: Exclude<Value, null>
    }
  | { readonly op: 'prefix'; readonly field: string; readonly value: string }
  | { readonly op: 'isNull' | 'notNull'; readonly field: string }

/** Half-open windows `[t - width, t)`, or `[t - delay - width, t - delay)`; lifetime is everything before t. */
export type WindowSpec =
  | { readonly kind: 'sliding'; readonly widthMs: number; readonly delayMs: number }
  | { readonly kind: 'lifetime' }

export interface FeatureSpec {
  readonly name: string
  /** The aggregate's name in the engine's list. */
  readonly aggregate: string
  /** The source field it reads; absent for `count()` and `rate`. */
  readonly field?: string
  /** `rate` only: the share of rows for which this holds. */
  readonly matches?: Predicate
  /** `latest` only: a null value counts too. */
  readonly nulls?: 'keep'
  readonly where?: Predicate
  readonly window: WindowSpec
  /** Given instead of null when the window is empty. */
  readonly default?: Exclude<Value, null>
  readonly description?: string
}

export interface EntitySpec {
  readonly name: string
  readonly keys: readonly { readonly name: string; readonly type: KeyType }[]
}
export type KeyType = 'string' | 'int64' | 'bool' | 'uuid'

/** One field of an event as it arrives in JSON. */
export interface FieldSpec {
  readonly name: string
  readonly type: FieldType
  /** The JSON value may be null. */
  readonly nullable: boolean
  /** The JSON key may be absent. */
  readonly optional: boolean
  /** How a timestamp is written: RFC 3339 with an offset, or integer milliseconds. */
  readonly format?: 'iso' | 'ms' | 'uuid'
  readonly values?: readonly string[]
  /** Numbers: inclusive bounds. */
  readonly min?: number
  readonly max?: number
  readonly exclusiveMin?: number
  readonly exclusiveMax?: number
  /** Strings: length in UTF-16 code units, as zod counts. */
  readonly minLength?: number
  readonly maxLength?: number
}

export interface SourceSpec {
  readonly name: string
  readonly fields: readonly FieldSpec[]
  /** The field that holds the event's id (string, int or int64). */
  readonly id?: string
  /** What stands in for an id when the source has no id field and the sender gives none. */
  readonly idempotency?: 'content' | 'none'
  /** The field that holds the event time: a timestamp. */
  readonly time: string
  readonly maxFutureMs: number
  /** How long an id is remembered, by arrival. */
  readonly redeliveryHorizonMs: number
  readonly from: readonly { readonly kind: 'webhook' }[]
  readonly description?: string
}

export interface ViewSpec {
  readonly name: string
  readonly entity: string
  readonly source: string
  /** Entity key name to source field name. */
  readonly key: Readonly<Record<string, string>>
  readonly features: readonly FeatureSpec[]
  /** R of the exactness rule: the newest rows kept as rows. */
  readonly exactRows: number
  readonly allowedLatenessMs: number
  /** From when on the history is complete: everything, a time, or (absent) when it was first deployed. */
  readonly since?: 'beginning' | number
  readonly description?: string
}

export interface ServiceSpec {
  readonly name: string
  readonly version: number
  /** `view.feature`, in the order of the vector. */
  readonly features: readonly string[]
  readonly owner?: string
  readonly description?: string
  readonly tags?: readonly string[]
}

export interface DefinitionsSpec {
  readonly entities: readonly EntitySpec[]
  readonly sources: readonly SourceSpec[]
  readonly views: readonly ViewSpec[]
  readonly services: readonly ServiceSpec[]
}
