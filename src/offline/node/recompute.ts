/**
 * Values recomputed from the log, for whoever has requests and not a label file: `recompute({ plan, vector, logs }, requests)`.
 * The parity of served vectors with the log is measured by it; `trainingSet` does the same for files.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { isRefusal, keyFromJson } from '../../contract/index.ts'
import type { FeatureValue } from '../../engine/index.ts'
import type { EntityRuntime, FeatureRef, Plan, VectorPlan } from '../../plan/index.ts'
import { wholeSince } from '../index.ts'
import { Lineage, type Mode } from '../training/index.ts'
import { openDuck } from './duck.ts'
import { OfflineError } from './offline-error.ts'
import type { ShardLog } from './open-log.ts'
import { BY_COMMITS, Sink } from './training/asked.ts'
import { computeBucket } from './training/bucket.ts'
import { COMMITS_SEPARATOR } from './training/commits-text.ts'
import { bucketOf, materialise } from './training/compute.ts'
import { checkRules, nameFiles, type StageOptions, stagedSources } from './training/stage-rows.ts'

/** A vector to recompute. */
export interface VectorRequest {
  /** The keys of all entities of the vector, as a lookup has them. */
  readonly keys: Readonly<Record<string, unknown>>
  /** The request time, ms. */
  readonly t: number
  /** What the lookup had seen; null: what the mode says. */
  readonly commits: readonly string[] | null
}

/** The vector's features in its order, or why there are none. */
export type Recomputed = { readonly values: readonly FeatureValue[] } | { readonly problem: string }

export interface RecomputeOptions {
  readonly plan: Plan
  readonly vector: VectorPlan
  /** Of the entities of the vector at least; see `openLog`. */
  readonly logs: readonly ShardLog[]
  /** Of requests without commits; default as-served. */
  readonly mode?: Mode
  /** The region that serves them; default the only one of the log. */
  readonly region?: string
  readonly publishLagMs?: number
  /** Default 500. */
  readonly memoryMb?: number
  /** Requests that are held at once; default 50,000. Each such batch reads the log once. */
  readonly batch?: number
}

const DEFAULT_MEMORY_MB = 500
const DEFAULT_BATCH = 50_000

/** Recomputes vectors from the log, in the order of the requests. */
export async function* recompute(
  options: RecomputeOptions,
  requests: Iterable<VectorRequest> | AsyncIterable<VectorRequest>,
): AsyncGenerator<Recomputed> {
  const temporary = mkdtempSync(join(tmpdir(), 'tidemark-recompute-'))
  const duck = await openDuck({ threads: 2, memoryMb: options.memoryMb ?? DEFAULT_MEMORY_MB, temporary })
  try {
    let held: VectorRequest[] = []
    for await (const request of requests) {
      if (held.push(request) < (options.batch ?? DEFAULT_BATCH)) continue
      yield* await recomputeBatch(options, duck, held)
      held = []
    }
    if (held.length > 0) yield* await recomputeBatch(options, duck, held)
  } finally {
    duck.connection.closeSync()
    duck.instance.closeSync()
    rmSync(temporary, { recursive: true, force: true })
  }
}

interface Duck {
  readonly connection: DuckDBConnection
  readonly instance: DuckDBInstance
}

async function recomputeBatch(
  options: RecomputeOptions,
  duck: Duck,
  requests: readonly VectorRequest[],
): Promise<Recomputed[]> {
  const { vector } = options
  const problems = new Map<number, string>()
  const found = requests.map(() => new Array<FeatureValue>(vector.features.length))
  for (const [run, entity] of vector.entities.entries()) {
    const features = vector.features.filter((feature) => feature.entity === entity)
    const places = features.map((feature) => vector.features.indexOf(feature))
    await recomputeEntity(options, duck, { run, entity, features }, requests, problems, (row, values) => {
      const own = found[row] as FeatureValue[]
      places.forEach((place, i) => {
        own[place] = values[i] as FeatureValue
      })
    })
  }
  return found.map((values, row) => {
    const problem = problems.get(row)
    return problem === undefined ? { values } : { problem }
  })
}

interface Run {
  readonly run: number
  readonly entity: EntityRuntime
  readonly features: readonly FeatureRef[]
}

async function recomputeEntity(
  { plan, logs: all, mode = { kind: 'as-served' }, region, publishLagMs = 0 }: RecomputeOptions,
  { connection, instance }: Duck,
  { run, entity, features }: Run,
  requests: readonly VectorRequest[],
  problems: Map<number, string>,
  emit: (row: number, values: readonly FeatureValue[]) => void,
): Promise<void> {
  const logs = all.filter(({ manifest }) => manifest.shard.entity === entity.spec.name)
  const parts = logs.map(({ manifest }) => manifest)
  const lineage = new Lineage(entity, parts)
  const regions = [...new Set(all.map(({ manifest }) => manifest.shard.region))].sort()
  const serving = region === undefined && regions.length === 1 ? 0 : regions.indexOf(region ?? '')
  const wholeMs = wholeSince(parts)
  const reachMs = Math.max(...features.map(({ feature }) => feature.window.reachMs))
  const asked = `tm_asked_${run}`
  const sink = await Sink.open(connection, asked)
  requests.forEach(({ keys, t, commits }, row) => {
    if (problems.has(row)) return
    const key = keyFromJson(keys, entity.spec)
    const cut = commits === null ? null : lineage.cutOf(commits)
    if (isRefusal(key)) problems.set(row, key.message)
    else if (cut !== null && 'error' in cut) problems.set(row, cut.error)
    else if (wholeMs !== Number.NEGATIVE_INFINITY && t - reachMs < wholeMs)
      problems.set(
        row,
        `the log of entity ${entity.spec.name} has not everything from before ${new Date(wholeMs).toISOString()}`,
      )
    else if (commits === null && serving < 0)
      throw new OfflineError(`the log has the regions ${regions.join(', ')}: say which of them serves.`)
    else sink.add(row, key.key, t, commits === null ? serving : BY_COMMITS, commits?.join(COMMITS_SEPARATOR) ?? null)
  })
  sink.finish()
  const stage: StageOptions = {
    plan,
    entity,
    features,
    logs,
    seqs: parts.map(({ seq }) => seq),
    regions,
    mode,
    publishLagMs,
    entities: `tm_entities_${run}`,
    goesByMode: requests.some(({ commits }) => commits === null),
  }
  await nameFiles(connection, stage)
  for (const source of stagedSources(stage)) await checkRules(connection, stage, source)
  const { bucket, sources } = await bucketOf(connection, stage, asked)
  const staged = await materialise(connection, bucket, run)
  const connect = async (): Promise<DuckDBConnection> => await instance.connect()
  const onProblem = ({ row, message }: { readonly row: number; readonly message: string }): void => {
    problems.set(row, message)
  }
  await computeBucket({ connect, entity, features, lineage, sources, onProblem }, staged, emit)
}
