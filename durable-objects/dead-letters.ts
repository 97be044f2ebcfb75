import { DurableObject } from 'cloudflare:workers'

export class DeadLetters extends DurableObject<IngestEnv> {
  ping(): string {
    return 'dead letters'
  }
}
