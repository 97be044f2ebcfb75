export { type ColumnType, columnsOf, columnType, type LogColumn, OWN_PREFIX } from './log/columns.ts'
export type { LoggedRow } from './log/logged-row.ts'
export {
  AHEAD_MS,
  editManifest,
  isWhole,
  type LogEdit,
  type LogShard,
  MANIFEST_FORMAT,
  type Manifest,
  manifestKey,
  manifestPrefix,
  namesObject,
  type Removal,
  readManifest,
  rewrittenKey,
  type Segment,
  segmentKey,
  shardOfKey,
  wholeSince,
  writeManifest,
} from './log/manifest.ts'
export { howStored, SEGMENT_FORMAT, SegmentBuilder, type SegmentFooter, schemaOf } from './log/segment.ts'
export { LOG_FLUSH_MS, ShardLog, type ShardLogOptions, type ShardLogStatus, sha256 } from './log/shard-log.ts'
export { type ListedObject, MemoryObjects, type ObjectStore, type StoredObject } from './objects.ts'
export { type R2, R2Objects } from './r2-objects.ts'
export { ALWAYS, type CompleteSince, EntityReplay, type ReplayRow } from './replay.ts'
export { ViewHistory } from './view-history.ts'
