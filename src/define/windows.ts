import type { CalendarUnit } from '../engine/index.ts'
import type { Duration } from '../util/duration.ts'

/** The kinds of windows that are written; a tumbling one may be of a calendar. */
export type WindowKind = 'sliding' | 'tumbling' | 'session' | 'lifetime' | 'lastN' | 'decayed'

/**
 * A window as it is written in a definition, checked when its view is declared. Made by {@link sliding}, {@link tumbling},
 * {@link session}, {@link lifetime}, `lastN(n)` and {@link decayed}.
 */
export class WindowChoice<Kind extends WindowKind = WindowKind> {
  readonly kind: Kind
  /** Width, gap, half-life or number of rows, as it was given. */
  readonly size: unknown
  readonly options: object

  constructor(kind: Kind, size: unknown, options: object) {
    this.kind = kind
    this.size = size
    this.options = options
  }
}

/**
 * `tail: 'exact'` computes from kept rows alone: the newest `limit` rows of the entity in this view (1 to 10,000) are kept
 * and none is folded. A window that starts before the oldest of them, when some were let go, has status `error`, reason
 * `limit`. Over a table, what cannot take a row back needs it.
 */
export type TailOptions =
  | { readonly tail?: never; readonly limit?: never }
  | { readonly tail: 'exact'; readonly limit: number }

/** The options of {@link sliding}. */
export type SlidingOptions = TailOptions & {
  /** Moves the window back: `[t - delay - width, t - delay)`; default none. */
  readonly delay?: Duration
}

/** The options of {@link tumbling}. */
export type TumblingOptions = TailOptions & {
  /** Where a bucket begins, after a multiple of the width since 1970 or after the calendar unit's own beginning; default 0. */
  readonly offset?: Duration
  /** `'closed'`, the default: the last full bucket. `'running'`: the one that holds the request's time, up to there. */
  readonly value?: 'closed' | 'running'
  /** Moves t back before the bucket is looked up; default none. */
  readonly delay?: Duration
}

/** The options of {@link tumbling} over a calendar. */
export type CalendarOptions = TumblingOptions & {
  /** The IANA name of the time zone whose days these are; default `'UTC'`. */
  readonly timeZone?: string
}

/** The options of {@link session}. */
export type SessionOptions = TailOptions & {
  /** A session that lasts longer has status `error`, reason `limit`; at least the gap. Default `'1d'` or 24 gaps, whichever is longer. */
  readonly max?: Duration
  /** How long after its last event a session is still told; at least the gap. Default `'1d'` or the gap, whichever is longer. */
  readonly keepLast?: Duration
  /** `'last'`, the default: the open session, else the one before. `'open'`: nothing once it is closed. */
  readonly value?: 'last' | 'open'
}

/**
 * The events of the last `width` before the request's time t: `[t - width, t)`, or `[t - delay - width, t - delay)`.
 * `.over('5m')` is short for `.over(sliding('5m'))`.
 *
 * @param width a duration of at least 128 ms
 * @example sum(e.amount).over(sliding('1h', { delay: '1d' })) // the same hour, yesterday
 */
export function sliding(width: Duration, options: SlidingOptions = {}): WindowChoice<'sliding'> {
  return new WindowChoice('sliding', width, options)
}

/**
 * Buckets side by side: the last full one before t, or with `{ value: 'running' }` the one that holds t, up to t. Of a fixed
 * width, counted from 1970-01-01T00:00Z, or of a calendar in a time zone, where a day may have 23 or 25 hours. Weeks begin on
 * Monday.
 *
 * @param width a duration of at least 128 ms, or `'hour'`, `'day'`, `'week'`, `'month'`
 * @example sum(e.amount).over(tumbling('15m'))
 * @example count().over(tumbling('day', { timeZone: 'Europe/Berlin', value: 'running' })) // today so far
 */
export function tumbling(width: Duration, options?: TumblingOptions): WindowChoice<'tumbling'>
export function tumbling(unit: CalendarUnit, options?: CalendarOptions): WindowChoice<'tumbling'>
export function tumbling(width: Duration | CalendarUnit, options: CalendarOptions = {}): WindowChoice<'tumbling'> {
  return new WindowChoice('tumbling', width, options)
}

/**
 * The session that is open at t, else the last one: events at most `gap` apart. Its bounds follow all events of the view;
 * `.where` filters inside of them.
 *
 * @param gap events exactly this far apart still belong together
 * @example count().where(e.type.eq('click')).over(session('30m', { max: '12h' }))
 */
export function session(gap: Duration, options: SessionOptions = {}): WindowChoice<'session'> {
  return new WindowChoice('session', gap, options)
}

/**
 * All events before the request's time.
 *
 * @example count().over(lifetime())
 */
export function lifetime(options: TailOptions = {}): WindowChoice<'lifetime'> {
  return new WindowChoice('lifetime', undefined, options)
}

/**
 * All events, each weighing half as much after every `halfLife`: `2^(-(t - time) / halfLife)`. For aggregates that are made
 * of counts and sums; the value is a float64. Events 64 half-lives ago count nothing.
 *
 * @example sum(e.amount).over(decayed('7d'))
 */
export function decayed(halfLife: Duration, options: TailOptions = {}): WindowChoice<'decayed'> {
  return new WindowChoice('decayed', halfLife, options)
}

/** A window as it would be written with these options too, for messages that say how to mend one. */
export function windowText({ kind, size, options }: WindowChoice, more: object): string {
  const entries = Object.entries({ ...options, ...more }).map(([option, value]) => `${option}: ${valueText(value)}`)
  return `${kind}(${size === undefined ? '' : `${valueText(size)}, `}{ ${entries.join(', ')} })`
}

function valueText(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value)
}
