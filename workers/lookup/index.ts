import { WorkerEntrypoint } from 'cloudflare:workers'

export class FeatureService extends WorkerEntrypoint<LookupEnv> {
  async get(): Promise<string> {
    return this.env.SHARDS.get(this.env.SHARDS.idFromName('a')).ping()
  }
}

export default {
  async fetch(_request: Request, env: LookupEnv): Promise<Response> {
    return new Response(await env.SHARDS.get(env.SHARDS.idFromName('a')).ping())
  },
}
