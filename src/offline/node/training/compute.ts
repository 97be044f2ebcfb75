import { mkdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import type { DefinitionsSpec, ResultType } from '../../../engine/index.ts'
import { LETTER_OF } from '../../../shard/index.ts'
import { Lineage, type LogPart } from '../../training/index.ts'
import { exactParquet, named, quoted, rowsOf } from '../duck.ts'
import { type Bucket, computeBucket } from './bucket.ts'
import { ResultTable } from './result-table.ts'
import { nameFiles, rowsQuery, type StagedSource, type StageOptions, stagedSources } from './stage-rows.ts'
import { Tally, type TallyParts } from './tally.ts'
import { runWorkers, type WorkerJob } from './workers.ts'

/** Below so many labels and rows threads cost more than they give. */
const INLINE_ROWS = 60_000
/** A bucket is sorted in memory at once. */
const BUCKET_ROWS = 300_000
const MOST_BUCKETS = 256

export interface ComputeOptions {
  readonly instance: DuckDBInstance
  readonly connection: DuckDBConnection
  readonly stage: StageOptions
  readonly parts: readonly LogPart[]
  /** Of the entity among those of the service. */
  readonly run: number
  /** The table that `askFor` has filled. */
  readonly asked: string
  readonly withStatus: boolean
  /** Default: as many as there are cores. */
  readonly threads?: number | undefined
  /** For each worker, MB. */
  readonly memoryMb: number
  /** A folder that is thrown away afterwards. */
  readonly temporary: string
  readonly signal?: AbortSignal | undefined
  readonly onRows: (rows: number) => void
}

/** Where the results of an entity are, and what was counted. */
export interface Computed {
  /** SQL of the results: `tm_row`, `f0`, `f1`, ..., `tm_status`. */
  readonly relation: string
  readonly tally: TallyParts
}

/** What one entity is asked for, as queries: its labels by number, and the rows of each of its sources. */
export async function bucketOf(
  connection: DuckDBConnection,
  stage: StageOptions,
  asked: string,
): Promise<{ readonly bucket: Bucket; readonly sources: readonly StagedSource[] }> {
  await nameFiles(connection, stage)
  await connection.run(
    `CREATE OR REPLACE TABLE ${named(stage.entities)} AS
      SELECT CAST(row_number() OVER () - 1 AS DOUBLE) AS eid, key, region, max(t) AS last FROM ${named(asked)} GROUP BY key, region`,
  )
  const labels = `SELECT e.eid AS eid, a.t AS t, a.row AS row, a.key AS key, a.commits AS commits
    FROM ${named(asked)} a JOIN ${named(stage.entities)} e ON e.key = a.key AND e.region = a.region`
  const sources = stagedSources(stage)
  return { bucket: { labels, rows: sources.map((source) => rowsQuery(stage, source)) }, sources }
}

/** Computes the features of one entity for every label. */
export async function computeEntity(options: ComputeOptions): Promise<Computed> {
  const { connection, stage, asked } = options
  const { bucket, sources } = await bucketOf(connection, stage, asked)
  const [counted] = await rowsOf<{ n: bigint }>(connection, `SELECT count(*) AS n FROM ${named(asked)}`)
  const logged = stage.logs.reduce((sum, { files }) => sum + files.reduce((n, { segment }) => n + segment.rows, 0), 0)
  const all = Number(counted?.n ?? 0) + logged
  const threads = options.threads ?? (all < INLINE_ROWS ? 0 : availableParallelism())
  const computed =
    threads === 0 ? await inline(options, sources, bucket) : await inThreads(options, sources, bucket, all, threads)
  const expected = Number(counted?.n ?? 0)
  if (computed.tally.rows !== expected)
    throw new Error(`of ${expected} labels ${computed.tally.rows} came back: this is a bug, and nothing was written`)
  return computed
}

async function inline(options: ComputeOptions, sources: readonly StagedSource[], bucket: Bucket): Promise<Computed> {
  const { instance, connection, stage, run, parts, withStatus, signal, onRows } = options
  const types = stage.features.map(({ feature }) => feature.resultType)
  const table = `tm_results_${run}`
  const connect = async (): Promise<DuckDBConnection> => await instance.connect()
  const staged = await materialise(connection, bucket, run)
  const lineage = new Lineage(stage.entity, parts)
  const input = { connect, entity: stage.entity, features: stage.features, lineage, sources }
  const tally = await computeInto(connection, table, types, run, withStatus, async (emit) => {
    await computeBucket(input, staged, (row, values) => {
      if (signal?.aborted) throw signal.reason
      emit(row, values)
    })
  })
  onRows(tally.rows)
  return { relation: named(table), tally }
}

/** Runs the queries of a bucket into tables: temporary ones are a connection's own, and each stream is read by another. */
export async function materialise(
  connection: DuckDBConnection,
  { labels, rows }: Bucket,
  run: number,
): Promise<Bucket> {
  const tables: string[] = []
  for (const [i, query] of [labels, ...rows].entries()) {
    if (query === '') {
      tables.push('')
      continue
    }
    const table = named(`tm_staged_${run}_${i}`)
    await connection.run(`CREATE OR REPLACE TABLE ${table} AS ${query}`)
    tables.push(`SELECT * FROM ${table}`)
  }
  const [first = '', ...others] = tables
  return { labels: first, rows: others }
}

/** Puts what a computation emits into a table, and counts it. */
export async function computeInto(
  connection: DuckDBConnection,
  table: string,
  types: readonly ResultType[],
  run: number,
  withStatus: boolean,
  compute: (emit: Parameters<typeof computeBucket>[2]) => Promise<void>,
): Promise<TallyParts> {
  const results = new ResultTable(connection, table, types, withStatus)
  await results.create()
  const tally = new Tally(run, types)
  await compute((row, values) => {
    tally.add(row, values)
    results.add(row, values, withStatus ? values.map(({ status }) => LETTER_OF[status]).join('') : '')
  })
  results.finish()
  return tally.parts
}

async function inThreads(
  options: ComputeOptions,
  sources: readonly StagedSource[],
  { labels, rows }: Bucket,
  all: number,
  threads: number,
): Promise<Computed> {
  const { connection, stage, run, parts, temporary, withStatus, memoryMb } = options
  const count = Math.min(MOST_BUCKETS, Math.max(threads * 2, Math.ceil(all / BUCKET_ROWS)))
  const folder = join(temporary, `run-${run}`)
  mkdirSync(folder, { recursive: true })
  const partition = async (query: string, name: string): Promise<void> => {
    await connection.run(
      `COPY (SELECT *, CAST(eid AS BIGINT) % ${count} AS tm_bucket FROM (${query})) TO ${quoted(join(folder, name))}
        (${exactParquet('lz4_raw')}, PARTITION_BY (tm_bucket))`,
    )
  }
  await partition(labels, 'labels')
  for (const [i, query] of rows.entries()) if (query !== '') await partition(query, `rows-${i}`)
  const job: WorkerJob = {
    definitions: stage.plan.spec as DefinitionsSpec,
    entity: stage.entity.spec.name,
    features: stage.features.map(({ name }) => name),
    parts,
    run,
    withStatus,
    memoryMb,
    temporary,
    sources: sources.map(({ source, fields }) => ({ spec: source.spec, fields })),
  }
  const tally = new Tally(
    run,
    stage.features.map(({ feature }) => feature.resultType),
  )
  const results = join(folder, 'results')
  const buckets = Array.from({ length: count }, (_, bucket) => ({ bucket, folder, output: results }))
  await runWorkers(job, buckets, threads, options.signal, (done) => {
    tally.merge(done)
    options.onRows(done.rows)
  })
  return { relation: `read_parquet(${quoted(join(results, '*.parquet'))})`, tally: tally.parts }
}
