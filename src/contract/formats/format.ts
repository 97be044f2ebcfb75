import { CHANGE_TIME } from '../../engine/index.ts'
import type { Refusal } from '../refusal.ts'

/** A record as a broker or a sender gives it. Bytes are exact: null is not empty. */
export interface SourceRecord {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  /**
   * The value as a text, when it came as one: exactly the bytes of `value` in UTF-8. A decoder that wants text takes this
   * first and saves encoding and decoding; absent says nothing about the bytes.
   */
  readonly valueText?: string
  /** By name in lower case; of a repeated name the last. */
  readonly headers: ReadonlyMap<string, Uint8Array>
  /** When the broker or the producer says it was written, ms. */
  readonly timestampMs: number | null
}

/** What a record turned out to be. */
export type Decoded =
  /**
   * One event, as the text of a JSON object that the source's contract can check: `int64` as a plain JSON number of any
   * length, decimals as texts, bytes as the contract's field wants them. `id` identifies it where the format has an id of its own.
   * Over a table (see {@link CHANGE}) it is a change.
   */
  | { readonly kind: 'event'; readonly text: string; readonly id?: string }
  /** Nothing to take in, and nothing wrong: `tombstone`, `heartbeat`, `not_insert`, `transaction`, `message`, `schema_change`. */
  | { readonly kind: 'skipped'; readonly why: string }
  | { readonly kind: 'refused'; readonly why: Refusal }
  /** Its writer schema is not known yet: load it, have it checked against the contract, and decode again. */
  | { readonly kind: 'schema'; readonly registry: string; readonly id: number }

/** What a format reads of a record beside its value. */
export interface ReadBeside {
  readonly key?: true
  /** Whether it looks at the header of this name, in lower case. */
  header(name: string): boolean
  /** {@link SourceRecord.timestampMs} */
  readonly time?: true
}

/** Makes events of records, one at a time; never throws. */
export interface Decoder {
  decode(record: SourceRecord): Decoded
  /** Absent where the value says everything. A record that is decoded again later must have it still. */
  readonly beside?: ReadBeside | undefined
}

/**
 * How a change of a table's row is written as one JSON object: the row's fields at the top (of a delete, the key's), and beside
 * them what else there is to say, under names that no field has.
 *
 * - `$op`: `c` created, `u` updated, `r` read by a snapshot, `d` deleted, `t` all rows deleted (truncate: no fields)
 * - `$lsn`: where in the database's log, a text of decimal digits; absent when unknown
 * - `$order`: its place in its transaction, a whole number; absent when unknown
 * - `$time`: when it was committed, ms
 * - `$unchanged`: names of fields that the database did not send because they did not change
 */
export const CHANGE = {
  op: '$op',
  lsn: '$lsn',
  order: '$order',
  time: CHANGE_TIME,
  unchanged: '$unchanged',
} as const
export type ChangeOp = 'c' | 'u' | 'r' | 'd' | 't'
