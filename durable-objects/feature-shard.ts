import { DurableObject } from 'cloudflare:workers'

export class FeatureShard extends DurableObject<IngestEnv> {
  ping(): string {
    return 'shard'
  }
}
