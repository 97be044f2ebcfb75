/** One region of the test's app on a workerd of its own, with everything that can be done to it from outside. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { workerPlans } from '../../scripts/lib/workers.ts'
import { bundleApp } from '../../scripts/local/app-bundle.ts'
import { kvServiceName } from '../../scripts/local/kv-service.ts'
import { freePort } from '../../scripts/local/port.ts'
import { bucketFolder } from '../../scripts/local/r2-service.ts'
import { localServices } from '../../scripts/local/services.ts'
import { type Runtime, startRuntime } from '../../scripts/local/workerd.ts'
import type { Module } from '../../scripts/local/workerd-config.ts'
import { type Region, regionNamed } from '../../src/plan/index.ts'

export const TOKEN = 'interop-token'
/** What is deployed: the shop, the shop after a contract was mended, or what several regions run. */
const APPS = {
  app: async () => (await import('./app/definitions.ts')).app,
  'app-mended': async () => (await import('./app-mended/definitions.ts')).app,
  'regions/app': async () => (await import('./regions/app/definitions.ts')).app,
  'log-app': async () => (await import('./log-app/definitions.ts')).app,
  'log-app-later': async () => (await import('./log-app-later/definitions.ts')).app,
  // Its regions are told when it is deployed.
  'reshard-app': async () => ({ regions: [] }),
} satisfies Record<string, () => Promise<{ readonly regions: readonly Region[] }>>
export type TestApp = keyof typeof APPS
const bundles = new Map<TestApp, Promise<readonly [ingest: Module[], lookup: Module[]]>>()

function bundleOf(app: TestApp): Promise<readonly [ingest: Module[], lookup: Module[]]> {
  const folder = `test/interop/${app}`
  const made = bundles.get(app) ?? Promise.all([bundleApp(folder, 'ingest'), bundleApp(folder, 'lookup')])
  bundles.set(app, made)
  return made
}

/** The modules of a bundle that leaves the regions to its deploy, with these. */
const filledIn = (modules: readonly Module[], regions: readonly Region[]): Module[] =>
  modules.map((module) => {
    if (!('file' in module) || module.kind !== 'esModule') return module
    const text = readFileSync(module.file, 'utf8')
    return {
      name: module.name,
      kind: 'esModule',
      text: text.replace(/(["'`])REGIONS_GO_HERE\1/, () => JSON.stringify(JSON.stringify(regions))),
    }
  })

export interface RegionOptions {
  readonly name: string
  /** Default: the shop. */
  readonly app?: TestApp
  /** Of `regions/app` and `reshard-app`: what it is deployed with at first. */
  readonly regions?: readonly Region[]
  /** The secret CONNECTIONS. */
  readonly connections: object
  /** Of the heap of each Worker's isolate, MB; more ends the process. */
  readonly heapMb?: number
  /** Where other regions' doors are reached, `127.0.0.1:PORT` by their names; default: nowhere. */
  readonly links?: Readonly<Record<string, string>>
  /** The port of its own door for other regions; default: any. */
  readonly doorPort?: number
  /** KV namespaces that live in another region's runtime, `127.0.0.1:PORT` by the names of their bindings; default: in its own. */
  readonly namespaces?: Readonly<Record<string, string>>
  /** Ports at which namespaces of its own are given to other regions, by the names of their bindings; default: none. */
  readonly namespacePorts?: Readonly<Record<string, number>>
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
  private readonly ports: { readonly ingest: number; readonly lookup: number; readonly door: number }
  private runtime: Runtime | undefined
  private watchdog: NodeJS.Timeout | undefined

  private constructor(options: RegionOptions, ports: TestRegion['ports']) {
    this.options = options
    this.ports = ports
  }

  static async start(options: RegionOptions): Promise<TestRegion> {
    const ingest = await freePort(0)
    const door = options.doorPort ?? (await freePort(0))
    const region = new TestRegion(options, { ingest, lookup: await freePort(0), door })
    await region.start()
    return region
  }

  /** Starts, or starts again on the same state, perhaps with another app: a deploy. */
  async start(app: TestApp = this.options.app ?? 'app', told = this.options.regions): Promise<void> {
    const bundled = await bundleOf(app)
    const [ingest, lookup] = told === undefined ? bundled : bundled.map((modules) => filledIn(modules, told))
    if (ingest === undefined || lookup === undefined) throw new Error(`${app} is two Workers`)
    const regions = told ?? (await APPS[app]()).regions
    const { name, connections, heapMb, links = {}, namespaces = {}, namespacePorts = {} } = this.options
    const modules = { ingest, lookup }
    const bundles = workerPlans(regionNamed(regions, name), regions).flatMap((plan) =>
      plan.worker === 'ingest' || plan.worker === 'lookup'
        ? [{ worker: plan.worker, plan, modules: modules[plan.worker] }]
        : [],
    )
    const secrets = { TOKENS: JSON.stringify({ [TOKEN]: ['*'] }), CONNECTIONS: JSON.stringify(connections) }
    const regionExternals = Object.entries(links).map(([to, address]) => ({ name: `region-${to}`, address }))
    const linkServices = Object.fromEntries(Object.keys(links).map((to) => [to, `region-${to}`]))
    const kvExternals = Object.entries(namespaces).map(([to, address]) => ({ name: kvServiceName(to), address }))
    const kvServices = Object.fromEntries(Object.keys(namespaces).map((to) => [to, kvServiceName(to)]))
    const kvSockets = Object.entries(namespacePorts).map(([of, port]) => ({ service: kvServiceName(of), port }))
    this.runtime = await startRuntime({
      services: localServices(bundles, secrets, linkServices, kvServices),
      sockets: [
        { service: 'ingest', port: this.ports.ingest },
        { service: 'lookup', port: this.ports.lookup },
        { service: 'ingest', entrypoint: 'RegionDoor', port: this.ports.door },
        ...kvSockets,
      ],
      externals: [...regionExternals, ...kvExternals],
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

  /** The bucket of its log, as a folder. */
  get bucket(): string {
    return join(this.stateDir, bucketFolder(`tidemark-${this.options.name}`))
  }

  /** Where the door for other regions is reached. */
  get doorUrl(): string {
    return `http://127.0.0.1:${this.ports.door}`
  }

  get lookupUrl(): string {
    return `http://127.0.0.1:${this.ports.lookup}`
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
      const answer = await this.call<{ rows: { values: unknown[] }[] }>(
        'POST',
        '/v1/features',
        { service, entities },
        this.lookupUrl,
      )
      rows.push(...answer.rows.map(({ values }) => values))
    }
    return rows
  }
}
