/**
 * What a Worker of your own mounts: `tidemark/worker`. Give each factory your definitions and regions.
 *
 * @example
 * const app = { definitions, regions }
 * export class FeatureShard extends featureShardOf(app)<Env> {}
 * export { DeadLetters } from 'tidemark/worker'
 * export default createIngest(app)
 */
export type { App } from '../durable-objects/app.ts'
export { DeadLetters } from '../durable-objects/dead-letters.ts'
export { featureShardOf } from '../durable-objects/feature-shard.ts'
export { createIngest } from './ingest/app.ts'
export { createLookup, featureServiceOf, type GetOptions } from './lookup/app.ts'
