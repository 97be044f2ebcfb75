export type { Destinations, Sending } from './contributor.ts'
export {
  type HandedRows,
  type ParentTable,
  TableHandOver,
  type TableHead,
  type TableRest,
} from './hand-over.ts'
export { TableHeir } from './heir.ts'
export { MemoryTableStorage } from './memory-storage.ts'
export type { TableStorage } from './storage.ts'
export { TableShard, type TableShardOptions } from './table-shard.ts'
