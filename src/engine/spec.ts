/**
 * What a user declares, as plain data: serialisable, hashed, diffed, and the only thing the engine compiles.
 * The declaration language of `src/define` produces these; nothing here has behaviour.
 */

/**
 * The type of one scalar. `timestamp` is integer milliseconds since the epoch, UTC; `decimal(s)` an exact decimal number of
 * at most 38 digits, s of them after the point.
 */
export type ScalarType = 'string' | 'bool' | 'int' | 'int64' | 'float64' | 'timestamp' | DecimalType
export type DecimalType = `decimal(${number})`

/** The type of a field of a source: a scalar, a list of scalars without nulls, or n numbers of float32 (an embedding). */
export type FieldType = ScalarType | `list(${ScalarType})` | `vector(${number})`

/** The type of a feature's value: what a field may be, or a map from the text of a group's key to such. */
export type ResultType = FieldType | `map(${FieldType})`

/** A checked scalar: `int` and `timestamp` are safe integers, `int64` is a bigint, `float64` is finite, a decimal is a bigint of its last digit's units. */
export type Scalar = string | number | bigint | boolean
/** A checked value: a list is an array, a vector a Float32Array, a map (of a grouped feature) an object without prototype. */
export type Value = Scalar | null | readonly Scalar[] | Float32Array | MapValue
export interface MapValue {
  readonly [key: string]: Value
}

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
      readonly value: Scalar
    }
  | { readonly op: 'in'; readonly field: string; readonly values: readonly Scalar[] }
  | {
      readonly op: 'between'
      readonly field: string
      readonly low: Scalar
      readonly high: Scalar
    }
  | { readonly op: 'prefix'; readonly field: string; readonly value: string }
  | { readonly op: 'isNull' | 'notNull'; readonly field: string }

/**
 * Which rows before t a feature is computed from; half-open. With `tailLimit` from kept rows alone: the newest so many rows
 * of the view, and a window that starts before the oldest of them, when some were let go, is an error.
 */
export type WindowSpec = (
  | SlidingWindow
  | TumblingWindow
  | CalendarWindow
  | SessionWindow
  | { readonly kind: 'lifetime' }
  /** The newest so many rows that the feature's `where` admits. */
  | { readonly kind: 'lastN'; readonly rows: number }
  /** Every row, weighted by `2^(-(t - time) / halfLifeMs)`. */
  | { readonly kind: 'decayed'; readonly halfLifeMs: number }
) & { readonly tailLimit?: number }

/** `[t - delay - width, t - delay)`. */
export interface SlidingWindow {
  readonly kind: 'sliding'
  readonly widthMs: number
  readonly delayMs: number
}

/** The last full bucket before `t - delay`, or the one that holds it up to there. */
export interface TumblingWindow {
  readonly kind: 'tumbling'
  readonly widthMs: number
  /** Where a bucket begins after a multiple of the width since the epoch, UTC. */
  readonly offsetMs: number
  readonly delayMs: number
  readonly value: 'closed' | 'running'
}

/** Buckets of a calendar, in a zone of the view's `zones`. */
export interface CalendarWindow {
  readonly kind: 'calendar'
  readonly unit: CalendarUnit
  readonly zone: string
  /** Where a bucket begins after the unit's own beginning, in local time. */
  readonly offsetMs: number
  readonly delayMs: number
  readonly value: 'closed' | 'running'
}
export type CalendarUnit = 'hour' | 'day' | 'week' | 'month'

/** The last session before t: rows at most `gapMs` apart. Its bounds follow all rows of the view, whatever `where` says. */
export interface SessionWindow {
  readonly kind: 'session'
  readonly gapMs: number
  /** A session that lasts longer is an error. */
  readonly maxMs: number
  /** A session whose last row is longer ago is empty. At least `gapMs`. */
  readonly keepLastMs: number
  /** `open`: empty once t is more than `gapMs` after its last row. */
  readonly value: 'last' | 'open'
}

/** A time zone as data, so that no host has to be asked: its offset from UTC until the first transition, then from each on. */
export interface ZoneSpec {
  readonly offsetMs: number
  /** Pairs of (UTC ms, offset in ms from then on), rising. */
  readonly transitions: readonly (readonly [atMs: number, offsetMs: number])[]
}

export interface FeatureSpec {
  readonly name: string
  /** The aggregate's name in the engine's list. */
  readonly aggregate: string
  /** The source field it reads; absent for `count()`, `rate` and alike. */
  readonly field?: string
  /** `argMin`, `argMax`: the field whose least or greatest value picks the row. */
  readonly orderBy?: string
  /** `rate`, `any`, `all`: what is asked of each row. */
  readonly matches?: Predicate
  /** What else the aggregate wants, by its own option names: `n`, `q`, `max`, ... Defaults are filled in. */
  readonly options?: AggregateOptions
  readonly where?: Predicate
  /** One value a value of this field, for at most `max` of them. Rows where it is null belong to no group. */
  readonly groupBy?: { readonly field: string; readonly max: number }
  readonly window: WindowSpec
  /** Given instead of the empty value when there is nothing to aggregate. */
  readonly default?: Scalar
  /** `latest`: a value whose row happened longer before t than this is hidden, and `expired`. The state does not know of it. */
  readonly ttlMs?: number
  readonly description?: string
}

