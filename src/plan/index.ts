export { deploymentHash } from './deployment.ts'
export { countIn, epochProblems, epochsFrom, type Lineage, lineageOf, type ShardKind } from './epochs.ts'
export { LOG_BINDING, logBucket } from './log.ts'
export {
  type EntityRuntime,
  type FeatureRef,
  Plan,
  type Route,
  type SourceRuntime,
  type VectorPlan,
  type VectorRun,
} from './plan.ts'
export {
  environmentAround,
  environmentOf,
  type LogSpec,
  oldestEpochOf,
  type Region,
  regionBinding,
  regionNamed,
  type ShardEpoch,
  type Shards,
  STORE_KINDS,
  type StoreKind,
  type StoreSpec,
  shardCount,
  tableShardCount,
} from './region.ts'
export { LOCATIONS, regionProblems } from './region-problems.ts'
export { holdersOf, homesOf, pullingRegion, type Routing, routingOf, type SourceRouting } from './routing.ts'
export { routingProblems } from './routing-problems.ts'
export {
  type Commit,
  formatCommit,
  formatShardName,
  hashKey,
  parseCommit,
  parseShardName,
  type ShardName,
  shardOf,
  sliceIn,
  sliceOf,
  sliceShard,
  spreadOf,
} from './sharding.ts'
export { copyEpochsOf, kvBinding, storeName } from './stores.ts'
