import { featureShardOf } from '../../../durable-objects/feature-shard.ts'
import { forwarderOf } from '../../../durable-objects/forwarder.ts'
import { kafkaPartitionOf } from '../../../durable-objects/kafka-partition.ts'
import { tableShardOf } from '../../../durable-objects/table-shard.ts'
import { createIngest } from '../../../workers/ingest/app.ts'
import { regionDoorOf } from '../../../workers/ingest/region-door.ts'
import { app } from './definitions.ts'

export { DeadLetters } from '../../../durable-objects/dead-letters.ts'
export class FeatureShard extends featureShardOf(app)<IngestEnv> {}
export class TableShard extends tableShardOf(app)<IngestEnv> {}
export class KafkaPartition extends kafkaPartitionOf(app)<IngestEnv> {}
export class Forwarder extends forwarderOf(app)<IngestEnv> {}
export class RegionDoor extends regionDoorOf(app)<IngestEnv> {}

export default createIngest(app)