export type AggregateOptions = Readonly<Record<string, string | number | boolean>>

export interface EntitySpec {
  readonly name: string
  readonly keys: readonly { readonly name: string; readonly type: KeyType }[]
  /** Over how many shards each entity is split, by the ids of its events; absent: 1. */
  readonly spread?: number
}
export type KeyType = 'string' | 'int64' | 'bool' | 'uuid'

/** One field of an event as it arrives in JSON. */
export interface FieldSpec extends ValueLimits {
  readonly name: string
  readonly type: FieldType
  /** Nobody sends it: it comes from a row of a table when the event is accepted. */
  readonly enriched?: true
  /** The JSON value may be null. */
  readonly nullable: boolean
  /** The JSON key may be absent. */
  readonly optional: boolean
  /** Lists: what each element keeps to; absent when its type says all. */
  readonly items?: ValueLimits
  /** Lists: how many elements. */
  readonly minItems?: number
  readonly maxItems?: number
}

/** What a scalar keeps to beside its type. */
export interface ValueLimits {
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
  /** Those that are sent, then those that are `enriched`, in the order of `enrich`. */
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
  readonly from: readonly IntakeSpec[]
  /** A table: its rows are changed and deleted, and every feature over it must be able to take a row back. */
  readonly changes?: TableSpec
  /** Where its enriched fields come from. */
  readonly enrich?: readonly EnrichSpec[]
  /** What is expected of it beyond its contract. */
  readonly expect?: readonly ExpectationSpec[]
  readonly description?: string
}

/** What makes a source a table. */
export interface TableSpec {
  /** The fields of the primary key. */
  readonly key: readonly string[]
}

/** Fields that an event takes from a row of a table, as the table has it when the event is accepted. */
export interface EnrichSpec {
  /** The table's source. */
  readonly table: string
  /** The event's fields that name the row, in the order of the table's primary key. */
  readonly on: readonly string[]
  /** The columns that are taken, each under the name of an enriched field. */
  readonly columns: readonly { readonly column: string; readonly as: string }[]
  /** What follows when the table has no such row: the fields are null, or the event is refused. */
  readonly unknown: 'null' | 'refuse'
}

/** What a source is expected to be like: of its fields, of how much comes, of how new it is. */
export type ExpectationSpec = FieldExpectation | VolumeExpectation | FreshnessExpectation

/** What each value of a field is expected to be, or (`nulls`) a share of them. All but `nulls` hold for null. */
export type FieldExpectation = (
  | { readonly kind: 'range'; readonly min?: Scalar; readonly max?: Scalar }
  | { readonly kind: 'oneOf'; readonly values: readonly Scalar[] }
  | { readonly kind: 'nulls'; readonly atMost: number }
) & {
  readonly field: string
  /** What becomes of an event that fails: refused, or accepted and counted. */
  readonly action: 'refuse' | 'count'
  /** It is broken by what failed in so long before now. */
  readonly overMs: number
}

export interface VolumeExpectation {
  readonly kind: 'volume'
  readonly atLeast: number
  readonly perMs: number
}

export interface FreshnessExpectation {
  readonly kind: 'fresh'
  readonly maxAgeMs: number
}

/** The field of a table's row that says when it was last changed, where no column says when it counts. */
export const CHANGE_TIME = '$time'

/** A way that records come in. */
export type IntakeSpec = WebhookIntake | KafkaIntake

/** `POST /v1/sources/{source}/events`. */
export interface WebhookIntake {
  readonly kind: 'webhook'
  /** What a body holds; absent: JSON, and CloudEvents where the headers say so. */
  readonly format?: FormatSpec
}

/** The partitions of a Kafka topic, pulled over HTTP. */
export interface KafkaIntake {
  readonly kind: 'kafka'
  readonly topic: string
  /** Names the cluster; its address and credentials are in the secret CONNECTIONS. */
  readonly cluster: string
  readonly format: FormatSpec
  /** Where a partition begins when it is first seen with the topic; one that is added later is read from its beginning. */
  readonly start: 'earliest' | 'latest'
  /** What follows when records were deleted before they were read. */
  readonly onGap: 'earliest' | 'latest' | 'halt'
  /** What becomes of a record that can never be taken: parked with the dead letters, or everything behind it waits. */
  readonly onPoison: 'park' | 'halt'
  /** How long a partition that is nearly read gathers records before it hands them over, ms: each piece costs rows written. */
  readonly lingerMs: number
  /** The longest pause between two looks at a topic in which nothing happens, ms. */
  readonly maxIdleMs: number
}

