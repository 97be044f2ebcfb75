/** One region of the test's app on a workerd of its own, with everything that can be done to it from outside. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundleApp } from '../../scripts/local/app-bundle.ts'
import { freePort } from '../../scripts/local/port.ts'
import { type Runtime, startRuntime } from '../../scripts/local/workerd.ts'
import type { Module, Service, ServiceBinding } from '../../scripts/local/workerd-config.ts'

const TOKEN = 'interop-token'
/** What is deployed: the shop, or the shop after a contract was mended. */
export type ShopApp = 'app' | 'app-mended'
const bundles = new Map<ShopApp, Promise<readonly [ingest: Module[], lookup: Module[]]>>()

function bundleOf(app: ShopApp): Promise<readonly [ingest: Module[], lookup: Module[]]> {
  const folder = `test/interop/${app}`
  const made = bundles.get(app) ?? Promise.all([bundleApp(folder, 'ingest'), bundleApp(folder, 'lookup')])
  bundles.set(app, made)
  return made
}

export interface RegionOptions {
  readonly name: 'east' | 'west'
  /** The secret CONNECTIONS. */
  readonly connections: object
  /** Of the heap of each Worker's isolate, MB; more ends the process. */
  readonly heapMb?: number
}

interface SourceStatus {
  readonly source: string
  readonly topics: readonly {
    readonly topic: string
    readonly problem?: string
    readonly partitions: readonly PartitionStatus[]
  }[]
}

export interface PartitionStatus {
  readonly topic: string
  readonly partition: number
  readonly phase: string
  readonly halt: { readonly reason: string; readonly message: string } | null
  readonly offset: number
  readonly lag: number | null
  readonly incarnation: number
  readonly problem: string | null
  readonly counts: Readonly<Record<string, number>>
}

export class TestRegion {
  private readonly options: RegionOptions
  private readonly stateDir = mkdtempSync(join(tmpdir(), 'tidemark-interop-'))
  private readonly ports: { readonly ingest: number; readonly lookup: number }
  private runtime: Runtime | undefined
  private watchdog: NodeJS.Timeout | undefined

  private constructor(options: RegionOptions, ports: TestRegion['ports']) {
    this.options = options
    this.ports = ports
  }

  static async start(options: RegionOptions): Promise<TestRegion> {
    const ingest = await freePort(0)
    const region = new TestRegion(options, { ingest, lookup: await freePort(0) })
    await region.start()
    return region
  }

  /** Starts, or starts again on the same state, perhaps with another app: a deploy. */
  async start(app: ShopApp = 'app'): Promise<void> {
    const [ingest, lookup] = await bundleOf(app)
    const { name, connections, heapMb } = this.options
    const text = (name: string, value: string): ServiceBinding => ({ kind: 'text', name, value })
    const object = (name: string, className: string): ServiceBinding => ({
      kind: 'durableObject',
      name,
      service: 'ingest',
      className,
    })
    const own = [text('REGION', name), text('TOKENS', JSON.stringify({ [TOKEN]: ['*'] }))]
    const services: Service[] = [
      {
        name: 'ingest',
        modules: ingest,
        outbound: 'private',
        durableObjects: ['FeatureShard', 'TableShard', 'KafkaPartition', 'DeadLetters'],
        bindings: [
          ...own,
          text('CONNECTIONS', JSON.stringify(connections)),
          object('SHARDS', 'FeatureShard'),
          object('TABLES', 'TableShard'),
          object('KAFKA_PARTITIONS', 'KafkaPartition'),
          object('DEAD_LETTERS', 'DeadLetters'),
        ],
      },
      { name: 'lookup', modules: lookup, bindings: [...own, object('SHARDS', 'FeatureShard')] },
    ]
    this.runtime = await startRuntime({
      services,
      sockets: [
        { service: 'ingest', port: this.ports.ingest },
        { service: 'lookup', port: this.ports.lookup },
      ],
      stateDir: this.stateDir,
      ...(heapMb !== undefined && { v8Flags: [`--max-old-space-size=${heapMb}`, '--max-semi-space-size=4'] }),
    })
  }

  /** As a power cut would. */
  async kill(): Promise<void> {
    await this.runtime?.kill()
  }

  async stop(): Promise<void> {
    clearInterval(this.watchdog)
    await this.runtime?.stop()
    rmSync(this.stateDir, { recursive: true, force: true })
  }

  get pid(): number {
    return this.runtime?.pid ?? 0
  }

  get ingestUrl(): string {
    return `http://127.0.0.1:${this.ports.ingest}`
  }

  async call<T>(method: string, path: string, body?: unknown, base = this.ingestUrl): Promise<T> {
    const response = await fetch(`${base}${path}`, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 500)}`)
    return JSON.parse(text) as T
  }

  /** What the cron does every minute in a deploy, more often. */
  watch(everyMs = 1_000): void {
    clearInterval(this.watchdog)
    this.watchdog = setInterval(() => void this.wake().catch(() => {}), everyMs)
  }

  async wake(): Promise<void> {
    await this.call('POST', '/v1/sources/wake')
  }

  async partitions(source: string): Promise<readonly PartitionStatus[]> {
    const status = await this.call<SourceStatus>('GET', `/v1/sources/${source}`)
    for (const { problem } of status.topics) if (problem) throw new Error(problem)
    return status.topics.flatMap(({ partitions }) => partitions)
  }

  /** Waits until every partition has taken everything up to these offsets. */
  async caughtUp(source: string, ends: readonly number[], timeoutMs = 60_000): Promise<void> {
    const deadline = Date.now() + timeoutMs
    let last = ''
    while (Date.now() < deadline) {
      try {
        const partitions = await this.partitions(source)
        last = JSON.stringify(partitions)
        if (ends.every((end, p) => (partitions[p]?.offset ?? -1) >= end)) return
      } catch (cause) {
        last = String(cause)
      }
      await new Promise((next) => setTimeout(next, 100))
    }
    throw new Error(`${source} did not catch up with ${ends.join()}: ${last.slice(0, 2_000)}`)
  }

  /** Values of a service for many users, in their order. */
  async values(service: string, users: readonly string[]): Promise<readonly (readonly unknown[])[]> {
    const rows: (readonly unknown[])[] = []
    for (let from = 0; from < users.length; from += 1_000) {
      const entities = users.slice(from, from + 1_000).map((user_id) => ({ user_id }))
      const base = `http://127.0.0.1:${this.ports.lookup}`
      const answer = await this.call<{ rows: { values: unknown[] }[] }>(
        'POST',
        '/v1/features',
        { service, entities },
        base,
      )
      rows.push(...answer.rows.map(({ values }) => values))
    }
    return rows
  }
}
