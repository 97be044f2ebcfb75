/** What a deployment of a region consists of: data, for people, for pull requests, and for the run itself. */
import {
  deploymentHash,
  environmentAround,
  environmentOf,
  logBucket,
  type Plan,
  type Region,
  type Routing,
  type StoreSpec,
  shardCount,
  storeName,
  tableShardCount,
} from '../../src/plan/index.ts'
import { type Binding, type WorkerName, type WorkerPlan, workerPlans } from '../lib/workers.ts'
import type { Bundle } from '../local/bundle.ts'
import type { EpochCounts } from '../reshard/client.ts'
import { countsOf } from '../reshard/plan.ts'

export interface DeployPlan {
  readonly region: string
  readonly environment: string
  /** The hash of the definitions. */
  readonly plan: string
  /** The hash of definitions, regions and routing: what every shard answers with when it knows all of them as they are now. */
  readonly deployment: string
  /** In the order in which they are deployed: the owner of the shards first. */
  readonly workers: readonly WorkerOfPlan[]
  readonly shards: readonly { readonly name: string; readonly kind: 'entity' | 'table'; readonly shards: number }[]
  readonly epoch: number
  /** The same by name, and of the epoch before: compared with what is deployed, for objects are named by both. */
  readonly counts: EpochCounts
  readonly previous: EpochCounts | null
  readonly stores: readonly StoreOfPlan[]
  /** The bucket of the region's log; null when it keeps none. */
  readonly bucket: string | null
  /** Regions of the environment that read this one's parts and publish to its stores. */
  readonly others: readonly string[]
  /** A service and keys that no entity has, for the smoke test; null when there is no service. */
  readonly vector: { readonly service: string; readonly entity: Readonly<Record<string, unknown>> } | null
}

export interface WorkerOfPlan {
  readonly worker: WorkerName
  readonly name: string
  readonly config: string
  readonly gzipBytes: number
  readonly budgetKiB: number
  readonly bindings: readonly string[]
  readonly durableObjects: readonly string[]
  readonly crons: readonly string[]
  readonly secrets: readonly string[]
  /** Regions whose Worker has to be there for this one to be bound to it. */
  readonly links: readonly string[]
}

export interface StoreOfPlan {
  /** `REGION/NAME`. */
  readonly name: string
  readonly kind: StoreSpec['kind']
}

/** @param bundles of every Worker of the region */
export function deployPlan(
  region: Region,
  regions: readonly Region[],
  routing: Routing,
  plan: Plan,
  bundles: readonly Pick<Bundle, 'worker' | 'gzipBytes'>[],
): DeployPlan {
  const tables = [...plan.sources.values()].filter(({ table }) => table !== null)
  return {
    region: region.name,
    environment: environmentOf(region),
    plan: plan.hash,
    deployment: deploymentHash(plan, regions, routing),
    workers: workerPlans(region, regions).map((worker) => workerOf(worker, bundles)),
    shards: [
      ...[...plan.entities.keys()].map((name) => ({ name, kind: 'entity' as const, shards: shardCount(region, name) })),
      ...tables.map(({ spec }) => ({ name: spec.name, kind: 'table' as const, shards: tableShardCount(region) })),
    ],
    epoch: region.epoch,
    counts: countsOf(region, plan),
    previous: region.previous ? countsOf(region.previous, plan) : null,
    stores: (region.stores ?? []).map((spec) => ({ name: storeName(region.name, spec), kind: spec.kind })),
    bucket: logBucket(region) ?? null,
    others: environmentAround(regions, region)
      .filter((other) => other !== region)
      .map(({ name }) => name),
    vector: vectorOf(plan),
  }
}

function workerOf(plan: WorkerPlan, bundles: readonly Pick<Bundle, 'worker' | 'gzipBytes'>[]): WorkerOfPlan {
  const { worker, deployedName, config, bindings, durableObjects, budgetKiB, crons = [] } = plan
  return {
    worker,
    name: deployedName,
    config,
    gzipBytes: bundles.find((bundle) => bundle.worker === worker)?.gzipBytes ?? 0,
    budgetKiB,
    bindings: bindings.flatMap(bindingText),
    durableObjects,
    crons,
    secrets: bindings.flatMap((binding) => (binding.kind === 'secret' ? [binding.name] : [])),
    links: bindings.flatMap((binding) => (binding.kind === 'service' && binding.region ? [binding.region] : [])),
  }
}

function bindingText(binding: Binding): string[] {
  switch (binding.kind) {
    case 'secret':
      return []
    case 'text':
      return [`${binding.name}=${binding.value}`]
    case 'durableObject':
      return [`${binding.name} (${binding.className})`]
    case 'kv':
      return [`${binding.name} (KV)`]
    case 'r2':
      return [`${binding.name} (R2 ${binding.bucket})`]
    case 'service':
      return [`${binding.name} (${binding.region ?? binding.worker})`]
  }
}

/** What the token of a deployment has to be allowed. */
export const scopesFor = ({ vector }: Pick<DeployPlan, 'vector'>): string[] => [
  'admin',
  ...(vector === null ? [] : [`read:${vector.service}`]),
]

/** What is too large, with the way to mend it. */
export function budgetProblems({ workers }: Pick<DeployPlan, 'workers'>): string[] {
  return workers
    .filter(({ gzipBytes, budgetKiB }) => gzipBytes / 1024 > budgetKiB)
    .map(({ name, gzipBytes, budgetKiB }) => {
      const mend = 'look for a new, heavy import, or raise budgetKiB in scripts/lib/workers.ts with a reason'
      return `${name} has ${(gzipBytes / 1024).toFixed(1)} KiB, and its budget is ${budgetKiB}: ${mend}.`
    })
}

const NOBODY: Readonly<Record<string, unknown>> = {
  string: 'tidemark-smoke-test',
  uuid: '00000000-0000-0000-0000-000000000000',
  int64: 0,
  bool: false,
}

function vectorOf(plan: Plan): DeployPlan['vector'] {
  const [service] = plan.spec.services
  if (service === undefined) return null
  const vector = plan.service(service.name)
  if (vector === undefined) return null
  const keys = vector.entities.flatMap(({ spec }) => spec.keys)
  return {
    service: service.name,
    entity: Object.fromEntries(keys.map(({ name, type }) => [name, NOBODY[type] ?? NOBODY.string])),
  }
}
