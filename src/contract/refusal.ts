import { ExactNumber } from './exact-number.ts'

/**
 * Why an event was not taken. The first group is found by the contract, the second by the shard; the union is closed:
 * dead letters, metrics and clients branch on it.
 */
export type RefusalReason =
  | 'bad_json'
  | 'bad_encoding'
  | 'unknown_schema'
  | 'bad_envelope'
  | 'not_object'
  | 'missing_field'
  | 'missing_id'
  | 'wrong_type'
  | 'out_of_range'
  | 'not_in_enum'
  | 'bad_time'
  | 'too_old_time'
  | 'future_time'
  | 'ill_formed_string'
  | 'too_large'
  | 'missing_key'
  | 'too_late'
  | 'unknown_row'
  | 'expectation'
  | 'poison'
  | 'conflict'

/** A refusal is a value, never an exception: one bad event harms no other. */
export interface Refusal {
  readonly reason: RefusalReason
  /** The field it is about, if it is about one. */
  readonly field?: string
  /** What came (cut short) and what was expected. */
  readonly message: string
}

/** A refusal; `field` is left out when there is none. */
export function refusal(reason: RefusalReason, message: string, field?: string): Refusal {
  return field === undefined ? { reason, message } : { reason, field, message }
}

/** Tells a refusal from a checked event, a key or a list of spans: nothing else of the contract has a `reason`. */
export function isRefusal(result: object): result is Refusal {
  return 'reason' in result
}

const SHOWN_UNITS = 48

/** A value as it came, for a message: at most 48 characters, no line breaks, never more of a payload than needed. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (typeof value === 'bigint') return cut(String(value))
  if (value instanceof ExactNumber) return cut(value.source)
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (typeof value === 'object' && value !== null) return 'an object'
  if (typeof value !== 'string') return String(value)
  return cut(value, JSON.stringify)
}

function cut(text: string, quoted = (part: string) => part): string {
  return text.length > SHOWN_UNITS
    ? `${quoted(text.slice(0, SHOWN_UNITS))}... (${text.length} characters)`
    : quoted(text)
}
