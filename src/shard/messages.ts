import type { RefusalReason } from '../contract/index.ts'
import type { Part, Status } from '../engine/index.ts'

/**
 * What doors and shards say to each other. Texts inside, since a string over RPC costs a seventh of an array of objects.
 * During a deploy old and new code talk to each other: the version is checked first, and the plan's hash with it.
 */
export const MESSAGE_VERSION = 1

/** Of messages with imported history: code that does not know of it would take it for events that arrive, and refuse them as too late. */
export const IMPORT_VERSION = 2

/** One batch of one source's events for one shard. */
export interface ApplyMessage {
  readonly version: number
  readonly plan: string
  readonly source: string
  /** When the batch reached the door, ms: what `maxFutureMs` is judged against. */
  readonly arrivalMs: number
  /** The events, as a JSON array, in the order of the batch. */
  readonly events: string
  /** An id for each event, where the source has no field for it; null or undefined for one that has none. */
  readonly ids?: readonly (string | null | undefined)[]
  /** Where the events stand in their source: then that identifies them, and an event up to there is known. */
  readonly position?: MessagePosition
  /**
   * Where the events stand in the queue that another region forwarded them by: an event up to there is known. It says nothing else
   * of them, for they have an id as any event of a webhook.
   */
  readonly forward?: MessagePosition
  /**
   * Of an entity that is spread: which slice each event belongs to, a digit of base 36 an event. A shard has slices of many keys,
   * so it could not tell by itself which of an event's entities it is asked to count.
   */
  readonly slices?: string
  /** Of a table: what each event does to the rows of the views. */
  readonly contributions?: Contributions
  /** What the events are enriched with; absent when their source has no enrichment. */
  readonly stamps?: Stamps
  /** The dead letter that each event was: it goes back there when it is refused again. */
  readonly replays?: readonly string[]
  /**
   * Where each event first stood, undefined where that is not known. Of a table's replayed change `topic/incarnation/partition/offset`:
   * it orders the change among others of its row, and says nothing of what was taken in before. Of imported history `FILE:LINE`.
   */
  readonly places?: readonly (string | undefined)[]
  /**
   * The events are imported history: for each from when on it could be known by the rule of its import, ms, or null where the
   * import named none ({@link importedAt} holds it to its acceptance). Absent of all that arrives.
   */
  readonly imported?: readonly (number | null)[]
  /** To how many shards each event goes, a digit of base 36 an event: a refusal is a dead letter once all of them refused. */
  readonly fanout: string
}

/** Events of one sequence, in its order: a partition of a topic, or the contributions of a table's shard. */
export interface MessagePosition {
  /** Names the sequence within its source: `topic/partition`. */
  readonly sequence: string
  /** Greater for a later one of that name: a topic, or a queue, that was deleted and made again begins anew. */
  readonly incarnation: number
  /** Counts the readers of the sequence: one that another has followed is turned away. */
  readonly generation: number
  /** Where each event stands, rising. */
  readonly offsets: readonly number[]
}

/** Rows of a table that are put in and taken out again. */
export interface Contributions {
  /** The shard of the table that they come from: with `seqs`, what orders them and tells them from all others. */
  readonly part: Part
  /** For each event whose row was put in before the table's shard took over from another: by which. Absent when there is none. */
  readonly parts?: readonly (Part | null)[]
  /** `+` or `-` an event. */
  readonly signs: string
  /** For each event, the number that its row was put in by: a row is taken out under the number it came with. */
  readonly seqs: readonly number[]
  /** For each event, the contract that its row was checked by. */
  readonly contracts: readonly number[]
}

/** Rows of tables as they were when a batch reached the door. They are kept with the batch: what was accepted stays enriched as it was. */
export interface Stamps {
  /** Each row once, a JSON array of `[version, column, ...]`. */
  readonly rows: string
  /** For each event, and each enrichment of its source, the row's place in `rows`, or nothing: numbers with commas between. */
  readonly of: string
}

/** Asks a shard of a table for rows, to enrich events with. */
export interface RowsMessage {
  readonly version: number
  readonly plan: string
  /** Encoded primary keys. */
  readonly keys: readonly string[]
  readonly columns: readonly string[]
}

/**
 * For each key a JSON array of `[version, column, ...]`, or null when the table has no such row. The version is
 * `epoch/shard/number` of the row as it was put in. May end before the keys do, where the rows are long: ask for the rest.
 */
export interface RowsAnswer {
  readonly rows: readonly (string | null)[]
}

export interface ShardRefusal {
  /** Place in the message. */
  readonly index: number
  readonly reason: RefusalReason
  readonly field?: string
  readonly message: string
}

/** One letter an event: accepted, duplicate, refused. */
export type Verdict = 'a' | 'd' | 'r'

export interface ApplyAnswer {
  readonly verdicts: string
  readonly refused: readonly ShardRefusal[]
  /** The shard's commit number after the batch. */
  readonly seq: number
}

/**
 * Why a shard did not look at a message at all: nothing happened, the caller may try again. `sealed`: a later epoch has taken over
 * from it. `opening`: it is still taking over itself. `spread`: it has only a slice of what was asked for.
 */
export interface ShardUnavailable {
  readonly unavailable: 'unknown_version' | 'unknown_plan' | 'overloaded' | 'fenced' | 'sealed' | 'opening' | 'spread'
  readonly message: string
}

/** A read of some entities of one shard. */
export interface ReadMessage {
  readonly version: number
  readonly plan: string
  /** The request time, ms. */
  readonly t: number
  /** Encoded entity keys. */
  readonly keys: readonly string[]
  /** The `ref` of a run of features, all of this shard's entity. */
  readonly run: string
  /** A commit number that the read must see. */
  readonly after?: number
}

/** Rows in the order of the keys, each a text of fields that `serve` joins into the answer. */
export type ReadAnswer =
  | { readonly rows: readonly RowText[]; readonly seq: number }
  | { readonly tooOld: { readonly row: number; readonly oldestMs: number } }
  | { readonly notYet: { readonly seq: number } }

/** One entity's part of a vector, an entry a feature, in the order that was asked. */
export interface RowText {
  /** JSON, with commas between. */
  readonly values: string
  /** A letter a feature: `STATUS_OF` has what it stands for. */
  readonly statuses: string
  /** `1` or `0` a feature. */
  readonly exact: string
  /** The newest event before t that this entity has in the views read, ms, or null. */
  readonly eventTimeMs: number | null
  /** For each partial value, since when its history is complete, ms; null for the others. Absent when none is partial. */
  readonly since?: readonly (number | null)[]
  /** For each value that is an error, why; null for the others. Absent when none is. */
  readonly reasons?: readonly (string | null)[]
}

/** Statuses as letters: a vector of 20 features says them in 20 bytes instead of 200. */
export const STATUS_OF: Readonly<Record<string, Status>> = {
  p: 'present',
  e: 'empty',
  m: 'missing',
  s: 'partial',
  x: 'error',
  t: 'timeout',
  o: 'expired',
}

/** The letter of a status. */
export const LETTER_OF = Object.fromEntries(
  Object.entries(STATUS_OF).map(([letter, status]) => [status, letter]),
) as Readonly<Record<Status, string>>
