/** A thread that computes buckets: DuckDB sorts, the engine replays, results leave as Parquet. */
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import type { DuckDBConnection } from '@duckdb/node-api'
import { compileContract } from '../../../contract/index.ts'
import { type EntityRuntime, type FeatureRef, Plan } from '../../../plan/index.ts'
import { LabelProblem, Lineage } from '../../training/index.ts'
import { exactParquet, openDuck, quoted } from '../duck.ts'
import { computeBucket } from './bucket.ts'
import { computeInto } from './compute.ts'
import type { TallyParts } from './tally.ts'
import type { BucketTask, WorkerAnswer, WorkerStart } from './workers.ts'

const { job, stop } = workerData as WorkerStart
const port = parentPort
if (port === null) throw new Error('this file is run by workers.ts')
const plan = new Plan(job.definitions)
const entity = plan.entities.get(job.entity) as EntityRuntime
const vector = plan.vectorOf(null, job.features)
const features = typeof vector === 'string' ? [] : (vector.features as readonly FeatureRef[])
const sources = job.sources.map(({ spec, fields }) => ({
  source: plan.sources.get(spec.name) ?? { spec, contract: compileContract(spec), routes: [], table: null },
  fields,
}))
const lineage = new Lineage(entity, job.parts)
const { instance, connection } = await openDuck({ threads: 1, memoryMb: job.memoryMb, temporary: job.temporary })
const say = (answer: WorkerAnswer): void => port.postMessage(answer)

port.on('message', (task: BucketTask | null) => {
  if (task === null) {
    connection.closeSync()
    instance.closeSync()
    port.close()
    return
  }
  compute(task).then(
    (done) => say({ done }),
    (error: unknown) => {
      const { message, stack = message } = error as Error
      say(error instanceof LabelProblem ? { failed: message, row: error.row } : { failed: message, stack })
    },
  )
})
say({ ready: true })

async function compute({ bucket, folder, output }: BucketTask): Promise<TallyParts> {
  const part = (name: string): string => {
    const files = join(folder, name, `tm_bucket=${bucket}`)
    return existsSync(files)
      ? `SELECT * FROM read_parquet(${quoted(join(files, '*.parquet'))}, hive_partitioning = false)`
      : ''
  }
  const connect = async (): Promise<DuckDBConnection> => await instance.connect()
  const queries = { labels: part('labels'), rows: sources.map((_, i) => part(`rows-${i}`)) }
  const types = features.map(({ feature }) => feature.resultType)
  mkdirSync(output, { recursive: true })
  const tally = await computeInto(connection, 'results', types, job.run, job.withStatus, async (emit) => {
    await computeBucket({ connect, entity, features, lineage, sources }, queries, (row, values) => {
      if (Atomics.load(stop, 0) !== 0) throw new Error('stopped')
      emit(row, values)
    })
  })
  await connection.run(`COPY results TO ${quoted(join(output, `${bucket}.parquet`))} (${exactParquet('lz4_raw')})`)
  await connection.run('DROP TABLE results')
  return tally
}
