export { FileObjects } from './file-objects.ts'
export { OfflineError } from './offline-error.ts'
export { openLog, type ShardLog } from './open-log.ts'
export { type ShardHistory, type ShardHistoryOptions, shardHistory } from './view-backfill.ts'
