export { DeadLetters } from '../../durable-objects/dead-letters.ts'
export { FeatureShard } from '../../durable-objects/feature-shard.ts'

export default {
  async fetch(_request: Request, env: IngestEnv): Promise<Response> {
    return new Response(await env.SHARDS.get(env.SHARDS.idFromName('a')).ping())
  },
}
