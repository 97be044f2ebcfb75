import {
  createIngest,
  featureShardOf,
  forwarderOf,
  kafkaPartitionOf,
  regionDoorOf,
  tableShardOf,
} from 'tidemark/worker'
import { app } from './app.ts'

export { DeadLetters } from 'tidemark/worker'
export class FeatureShard extends featureShardOf(app)<IngestEnv> {}
export class TableShard extends tableShardOf(app)<IngestEnv> {}
export class KafkaPartition extends kafkaPartitionOf(app)<IngestEnv> {}
export class Forwarder extends forwarderOf(app)<IngestEnv> {}
export class RegionDoor extends regionDoorOf(app)<IngestEnv> {}

export default createIngest(app)
