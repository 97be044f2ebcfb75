import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { Field, makeData, RecordBatch, RecordBatchStreamWriter, Schema, Struct } from 'apache-arrow'
import { listOf, named, quoted } from '../../src/offline/node/duck.ts'
import { dataOf } from '../../src/offline/node/spark/arrow-data.ts'
import { type ChildJob, readChildJob, STREAM_COLUMNS } from '../../src/offline/node/spark/job.ts'
import { prepareSpark, type SparkRun } from '../../src/offline/node/spark/prepare.ts'
import { FILE_MARK } from '../../src/offline/node/spark/rows-sql.ts'
import { arrowTypeOf, type Wire } from '../../src/offline/node/spark/wire.ts'
import type { SetEngine } from '../../src/offline/node/training/set-engine.ts'
import type { TallyParts } from '../../src/offline/node/training/tally.ts'
import { KIND } from '../../src/offline/training/index.ts'

/** A sorted stream as Spark would hand it to the engine's process: batches of Arrow, and what the engine is told. */
export interface MergedStream {
  readonly job: ChildJob
  readonly records: readonly Record<string, unknown>[]
  readonly schema: Schema
  batch(records: readonly Record<string, unknown>[]): RecordBatch
}

/**
 * An engine for `trainingSet` that does what Spark does with the same jobs and the same SQL, by DuckDB: for tests of all that is
 * ours without a JVM. It writes no set.
 */
export function duckInsteadOfSpark(compute: (stream: MergedStream) => Promise<TallyParts>): SetEngine {
  return {
    make: async (work) => {
      const folder = mkdtempSync(join(tmpdir(), 'tidemark-merged-'))
      try {
        const { runs } = await prepareSpark(work, folder)
        const tallies: TallyParts[] = []
        for (const [number, run] of runs.entries()) {
          await makeViews(work.connection, number, run)
          const job = readChildJob(readFileSync(join(folder, run.child)))
          tallies.push(await compute(await streamOf(work.connection, run, job)))
        }
        mkdirSync(work.unfinished)
        return { tallies, written: work.rows }
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    },
  }
}

async function makeViews(connection: DuckDBConnection, number: number, { groups, files, asked }: SparkRun) {
  await connection.run('CREATE OR REPLACE MACRO unix_millis(x) AS epoch_ms(x)')
  await connection.run('CREATE OR REPLACE MACRO raise_error(x) AS error(x)')
  for (const { view, paths, schema } of groups) {
    const columns = schema.split(/, (?=[\w`]+ [A-Z])/).map((column) => column.slice(0, column.indexOf(' ')))
    await connection.run(`CREATE OR REPLACE VIEW ${ours(view)} AS SELECT ${columns.join(', ').replaceAll('`', '"')},
      split_part(tm_path, ${quoted(FILE_MARK)}, -1) AS tm_file
      FROM read_parquet(${listOf(paths)}, filename = 'tm_path', hive_partitioning = false)`)
  }
  await connection.run(
    `CREATE OR REPLACE TABLE sp_files_${number} (name VARCHAR, part INTEGER, region INTEGER, seq DOUBLE, rpart_region INTEGER, rpart_epoch INTEGER, rpart_shard INTEGER)`,
  )
  for (const [name, ...rest] of files)
    await connection.run(`INSERT INTO sp_files_${number} VALUES (${quoted(name)}, ${rest.join(', ')})`)
  await connection.run(`CREATE OR REPLACE VIEW sp_asked_${number} AS SELECT * FROM read_parquet(${quoted(asked)})`)
  await connection.run(
    `CREATE OR REPLACE VIEW sp_entities_${number} AS SELECT key, region, max(ord) AS last FROM sp_asked_${number} GROUP BY key, region`,
  )
}

/** The database has tables of the same names, of the code that makes sets here. */
const ours = (sql: string): string => sql.replaceAll(/\btm_(rows|files|asked|entities)_(?=\d)/g, 'sp_$1_')

/** Spark's SQL as DuckDB says it. */
function inDuck(sql: string): string {
  let text = ours(sql).replaceAll('`', '"').replaceAll('* EXCEPT (last)', '* EXCLUDE (last)')
  text = text.replaceAll('transform(', 'list_transform(').replaceAll('x -> ', 'lambda x: ')
  while (/ARRAY<[^<>]*>/.test(text)) text = text.replaceAll(/ARRAY<([^<>]*)>/g, '$1[]')
  return text
}

async function streamOf(connection: DuckDBConnection, { sql }: SparkRun, job: ChildJob): Promise<MergedStream> {
  const { columns, schema, batch } = streamColumns(job)
  const query = `SELECT ${columns.map(named).join(', ')} FROM (${inDuck(sql)}) ORDER BY key, region, ord, kind`
  const rows = (await connection.runAndReadAll(query)).getRows()
  const records = rows.map((row) => Object.fromEntries(columns.map((name, i) => [name, plain(row[i])])))
  return { job, records, schema, batch }
}

/** The columns of the stream of a job, and batches of them. */
export function streamColumns({ slots }: ChildJob): Pick<MergedStream, 'schema' | 'batch'> & { columns: string[] } {
  const wires: Record<string, Wire> = { ...ownWires(), ...Object.fromEntries(slots.map((s) => [s.name, s.wire])) }
  const columns = Object.keys(wires)
  const schema = new Schema(columns.map((name) => new Field(name, arrowTypeOf(wires[name] as Wire), true)))
  const batch = (own: readonly Record<string, unknown>[]): RecordBatch => {
    const children = columns.map((name) =>
      dataOf(
        own.map((record) => record[name] ?? null),
        wires[name] as Wire,
      ),
    )
    const type = new Struct(schema.fields)
    return new RecordBatch(schema, makeData({ type, length: own.length, nullCount: 0, children }))
  }
  return { columns, schema, batch }
}

/** Int columns travel as doubles here: the engine reads numbers of either. */
function ownWires(): Record<string, Wire> {
  return Object.fromEntries(
    Object.entries(STREAM_COLUMNS).map(([name, type]) => [name, { kind: type === 'STRING' ? 'text' : 'double' }]),
  )
}

function plain(item: unknown): unknown {
  if (item === null || typeof item !== 'object') return item
  if ('items' in item) return (item.items as unknown[]).map(plain)
  if ('scale' in item && 'value' in item) return item.value
  return item
}

/** What ends a stream: how many records came before. */
export const endOf = (records: number): Record<string, unknown> => ({ kind: KIND.end, seq: records })

export function bytesOf(schema: Schema, batches: readonly RecordBatch[]): Uint8Array {
  const writer = new RecordBatchStreamWriter()
  writer.reset(undefined, schema)
  for (const batch of batches) writer.write(batch)
  writer.finish()
  return writer.toUint8Array(true)
}