/** How the bytes of a record, or a body, become events. */
export type FormatSpec =
  | { readonly kind: 'json' }
  /** Avro behind the Confluent frame: byte 0, four bytes of schema id. `registry` names one of the secret CONNECTIONS. */
  | { readonly kind: 'avro'; readonly registry: string }
  | { readonly kind: 'cloudevents' }
  | DebeziumFormat
  /** The bytes as they are: fields `key`, `value` (texts), `headers` (JSON text), `timestamp` (ms). */
  | { readonly kind: 'raw' }

/** Debezium's envelopes: bare, with schema, or unwrapped. What a bare one does not tell is declared. */
export interface DebeziumFormat {
  readonly kind: 'debezium'
  /** Of a stream: rows that were inserted or snapshotted are events, changes and deletes are not. */
  readonly only?: 'inserts'
  /** Rows that ExtractNewRecordState unwrapped, no envelopes: over a table a null value under a key is then a delete. */
  readonly unwrapped?: true
  /** How the envelope itself is written. */
  readonly value: { readonly kind: 'json' } | { readonly kind: 'avro'; readonly registry: string }
  /** `decimal.handling.mode`: precise (base64 of the unscaled number), string, double. */
  readonly decimals: 'precise' | 'string' | 'double'
  /** `time.precision.mode`: of times that are integers. */
  readonly times: 'adaptive' | 'adaptive_time_microseconds' | 'connect' | 'isostring' | 'microseconds' | 'nanoseconds'
}

export interface ViewSpec {
  readonly name: string
  readonly entity: string
  /** Its source; of a view of several, what their union or join is called. */
  readonly source: string
  /** Entity key name to source field name. Empty where `inputs` say it. */
  readonly key: Readonly<Record<string, string>>
  /** The sources of a view of several: a union, or with `join` the left and the right of an interval join. */
  readonly inputs?: readonly ViewInput[]
  readonly join?: JoinSpec
  /** A source of it is a table: rows are taken back. */
  readonly changes?: true
  readonly features: readonly FeatureSpec[]
  /** The time zones that its calendar windows name. */
  readonly zones?: Readonly<Record<string, ZoneSpec>>
  /** R of the exactness rule: the newest rows kept as rows. */
  readonly exactRows: number
  readonly allowedLatenessMs: number
  /** From when on the history is complete: everything, a time, or (absent) when it was first deployed. */
  readonly since?: 'beginning' | number
  readonly description?: string
}

/** One of several sources of a view. */
export interface ViewInput {
  /** What the view calls it: `left` and `right` of a join. */
  readonly name: string
  readonly source: string
  /** Entity key name to source field name. */
  readonly key: Readonly<Record<string, string>>
}

/**
 * Every pair of a row of the input `left` and one of `right` that are at most `withinMs` apart, and every left row that has
 * none. A pair counts at the later of its two times, a left row without one at its own time + `withinMs`.
 */
export interface JoinSpec {
  /** Fields that are equal in both; null equals nothing. */
  readonly on: readonly { readonly left: string; readonly right: string }[]
  readonly withinMs: number
  /** `left-first`: the right row is not before the left one. */
  readonly order: 'any' | 'left-first'
  /** A window that needs more than so many of the newest joined rows is an error. */
  readonly maxPairs: number
}

export interface ServiceSpec {
  readonly name: string
  readonly version: number
  /** `view.feature`, in the order of the vector. */
  readonly features: readonly string[]
  /** How old what it is read from may be, ms, where a request does not say; absent: 0. */
  readonly maxStalenessMs?: number
  readonly owner?: string
  readonly description?: string
  readonly tags?: readonly string[]
}

/** What changes of an entity are published to. */
export interface FeatureTopicSpec {
  readonly name: string
  readonly entity: string
  /** Views of that entity, sorted. */
  readonly views: readonly string[]
  /** The Kafka topic; `{region}` in it stands for the region that publishes. */
  readonly topic: string
  /** Names the cluster; its address and credentials are in the secret CONNECTIONS. */
  readonly cluster: string
  /** How long changes gather, ms. */
  readonly flushMs: number
  /** Messages carry the canonical state. */
  readonly state: boolean
  readonly description?: string
}

export interface DefinitionsSpec {
  readonly entities: readonly EntitySpec[]
  readonly sources: readonly SourceSpec[]
  readonly views: readonly ViewSpec[]
  readonly services: readonly ServiceSpec[]
  /** Absent: none. */
  readonly topics?: readonly FeatureTopicSpec[]
}
