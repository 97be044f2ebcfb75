/** A row of the log: what a shard accepted. */
export type { AcceptedRow as LoggedRow } from '../../shard/index.ts'
