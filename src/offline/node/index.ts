export type { FeatureTally, Mismatch, ParityReport, Skip, Verdict } from '../parity/index.ts'
export { type DuckOptions, openDuck } from './duck.ts'
export { type EntityHistory, type EntityHistoryOptions, entityHistory } from './entity-history.ts'
export { ID_COLUMN, KNOWN_COLUMN } from './event-rows.ts'
export { FileObjects } from './file-objects.ts'
export { HttpObjects, type HttpPlace } from './http-objects.ts'
export { mirrorLog } from './mirror.ts'
export { OfflineError } from './offline-error.ts'
export { openLog, type ShardLog } from './open-log.ts'
export { checkParity, type ParityOptions } from './parity/index.ts'
export { type Recomputed, type RecomputeOptions, recompute, type VectorRequest } from './recompute.ts'
export { type MissingEvents, type RouteGap, type RouteGapOptions, routeGap } from './route-gap.ts'
export type { SetManifest } from './training/set-manifest.ts'
export { readSetManifest } from './training/set-manifest.ts'
export { type TrainingProgress, type TrainingSetOptions, trainingSet } from './training/training-set.ts'
export {
  type Compacted,
  type CompactOptions,
  compact,
  type ErasedAt,
  type ErasedLog,
  type ErasedServed,
  type Expired,
  type Expiring,
  eraseLog,
  eraseServed,
  eraseUnnamed,
  expire,
  expiring,
  findPerson,
  groupsOf,
  keySha256,
  type LogEditor,
  type Person,
  type Proof,
  prove,
  readManifests,
  type SweepOptions,
  type Swept,
  sweep,
  type Upkeep,
} from './upkeep/index.ts'
export { type ShardHistory, type ShardHistoryOptions, shardHistory } from './view-backfill.ts'
