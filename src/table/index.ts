export type { Destinations, Sending } from './contributor.ts'
export { MemoryTableStorage } from './memory-storage.ts'
export type { TableStorage } from './storage.ts'
export { TableShard, type TableShardOptions } from './table-shard.ts'
