import type { ApplyAnswer, ApplyMessage, RowsAnswer, RowsMessage, ShardUnavailable } from './messages.ts'

/** A shard as a door sees it: over RPC in a deploy, in the same process in `localStore`. */
export interface ShardClient {
  apply(message: ApplyMessage): Promise<ApplyAnswer | ShardUnavailable>
}

/** The shards of one region, by entity and number. */
export interface ShardDirectory {
  /** As commits name it. */
  readonly region: string
  readonly epoch: number
  shardsOf(entity: string): number
  shard(entity: string, shard: number): ShardClient
}

/** The tables of one region, each in as many shards. */
export interface TableDirectory {
  readonly shards: number
  shard(source: string, shard: number): TableClient
}

/** A shard of a table as a door sees it. */
export interface TableClient {
  apply(message: ApplyMessage): Promise<ApplyAnswer | ShardUnavailable>
  /** The rows of some keys as the table has them now. */
  rows(message: RowsMessage): Promise<RowsAnswer | ShardUnavailable>
}
