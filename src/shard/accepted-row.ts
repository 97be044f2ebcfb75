import type { Part, Value } from '../engine/index.ts'

/** What an event, or a change of a table's row, was accepted as, for one entity: a row of the log. */
export interface AcceptedRow {
  /** The encoded key of the entity; null where the definitions of the time of writing fed none of this shard. */
  readonly key: string | null
  /** The shard's commit. An event that feeds two entities of a shard is two rows of one commit. */
  readonly seq: number
  readonly timeMs: number
  /** When the shard accepted it, ms: never falls with `seq`. */
  readonly availableAtMs: number
  /** Of a table -1 takes a row out. */
  readonly sign: 1 | -1
  /** What identified it in its source; null where its position did. */
  readonly id: string | null
  /** Of a table: the order key that its row was put in under. Null of a stream: there the shard and the commit are. */
  readonly row: (Part & { readonly seq: number }) | null
  /** Where it stood in its topic, or null. */
  readonly position: { readonly sequence: string; readonly incarnation: number; readonly offset: number } | null
  /** Of imported history: from when on it could be known by the rule of its import, ms; null: the import named no rule. */
  readonly imported: { readonly availableAtMs: number | null } | null
  /** Of a source with enrichments: the version of each row that it was enriched with, with commas between. */
  readonly stamps: string | null
  /** By the fields of the contract that it was accepted by. */
  readonly values: readonly Value[]
}
