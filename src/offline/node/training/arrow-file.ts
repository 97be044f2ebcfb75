import { once } from 'node:events'
import { createWriteStream, type WriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import { setImmediate } from 'node:timers/promises'
import type { DuckDBConnection, DuckDBDataChunk, DuckDBVector } from '@duckdb/node-api'
import {
  Bool,
  type Data,
  type DataType,
  DateDay,
  Field,
  Float32,
  Float64,
  Int32,
  Int64,
  List,
  makeData,
  RecordBatch,
  RecordBatchFileWriter,
  Schema,
  Struct,
  TimestampMicrosecond,
  Utf8,
  vectorFromArray,
} from 'apache-arrow'
import { named, rowsOf } from '../duck.ts'
import { Chunks } from './chunks.ts'

/** Chunks of DuckDB that make a batch. */
const CHUNKS_A_BATCH = 16

/** How a column of DuckDB becomes one of Arrow. */
interface ArrowColumn {
  /** What is built. */
  readonly built: DataType
  /** What the same bytes are called in the file, where that is another type. */
  readonly type?: DataType
  /** What DuckDB is asked for. */
  readonly sql: (column: string) => string
  readonly toArrow?: (item: unknown) => unknown
}

const same = (column: string): string => column
const castTo = (type: string) => (column: string) => `CAST(${column} AS ${type})`
/** What has no type here is handed over as its text. Decimals too: readers differ in which widths of them they take. */
const TEXT: ArrowColumn = { built: new Utf8(), sql: castTo('VARCHAR') }
const INTEGER: ArrowColumn = { built: new Int32(), sql: castTo('INTEGER') }
const BIGINT: ArrowColumn = { built: new Int64(), sql: castTo('BIGINT') }

const COLUMNS: Readonly<Record<string, ArrowColumn>> = {
  BOOLEAN: { built: new Bool(), sql: same },
  TINYINT: INTEGER,
  SMALLINT: INTEGER,
  INTEGER,
  UTINYINT: INTEGER,
  USMALLINT: INTEGER,
  UINTEGER: BIGINT,
  BIGINT,
  FLOAT: { built: new Float32(), sql: same },
  DOUBLE: { built: new Float64(), sql: same },
  DATE: { built: new Int32(), type: new DateDay(), sql: (column) => `CAST(${column} - DATE '1970-01-01' AS INTEGER)` },
  TIMESTAMP: {
    built: new Int64(),
    type: new TimestampMicrosecond(),
    sql: (column) => `epoch_us(${column})`,
  },
  'TIMESTAMP WITH TIME ZONE': {
    built: new Int64(),
    type: new TimestampMicrosecond('UTC'),
    sql: (column) => `epoch_us(${column})`,
  },
}

function columnOf(type: string): ArrowColumn {
  if (!type.endsWith('[]')) return COLUMNS[type] ?? TEXT
  const known = columnOf(type.slice(0, -2))
  const of = known.type === undefined ? known : TEXT
  const sql = (column: string) => (of.sql === same ? column : `list_transform(${column}, lambda x: ${of.sql('x')})`)
  return {
    built: new List(new Field('item', of.built, true)),
    sql,
    toArrow: (item) => {
      const { items } = item as { readonly items: readonly unknown[] }
      const { toArrow } = of
      return toArrow === undefined ? items : items.map((one) => (one === null ? null : toArrow(one)))
    },
  }
}

/** Writes a query's rows as an Arrow file, batch by batch; how many there were. */
export async function writeArrow(connection: DuckDBConnection, query: string, file: string): Promise<number> {
  const described = await rowsOf<{ column_name: string; column_type: string }>(connection, `DESCRIBE ${query}`)
  const columns = described.map(({ column_name: name, column_type: type }) => ({ name, ...columnOf(type) }))
  const selected = columns.map(({ name, sql }) => `${sql(named(name))} AS ${named(name)}`).join(', ')
  const schema = new Schema(columns.map(({ name, built, type = built }) => new Field(name, type, true)))
  const writer = new RecordBatchFileWriter()
  const output = createWriteStream(file)
  const written = pump(writer, output)
  writer.reset(undefined, schema)
  const result = await Chunks.of(connection, `SELECT ${selected} FROM (${query})`)
  let rows = 0
  let chunks: DuckDBDataChunk[] = []
  const flush = async (): Promise<void> => {
    if (chunks.length > 0) writer.write(batchOf(schema, columns, chunks))
    chunks = []
    // The writer itself holds whatever it is given: the next batch waits until this one is on its way.
    await setImmediate()
    if (output.writableNeedDrain) await once(output, 'drain')
  }
  for (let chunk = await result.next(); chunk !== undefined; chunk = await result.next()) {
    chunks.push(chunk)
    rows += chunk.rowCount
    if (chunks.length === CHUNKS_A_BATCH) await flush()
  }
  await flush()
  writer.close()
  await written
  return rows
}

async function pump(writer: RecordBatchFileWriter, output: WriteStream): Promise<void> {
  for await (const piece of writer) if (!output.write(piece)) await once(output, 'drain')
  output.end()
  await finished(output)
}

function batchOf(schema: Schema, columns: readonly ArrowColumn[], chunks: readonly DuckDBDataChunk[]): RecordBatch {
  const length = chunks.reduce((sum, chunk) => sum + chunk.rowCount, 0)
  const children = columns.map((column, i) =>
    dataOf(
      column,
      chunks.map((chunk) => chunk.getColumnVector(i)),
    ),
  )
  return new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length, nullCount: 0, children }))
}

function dataOf({ built, type, toArrow }: ArrowColumn, vectors: readonly DuckDBVector[]): Data {
  const values: unknown[] = []
  for (const vector of vectors) {
    for (let i = 0; i < vector.itemCount; i++) {
      const item = vector.getItem(i)
      values.push(item === null || toArrow === undefined ? item : toArrow(item))
    }
  }
  const [data] = vectorFromArray(values, built).data as readonly Data[]
  if (data === undefined) throw new Error('a column without data')
  if (type === undefined) return data
  const { length, nullCount, nullBitmap, values: bytes } = data
  return makeData({ type, length, nullCount, nullBitmap, data: bytes } as Parameters<typeof makeData>[0])
}
