/** One workerd with the Workers under load and the yardsticks beside them. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LOG_BINDING, type Region } from '../../src/plan/index.ts'
import { bundleApp } from '../local/app-bundle.ts'
import { freePort } from '../local/port.ts'
import { bucketFolder, r2Service, r2ServiceName } from '../local/r2-service.ts'
import { type Runtime, startRuntime } from '../local/workerd.ts'
import type { Module, Service, ServiceBinding } from '../local/workerd-config.ts'
import { cpuSeconds } from './measure.ts'

const FIRST_PORT = 29_100
/** Of the log; only regions that keep one write to it. */
export const BENCH_BUCKET = 'tidemark-bench'
const TOKENS = JSON.stringify({ bench: ['*'] })

export interface BenchShardStats {
  readonly rowsWritten: number
  readonly databaseBytes: number
  readonly memoryBytes: number
  readonly pages: number
  /** Since they were asked for last. */
  readonly calls: number
  readonly longestMs: number
  /** What each online store was asked, by all shards. */
  readonly storeOperations: readonly { readonly name: string; readonly reads: number; readonly writes: number }[]
}

let bundles: Promise<readonly Module[][]> | undefined

/** Regions as `app/definitions.ts` has them, a text in the bundle. */
const REGIONS = /(["'`])\[\{\\?"name\\?":\\?"local\\?".*?\]\1/

function deployed(modules: readonly Module[], regions: readonly Region[]): Module[] {
  return modules.map((module) => {
    if (!('file' in module) || module.kind !== 'esModule') return module
    const text = readFileSync(module.file, 'utf8')
    return {
      name: module.name,
      kind: 'esModule',
      text: text.replace(REGIONS, () => JSON.stringify(JSON.stringify(regions))),
    }
  })
}

/** The Workers, bundled once a run. `connections`: the secret CONNECTIONS; `regions`: other than the bundles have. */
async function benchServices(connections: string, regions: readonly Region[] | undefined): Promise<Service[]> {
  bundles ??= Promise.all(['ingest', 'lookup', 'yardstick'].map((name) => bundleApp('scripts/bench/app', name)))
  const made = await bundles
  const [ingest = [], lookup = [], yardstick = []] = regions ? made.map((one) => deployed(one, regions)) : made
  const texts: ServiceBinding[] = [
    { kind: 'text', name: 'REGION', value: 'local' },
    { kind: 'text', name: 'TOKENS', value: TOKENS },
    { kind: 'text', name: 'CONNECTIONS', value: connections },
  ]
  const object = (name: string, className: string): ServiceBinding => {
    return { kind: 'durableObject', name, service: 'ingest', className }
  }
  const shards = object('SHARDS', 'FeatureShard')
  return [
    {
      name: 'ingest',
      modules: ingest,
      outbound: 'private',
      bindings: [
        ...texts,
        shards,
        object('TABLES', 'TableShard'),
        object('KAFKA_PARTITIONS', 'KafkaPartition'),
        object('FORWARDERS', 'Forwarder'),
        object('DEAD_LETTERS', 'DeadLetters'),
        { kind: 'r2', name: LOG_BINDING, service: r2ServiceName(LOG_BINDING) },
      ],
      durableObjects: [
        'FeatureShard',
        'TableShard',
        'KafkaPartition',
        'Forwarder',
        'DeadLetters',
        'Ping',
        'IdlePuller',
      ],
    },
    r2Service(r2ServiceName(LOG_BINDING), BENCH_BUCKET),
    { name: 'lookup', modules: lookup, outbound: 'private', bindings: [...texts, shards] },
    {
      name: 'yardstick',
      modules: yardstick,
      bindings: [shards, object('PING', 'Ping'), object('IDLE', 'IdlePuller')],
    },
  ]
}

/** A workerd of the bench, with a state folder of its own that is gone in the end. */
export class BenchRuntime {
  private readonly stateDir = mkdtempSync(join(tmpdir(), 'tidemark-bench-'))
  private runtime: Runtime | undefined
  private readonly args: readonly string[]
  private readonly connections: string

  /** `args`: more arguments of `workerd serve`; `connections`: the secret CONNECTIONS. */
  constructor(args: readonly string[] = [], connections = '{}') {
    this.args = args
    this.connections = connections
    // Also when the bench is broken off: `stop` is not reached then.
    process.once('exit', () => rmSync(this.stateDir, { recursive: true, force: true }))
  }

  private get running(): Runtime {
    if (this.runtime === undefined) throw new Error('the runtime of the bench is not started')
    return this.runtime
  }

  get ingest(): string {
    return this.running.urls.ingest ?? ''
  }

  get lookup(): string {
    return this.running.urls.lookup ?? ''
  }

  get yardstick(): string {
    return this.running.urls.yardstick ?? ''
  }

  /** Where the objects of the bucket lie, as files. */
  get bucketFolder(): string {
    return join(this.stateDir, bucketFolder(BENCH_BUCKET))
  }

  get pid(): number {
    return this.running.pid
  }

  /** Starts, or starts again on the same state, as a deploy with other regions would. */
  async start(regions?: readonly Region[]): Promise<void> {
    const yardstick = await freePort(FIRST_PORT)
    const ingest = await freePort(yardstick + 1)
    const lookup = await freePort(ingest + 1)
    this.runtime = await startRuntime({
      services: await benchServices(this.connections, regions),
      sockets: [
        { service: 'yardstick', port: yardstick },
        { service: 'ingest', port: ingest },
        { service: 'lookup', port: lookup },
      ],
      stateDir: this.stateDir,
      args: this.args,
    })
  }

  /** As a power cut would. */
  async kill(): Promise<void> {
    await this.running.kill()
  }

  async stop(): Promise<void> {
    await this.runtime?.stop()
    rmSync(this.stateDir, { recursive: true, force: true })
  }

  /** CPU seconds of workerd that some work takes. */
  async cpuOf<T>(work: () => Promise<T>): Promise<{ readonly seconds: number; readonly result: T }> {
    const before = cpuSeconds(this.pid)
    const result = await work()
    return { seconds: cpuSeconds(this.pid) - before, result }
  }

  /** The counters of an entity's shards. */
  async stats(entity: string): Promise<BenchShardStats[]> {
    const response = await fetch(`${this.yardstick}/stats/${entity}`)
    if (!response.ok) throw new Error(`stats of ${entity}: ${response.status} ${await response.text()}`)
    return (await response.json()) as BenchShardStats[]
  }
}

/** Runs a part on a fresh workerd, which ends with it, whatever happens. */
export async function* withRuntime<T>(
  part: (runtime: BenchRuntime) => AsyncGenerator<T>,
  args: readonly string[] = [],
  connections = '{}',
): AsyncGenerator<T> {
  const runtime = new BenchRuntime(args, connections)
  try {
    await runtime.start()
    yield* part(runtime)
  } finally {
    await runtime.stop()
  }
}
