import { featureShardOf } from '../../durable-objects/feature-shard.ts'
import { app } from '../app.ts'
import { createIngest } from './app.ts'

export { DeadLetters } from '../../durable-objects/dead-letters.ts'

/** One shard of one entity of this app. */
export class FeatureShard extends featureShardOf(app)<IngestEnv> {}

export default createIngest(app)
