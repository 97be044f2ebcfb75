export {
  type EntityRuntime,
  type FeatureRef,
  Plan,
  type Route,
  type SourceRuntime,
  type VectorPlan,
  type VectorRun,
} from './plan.ts'
export { type Region, regionNamed, type Shards, shardCount, tableShardCount } from './region.ts'
export {
  type Commit,
  formatCommit,
  formatShardName,
  hashKey,
  parseCommit,
  parseShardName,
  type ShardName,
  shardOf,
} from './sharding.ts'
