import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { zstdCompressSync } from 'node:zlib'
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { fileWriter, ParquetWriter } from 'hyparquet-writer'
import type { SourceSpec } from '../../../engine/index.ts'
import {
  type ColumnType,
  columnsOf,
  howStored,
  type LogColumn,
  type LogShard,
  rewrittenKey,
  SEGMENT_FORMAT,
  type Segment,
  schemaOf,
} from '../../index.ts'
import { listOf, named, rowsOf } from '../duck.ts'
import { sha256Of } from '../open-log.ts'
import { Chunks } from '../training/chunks.ts'

/** Rows of one group: enough for zstd, and a reader skips those whose bounds of `tm_key` are elsewhere. */
const GROUP_ROWS = 32_768

/** A segment, and its file on this machine. */
export interface Piece {
  readonly segment: Segment
  readonly path: string
}

export interface RewriteOptions {
  readonly instance: DuckDBInstance
  readonly shard: LogShard
  /** The contract that all pieces are of. */
  readonly source: SourceSpec
  readonly pieces: readonly Piece[]
  /** SQL over a row `r`: which rows stay; absent: all. */
  readonly stays?: string
  /** SQL by the name of a column: what it is instead. */
  readonly instead?: ReadonlyMap<string, string>
  /** Where the file is made. */
  readonly folder: string
}

/**
 * Makes one file of several: the same columns, types and footer, its rows by key, time and commit, zstd. Memory is one group of rows and what DuckDB
 * sorts with; the same rows give the same bytes. Reads the file again and throws when it does not have the very rows that it should.
 *
 * @returns null where no row stays
 */
export async function rewrite(options: RewriteOptions): Promise<Piece | null> {
  const { instance, shard, source, pieces, folder } = options
  const [first] = pieces
  if (first === undefined) return null
  const columns = columnsOf(source)
  const from = `read_parquet(${listOf(pieces.map(({ path }) => path))}, hive_partitioning = false) r ${options.stays === undefined ? '' : `WHERE ${options.stays}`}`
  const values = columns.map(({ name }) => `${options.instead?.get(name) ?? `r.${named(name)}`} AS ${named(name)}`)
  const query = `SELECT ${values.join(', ')} FROM ${from}`
  const path = join(folder, `rewritten-${first.segment.fromSeq}-${first.segment.contract}.parquet`)
  const connection = await instance.connect()
  try {
    await connection.run("SET TimeZone = 'UTC'")
    const bounds = await write(connection, query, columns, path, {
      format: SEGMENT_FORMAT,
      source: source.name,
      entity: shard.entity,
      region: shard.region,
      epoch: shard.epoch,
      shard: shard.shard,
      contract: first.segment.contract,
    })
    if (bounds === null) return null
    const made = `SELECT ${columns.map(({ name }) => named(name)).join(', ')} FROM read_parquet(${listOf([path])}, hive_partitioning = false)`
    const [before, after] = [await printOf(connection, query, columns), await printOf(connection, made, columns)]
    if (before !== after)
      throw new Error(`${path} does not have the rows that it was made of (${after}, not ${before})`)
    const sha256 = await sha256Of(path)
    const about = {
      source: source.name,
      contract: first.segment.contract,
      fromSeq: Math.min(...pieces.map(({ segment }) => segment.fromSeq)),
      toSeq: Math.max(...pieces.map(({ segment }) => segment.toSeq)),
      ...bounds,
      sha256,
    }
    const segment: Segment = {
      key: rewrittenKey(shard, about),
      ...about,
      bytes: (await stat(path)).size,
      order: 'entity',
    }
    return { segment, path }
  } finally {
    connection.closeSync()
  }
}

type Bounds = Pick<Segment, 'rows' | 'fromMs' | 'toMs' | 'fromArrivalMs' | 'toArrivalMs'>

