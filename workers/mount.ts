/**
 * What a Worker of your own mounts: `tidemark/worker`. Give each factory your definitions and regions.
 *
 * @example
 * const app = { definitions, regions }
 * export class FeatureShard extends featureShardOf(app)<Env> {}
 * export class TableShard extends tableShardOf(app)<Env> {}
 * export class KafkaPartition extends kafkaPartitionOf(app)<Env> {}
 * export class Forwarder extends forwarderOf(app)<Env> {}
 * export { DeadLetters } from 'tidemark/worker'
 * export class RegionDoor extends regionDoorOf(app)<Env> {}
 * export default createIngest(app)
 */
export type { App } from '../durable-objects/app.ts'
export { DeadLetters } from '../durable-objects/dead-letters.ts'
export { featureShardOf } from '../durable-objects/feature-shard.ts'
export { forwarderOf } from '../durable-objects/forwarder.ts'
export { kafkaPartitionOf } from '../durable-objects/kafka-partition.ts'
export { tableShardOf } from '../durable-objects/table-shard.ts'
export { createIngest } from './ingest/app.ts'
export { regionDoorOf } from './ingest/region-door.ts'
export { createLookup, featureServiceOf, type GetOptions } from './lookup/app.ts'
