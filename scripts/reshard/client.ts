/** The shards of a deployment's epochs, over HTTP. */
import type { HeirProgress } from '../../src/shard/index.ts'
import type { IngestClient } from '../lib/ingest-client.ts'

export interface EpochCounts {
  readonly epoch: number
  readonly entities: Readonly<Record<string, number>>
  readonly tables: Readonly<Record<string, number>>
}

/** What is deployed. */
export interface Deployed {
  readonly region: string
  readonly current: EpochCounts
  readonly next: EpochCounts | null
  readonly previous: EpochCounts | null
}

/** A shard as the Worker shows it. */
export interface ShardStatus {
  readonly state: 'open' | 'copying' | 'sealed'
  readonly seq: number
  readonly entities: number
  readonly bytes: number
  readonly taken?: HeirProgress
}

/** The shards of one entity or table in one epoch. */
export interface Counted {
  readonly epoch: number
  readonly kind: 'entity' | 'table'
  readonly name: string
}

export interface Worked {
  readonly done: boolean
  readonly status: ShardStatus
}

export class EpochsClient {
  private readonly ingest: IngestClient

  constructor(ingest: IngestClient) {
    this.ingest = ingest
  }

  deployed(): Promise<Deployed> {
    return this.ingest.ask('GET', '/v1/epochs')
  }

  async shards(of: Counted): Promise<readonly ShardStatus[]> {
    const { shards } = await this.ingest.ask<{ readonly shards: readonly ShardStatus[] }>('GET', path(of))
    return shards
  }

  /** Copies for some seconds; `done` when everything is there that was there when it began. */
  prepare(of: Counted, shard: number): Promise<Worked> {
    return this.ingest.ask('POST', `${path(of)}/${shard}/prepare`)
  }

  open(of: Counted, shard: number): Promise<Worked> {
    return this.ingest.ask('POST', `${path(of)}/${shard}/open`)
  }
}

const path = ({ epoch, kind, name }: Counted): string => `/v1/epochs/${epoch}/${kind}/${encodeURIComponent(name)}`
