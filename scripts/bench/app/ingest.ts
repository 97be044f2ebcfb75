import { DurableObject } from 'cloudflare:workers'
import { featureShardOf } from '../../../durable-objects/feature-shard.ts'
import { forwarderOf } from '../../../durable-objects/forwarder.ts'
import { kafkaPartitionOf } from '../../../durable-objects/kafka-partition.ts'
import { storesOf } from '../../../durable-objects/stores.ts'
import { tableShardOf } from '../../../durable-objects/table-shard.ts'
import type { ApplyAnswer, ApplyMessage, ShardUnavailable } from '../../../src/shard/index.ts'
import { connectKafka, parseConnections } from '../../../src/source/index.ts'
import { createIngest } from '../../../workers/ingest/app.ts'
import { app } from './definitions.ts'

export { DeadLetters } from '../../../durable-objects/dead-letters.ts'

/** The very shard, with a count of its calls and the longest of them by its own clock (which in workerd does go on). */
export class FeatureShard extends featureShardOf(app)<IngestEnv> {
  private calls = 0
  private longestMs = 0

  override apply(message: ApplyMessage): ApplyAnswer | ShardUnavailable | Promise<ApplyAnswer | ShardUnavailable> {
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
    // Of the isolate, so of all shards in it.
    const storeOperations = storesOf(app, this.env).map(({ name, store }) => ({ name, ...store.operations }))
    return { ...this.stats(), calls, longestMs, storeOperations }
  }
}

export class TableShard extends tableShardOf(app)<IngestEnv> {}
export class Forwarder extends forwarderOf(app)<IngestEnv> {}
export class KafkaPartition extends kafkaPartitionOf(app)<IngestEnv> {}

/** The yardstick of a puller: the same client, which reads a partition to its end and does nothing with it. */
export class IdlePuller extends DurableObject<IngestEnv> {
  async pull(topic: string, partition: number): Promise<number> {
    const { kafka } = parseConnections(this.env.CONNECTIONS)
    const connection = kafka.default
    if (connection === undefined) throw new Error('the bench has no cluster')
    const client = connectKafka(connection, {
      fetch: (url, init) => fetch(url, init),
      now: () => Date.now(),
      random: () => Math.random(),
      name: 'idle',
    })
    const range = await client.offsets({ topic, partition })
    if (range.kind === 'failed') throw new Error(range.message)
    const read = (offset: number) => client.read({ topic, partition, offset, maxBytes: 1_048_576, waitMs: 500 })
    let records = 0
    // One page ahead, as a puller is.
    for (let offset = range.begin, ahead = read(offset); offset < range.end; ) {
      const page = await ahead
      if (page.kind !== 'records') throw new Error(JSON.stringify(page))
      records += page.records.length
      offset = page.next
      if (offset < range.end) ahead = read(offset)
    }
    return records
  }
}

/** The yardstick of a lookup: the least that a way through a Durable Object can cost. */
export class Ping extends DurableObject {
  ping(): number {
    return 1
  }
}

export default createIngest(app)
