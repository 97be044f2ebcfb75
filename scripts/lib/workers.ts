/**
 * The Workers and how they are bound to each other: one table, from which the Wrangler configs and the local runtime are
 * both made, so that what runs here is what is deployed.
 */
import {
  environmentAround,
  kvBinding,
  LOG_BINDING,
  logBucket,
  type Region,
  regionBinding,
} from '../../src/plan/index.ts'
import { storeKindsOf } from './store-adapters.ts'

export const workerNames = ['ingest', 'lookup', 'inference', 'console'] as const
export type WorkerName = (typeof workerNames)[number]

export type Binding =
  | { readonly kind: 'text'; readonly name: string; readonly value: string }
  | { readonly kind: 'secret'; readonly name: string }
  | ServiceBinding
  | { readonly kind: 'durableObject'; readonly name: string; readonly worker: WorkerName; readonly className: string }
  | KvBinding
  | R2Binding

/** A namespace of Workers KV: an online store of a region. */
export interface KvBinding {
  readonly kind: 'kv'
  readonly name: string
  /** Its id at Cloudflare; absent while none was made: enough for the local runtime. */
  readonly id?: string
}

/** A bucket of R2: where a region keeps its log. */
export interface R2Binding {
  readonly kind: 'r2'
  readonly name: string
  readonly bucket: string
}

export interface ServiceBinding {
  readonly kind: 'service'
  readonly name: string
  readonly worker: WorkerName
  readonly entrypoint?: string
  /** The region whose Worker it is; absent: this one's. */
  readonly region?: string
}

export interface WorkerPlan {
  readonly worker: WorkerName
  /** Its name at Cloudflare. */
  readonly deployedName: string
  /** Paths from the repository's root. */
  readonly config: string
  readonly main: string
  readonly bindings: readonly Binding[]
  /** Durable Object classes that live in this Worker, all on SQLite. */
  readonly durableObjects: readonly string[]
  /** When Cloudflare calls it by itself; five fields of cron, UTC. */
  readonly crons?: readonly string[]
  /** It declares the features again when it starts, and so needs the time zones that they name. */
  readonly runsDefinitions: boolean
  /** Files whose import is their text (a page's HTML, CSS and script), as globs; none when absent. */
  readonly textModules?: readonly string[]
  /** Largest size of the deployed bundle after gzip. Start-up time and the isolate's memory follow it. */
  readonly budgetKiB: number
}

/** Given to every Worker, in a deploy as well as here. workerd refuses a date that is newer than itself. */
export const compatibilityDate = '2026-11-01'

/** JSON of the bearer tokens and their scopes. A secret: `wrangler secret put TOKENS`, never in a config. */
const tokens: Binding = { kind: 'secret', name: 'TOKENS' }

/** JSON of what is outside: clusters, registries, keys of webhooks, online stores. `{}` when there is nothing. A secret, as it holds credentials. */
const connections: Binding = { kind: 'secret', name: 'CONNECTIONS' }

/** What the adapter of one kind of stores may add to a bundle, gzip. */
const ADAPTER_KIB = 24

/**
 * The plan of one region's Workers. The region `local` takes the plain names, every other one its name as suffix.
 *
 * @param regions all of regions.ts: those of the same environment are bound to each other
 */
export function workerPlans(region: Region, regions: readonly Region[]): readonly WorkerPlan[] {
  const suffix = region.name === 'local' ? '' : `-${region.name}`
  const regionName: Binding = { kind: 'text', name: 'REGION', value: region.name }
  const shards: Binding = { kind: 'durableObject', name: 'SHARDS', worker: 'ingest', className: 'FeatureShard' }
  const deadLetters: Binding = {
    kind: 'durableObject',
    name: 'DEAD_LETTERS',
    worker: 'ingest',
    className: 'DeadLetters',
  }

  const tables: Binding = { kind: 'durableObject', name: 'TABLES', worker: 'ingest', className: 'TableShard' }
  const partitions: Binding = {
    kind: 'durableObject',
    name: 'KAFKA_PARTITIONS',
    worker: 'ingest',
    className: 'KafkaPartition',
  }
  const forwarders: Binding = { kind: 'durableObject', name: 'FORWARDERS', worker: 'ingest', className: 'Forwarder' }
  // What other regions may ask is an entrypoint of its own, which no address on the internet leads to.
  const links = environmentAround(regions, region)
    .filter((other) => other !== region)
    .map(({ name }): Binding => {
      return { kind: 'service', name: regionBinding(name), worker: 'ingest', entrypoint: 'RegionDoor', region: name }
    })
  // Every shard publishes to the stores of every region around it, and whoever looks up reads them.
  const around = environmentAround(regions, region)
  const namespaces = around.flatMap(({ name, stores = [] }) =>
    stores
      .filter(({ kind }) => kind === 'kv')
      .map((spec): Binding => {
        return { kind: 'kv', name: kvBinding(name, spec), ...(spec.id !== undefined && { id: spec.id }) }
      }),
  )
  // Ingest writes the log; lookup puts a sample of what it served beside it.
  const bucket = logBucket(region)
  const log: readonly Binding[] = bucket === undefined ? [] : [{ kind: 'r2', name: LOG_BINDING, bucket }]
  const isConnected = around.some(({ stores = [] }) => stores.some(({ kind }) => kind !== 'kv'))
  // The code of the adapters, which stores.ts imports for all regions at once.
  const adaptersKiB = ADAPTER_KIB * storeKindsOf(regions).length

  return [
    {
      worker: 'ingest',
      deployedName: `tidemark-ingest${suffix}`,
      config: 'wrangler.toml',
      main: 'workers/ingest/index.ts',
      bindings: [
        regionName,
        tokens,
        connections,
        shards,
        tables,
        partitions,
        forwarders,
        deadLetters,
        ...links,
        ...namespaces,
        ...log,
      ],
      durableObjects: ['FeatureShard', 'TableShard', 'KafkaPartition', 'Forwarder', 'DeadLetters'],
      // The watchdog of the pullers.
      crons: ['* * * * *'],
      runsDefinitions: true,
      // Pullers, all formats, Avro and registries are here, in one Worker beside the shards; and what writes Parquet.
      budgetKiB: 230 + adaptersKiB,
    },
    stateless('lookup', 100 + adaptersKiB, [
      regionName,
      tokens,
      // It holds more than lookups need, so only those that read a store by it have it.
      ...(isConnected ? [connections] : []),
      shards,
      ...links,
      ...namespaces,
      ...log,
    ]),
    stateless('inference', 100, [
      regionName,
      tokens,
      { kind: 'service', name: 'FEATURES', worker: 'lookup', entrypoint: 'FeatureService' },
    ]),
    {
      ...stateless('console', 60, [
        regionName,
        { kind: 'service', name: 'INGEST', worker: 'ingest' },
        { kind: 'service', name: 'LOOKUP', worker: 'lookup' },
        { kind: 'service', name: 'INFERENCE', worker: 'inference' },
      ]),
      textModules: ['**/*.html', '**/*.css', '**/*.browser.js'],
    },
  ]

  function stateless(worker: WorkerName, budgetKiB: number, bindings: readonly Binding[]): WorkerPlan {
    return {
      worker,
      deployedName: `tidemark-${worker}${suffix}`,
      config: `workers/${worker}/wrangler.toml`,
      main: `workers/${worker}/index.ts`,
      bindings,
      durableObjects: [],
      runsDefinitions: false,
      budgetKiB,
    }
  }
}
