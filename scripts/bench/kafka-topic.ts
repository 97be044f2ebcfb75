/** What the bench of Kafka does to its broker. */
import { setTimeout as pause } from 'node:timers/promises'
import { Admin } from '@platformatic/kafka'
import { type Cluster, connectCluster } from '../kafka-http-bridge/cluster.ts'
import { appendRecords } from '../kafka-http-bridge/writing.ts'

const POLL_MS = 50

export class BenchTopic {
  private readonly cluster: Cluster
  private readonly admin: Admin
  private readonly name: string

  constructor(broker: string, name: string) {
    this.cluster = connectCluster({ brokers: [broker], clientId: 'bench', connection: {} })
    this.admin = new Admin({ clientId: 'bench', bootstrapBrokers: [broker], retries: 20, retryDelay: 250 })
    this.name = name
  }

  async close(): Promise<void> {
    await Promise.all([this.cluster.close(), this.admin.close()])
  }

  /** Makes the topic, anew where it is there. */
  async make(partitions: number): Promise<void> {
    const find = () => this.cluster.topic(this.name, true)
    if ((await find()) !== undefined) await this.admin.deleteTopics({ topics: [this.name] })
    while ((await find()) !== undefined) await pause(POLL_MS)
    await this.admin.createTopics({ topics: [this.name], partitions, replicas: 1 })
    for (;;) {
      const found = await find()
      if (found?.leaders.length === partitions && found.leaders.every((leader) => leader >= 0)) return
      await pause(POLL_MS)
    }
  }

  async append(partition: number, texts: readonly string[]): Promise<void> {
    const timestampMs = Date.now()
    const written = await appendRecords(
      this.cluster,
      texts.map((text) => ({
        topic: this.name,
        partition,
        key: null,
        value: Buffer.from(text),
        headers: [],
        timestampMs,
      })),
    )
    const failed = written.find(({ kind }) => kind !== 'written')
    if (failed && failed.kind !== 'written') throw new Error(failed.message)
  }
}
