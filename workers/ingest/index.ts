import { featureShardOf } from '../../durable-objects/feature-shard.ts'
import { forwarderOf } from '../../durable-objects/forwarder.ts'
import { kafkaPartitionOf } from '../../durable-objects/kafka-partition.ts'
import { tableShardOf } from '../../durable-objects/table-shard.ts'
import { app } from '../app.ts'
import { createIngest } from './app.ts'
import { regionDoorOf } from './region-door.ts'

export { DeadLetters } from '../../durable-objects/dead-letters.ts'

/** One shard of one entity of this app. */
export class FeatureShard extends featureShardOf(app)<IngestEnv> {}

/** One shard of one table. */
export class TableShard extends tableShardOf(app)<IngestEnv> {}

/** One partition of a topic that a source reads. */
export class KafkaPartition extends kafkaPartitionOf(app)<IngestEnv> {}

/** Events of one source that wait to leave for the region that keeps them. */
export class Forwarder extends forwarderOf(app)<IngestEnv> {}

/** What the other regions ask of this one; only bindings lead to it. */
export class RegionDoor extends regionDoorOf(app)<IngestEnv> {}

export default createIngest(app)
