import { DurableObject } from 'cloudflare:workers'
import { featureShardOf } from '../../../durable-objects/feature-shard.ts'
import type { ApplyAnswer, ApplyMessage, ShardUnavailable } from '../../../src/shard/index.ts'
import { createIngest } from '../../../workers/ingest/app.ts'
import { app } from './definitions.ts'

export { DeadLetters } from '../../../durable-objects/dead-letters.ts'

/** The very shard, with a count of its calls and the longest of them by its own clock (which in workerd does go on). */
export class FeatureShard extends featureShardOf(app)<IngestEnv> {
  private calls = 0
  private longestMs = 0

  override apply(message: ApplyMessage): ApplyAnswer | ShardUnavailable {
    this.calls++
    const startedMs = performance.now()
    try {
      return super.apply(message)
    } finally {
      this.longestMs = Math.max(this.longestMs, performance.now() - startedMs)
    }
  }

  /** The counters since the last call, and begins anew. */
  benchStats() {
    const { calls, longestMs } = this
    this.calls = 0
    this.longestMs = 0
    return { ...this.stats(), calls, longestMs }
  }
}

/** The yardstick of a lookup: the least that a way through a Durable Object can cost. */
export class Ping extends DurableObject {
  ping(): number {
    return 1
  }
}

export default createIngest(app)
