import type { OutboxStorage } from '../shard/index.ts'

/**
 * What a table's shard asks of its storage: the last row of each key, what is on its way to the entities, and what was
 * refused. Two implementations: SQLite in a Durable Object, and memory. Every write of a batch is in one `transaction`.
 */
export interface TableStorage {
  transaction(work: () => void): void

  readMeta(key: string): string | undefined
  writeMeta(key: string, value: string): void

  /** Rows by the text of their primary key. */
  readRow(key: string): string | undefined
  /** `round`: the copying of rows that was begun last; 0 before the first. */
  writeRow(key: string, body: string, round: number): void
  deleteRow(key: string): void
  /** Rows behind a key, in the order of their keys; from the first with null. Only those that were written in this round or later. */
  scanRows(after: string | null, limit: number, round?: number): { readonly key: string; readonly body: string }[]

  /** Contributions on their way to the shards of entities. */
  readonly contributions: OutboxStorage
  /** Refusals on their way to the dead letters. */
  readonly letters: OutboxStorage
}