async function write(
  connection: DuckDBConnection,
  query: string,
  columns: readonly LogColumn[],
  path: string,
  footer: object,
): Promise<Bounds | null> {
  const plain = columns.map(({ name, type }) => `${plainSql(named(name), type)} AS ${named(name)}`).join(', ')
  const sorted = `SELECT ${plain} FROM (${query}) ORDER BY tm_key NULLS FIRST, tm_time, tm_seq`
  const chunks = await Chunks.of(connection, sorted)
  const writer = new ParquetWriter({
    writer: fileWriter(path),
    schema: schemaOf(columns),
    codec: 'ZSTD',
    compressors: { ZSTD: (bytes) => zstdCompressSync(bytes) },
    kvMetadata: [{ key: 'tidemark', value: JSON.stringify(footer) }],
    createdBy: 'tidemark',
  })
  const reads = columns.map(({ type }) => readerOf(type))
  const time = columns.findIndex(({ name }) => name === 'tm_time')
  const arrival = columns.findIndex(({ name }) => name === 'tm_available_at')
  let group: unknown[][] = columns.map(() => [])
  const bounds = {
    rows: 0,
    fromMs: Number.MAX_SAFE_INTEGER,
    toMs: 0,
    fromArrivalMs: Number.MAX_SAFE_INTEGER,
    toArrivalMs: 0,
  }
  const flush = async (): Promise<void> => {
    const rowGroupSize = group[0]?.length ?? 0
    if (rowGroupSize === 0) return
    const columnData = columns.map((column, i) => ({
      name: column.name,
      data: group[i] as unknown[],
      ...howStored(column),
    }))
    await writer.write({ columnData, rowGroupSize })
    group = columns.map(() => [])
  }
  for (let chunk = await chunks.next(); chunk !== undefined; chunk = await chunks.next()) {
    for (let c = 0; c < columns.length; c++) {
      const vector = chunk.getColumnVector(c)
      const read = reads[c] as (value: unknown) => unknown
      const into = group[c] as unknown[]
      for (let i = 0; i < chunk.rowCount; i++) {
        const item = vector.getItem(i)
        const value = item === null ? null : read(item)
        into.push(value)
        if (c === time) {
          bounds.fromMs = Math.min(bounds.fromMs, Number(value))
          bounds.toMs = Math.max(bounds.toMs, Number(value))
        } else if (c === arrival) {
          bounds.fromArrivalMs = Math.min(bounds.fromArrivalMs, Number(value))
          bounds.toArrivalMs = Math.max(bounds.toArrivalMs, Number(value))
        }
      }
    }
    bounds.rows += chunk.rowCount
    if ((group[0]?.length ?? 0) >= GROUP_ROWS) await flush()
  }
  await flush()
  await writer.finish()
  return bounds.rows === 0 ? null : bounds
}

/** Times as the integers that they are stored as. */
function plainSql(column: string, type: ColumnType): string {
  if (type.kind === 'time') return `epoch_ms(${column})`
  if (type.kind === 'list' && type.of.kind === 'time') return `list_transform(${column}, x -> epoch_ms(x))`
  return column
}

/** What DuckDB gives, as the writer takes it. */
function readerOf(type: ColumnType): (value: unknown) => unknown {
  switch (type.kind) {
    case 'decimal':
      return (value) => (value as { readonly value: bigint }).value
    case 'list': {
      const read = readerOf(type.of)
      return (value) => (value as { readonly items: readonly unknown[] }).items.map(read)
    }
    case 'vector':
      return (value) => [...(value as { readonly items: readonly number[] }).items]
    default:
      return (value) => value
  }
}

/** A number of all rows, whatever their order. The text of a double tells `-0` from 0, which its hash does not. */
async function printOf(connection: DuckDBConnection, query: string, columns: readonly LogColumn[]): Promise<string> {
  const parts = columns.map(({ name, type }) => {
    const isDouble =
      type.kind === 'double' || type.kind === 'vector' || (type.kind === 'list' && type.of.kind === 'double')
    return isDouble ? `CAST(${named(name)} AS VARCHAR)` : named(name)
  })
  const [found] = await rowsOf<{ n: bigint; sum: unknown }>(
    connection,
    `SELECT count(*) AS n, CAST(sum(CAST(h AS HUGEINT)) AS VARCHAR) AS sum FROM (SELECT hash(${parts.join(', ')}) AS h FROM (${query}))`,
  )
  return `${found?.n} rows, ${found?.sum}`
}
