/** How the sources of a deployment do, over HTTP. */
import type { Barrier, PullerState, ResumeOptions } from '../../src/source/index.ts'
import type { IngestClient } from '../lib/ingest-client.ts'

/** A partition as the Worker shows it. */
export interface PartitionStatus extends PullerState {
  /** It waits for a restore of the region to end. */
  readonly isHeld?: true
  readonly topic: string
  readonly partition: number
  /** Records behind the end of the partition, as last seen; null when that is not known. */
  readonly lag: number | null
  /** The command that makes one go on that is halted or waits. */
  readonly resume?: string
}

export interface TopicStatus {
  readonly topic: string
  readonly cluster: string
  /** Why its partitions could not be listed. */
  readonly problem?: string
  readonly partitions: readonly PartitionStatus[]
}

/** Events that wait in this region for the one that keeps them. */
export interface ForwardStatus {
  readonly home: string
  readonly events: number
  readonly bytes: number
  /** When the oldest of them came in, ms; null when none waits. */
  readonly oldestMs: number | null
  /** Why nothing left when it was last tried. */
  readonly problem?: string
  /** The first of them are turned away again and again: so often, since (ms). */
  readonly stuck?: { readonly tries: number; readonly sinceMs: number }
}

export interface SourceStatus {
  readonly source: string
  readonly kind: 'stream' | 'table'
  /** `webhook`, `kafka`: one an intake. */
  readonly from: readonly string[]
  readonly topics: readonly TopicStatus[]
  /** Absent where every event is kept in this region, and nothing waits for one that kept some before. */
  readonly forwards?: readonly ForwardStatus[]
}

export interface SourceList {
  readonly region: string
  readonly sources: readonly SourceStatus[]
}

/** One partition of a source. */
export interface PartitionName {
  readonly source: string
  readonly topic: string
  readonly partition: number
}

export const partitionText = ({ topic, partition }: Pick<PartitionName, 'topic' | 'partition'>): string =>
  `${topic}/${partition}`

export class SourcesClient {
  private readonly ingest: IngestClient

  constructor(ingest: IngestClient) {
    this.ingest = ingest
  }

  list(): Promise<SourceList> {
    return this.ingest.ask('GET', '/v1/sources')
  }

  get(source: string): Promise<SourceStatus> {
    return this.ingest.ask('GET', `/v1/sources/${encodeURIComponent(source)}`)
  }

  wake(): Promise<SourceList> {
    return this.ingest.ask('POST', '/v1/sources/wake')
  }

  /** Throws an Error when the source has no such partition, or its topic could not be listed. */
  async partition(name: PartitionName): Promise<PartitionStatus> {
    const { topics } = await this.get(name.source)
    const topic = topics.find((one) => one.topic === name.topic)
    if (topic?.problem !== undefined) throw new Error(topic.problem)
    const found = topic?.partitions.find(({ partition }) => partition === name.partition)
    if (found !== undefined) return found
    const known = topics.flatMap(({ partitions }) => partitions.map(partitionText))
    throw new Error(`${name.source} has no partition ${partitionText(name)}; it has ${known.join(', ') || 'none'}.`)
  }

  resume(name: PartitionName, options: ResumeOptions): Promise<PartitionStatus> {
    return this.act(name, 'resume', options)
  }

  handOver(name: PartitionName): Promise<Barrier> {
    return this.act(name, 'hand-over', {})
  }

  takeOver(name: PartitionName, barrier: Barrier): Promise<PartitionStatus> {
    return this.act(name, 'take-over', barrier)
  }

  /** Takes what is first and stuck out of the queue for another region: it is kept as dead letters. */
  skip(source: string, home: string): Promise<{ readonly skipped: number; readonly status: ForwardStatus }> {
    return this.ingest.ask(
      'POST',
      `/v1/sources/${encodeURIComponent(source)}/forwards/${encodeURIComponent(home)}/skip`,
    )
  }

  private act<T>({ source, topic, partition }: PartitionName, action: string, body: object): Promise<T> {
    const path = [source, 'partitions', topic, String(partition), action].map(encodeURIComponent).join('/')
    return this.ingest.ask('POST', `/v1/sources/${path}`, body)
  }
}
