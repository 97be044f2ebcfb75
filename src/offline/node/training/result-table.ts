import {
  BIGINT,
  BOOLEAN,
  DECIMAL,
  DOUBLE,
  type DuckDBAppender,
  type DuckDBConnection,
  DuckDBDataChunk,
  DuckDBDecimalValue,
  DuckDBListValue,
  type DuckDBType,
  type DuckDBValue,
  FLOAT,
  LIST,
  VARCHAR,
} from '@duckdb/node-api'
import {
  decimalScale,
  elementType,
  type FeatureValue,
  type FieldType,
  jsonText,
  mapValueType,
  type ResultType,
  type Value,
  vectorLength,
} from '../../../engine/index.ts'
import { named } from '../duck.ts'

/** Rows of one chunk of DuckDB. */
const CHUNK_ROWS = 2_048

/** How the values of a feature are put away, and what its column is in a set. */
interface Stored {
  readonly type: DuckDBType
  /** Absent of numbers that are stored as doubles. */
  readonly toItem?: (value: Value) => DuckDBValue
  /** The column as it is handed over. */
  readonly sql: (column: string) => string
}

/** A table of results: the label's place, the features, and a text with the status of each where that is wanted. */
export class ResultTable {
  private readonly connection: DuckDBConnection
  private readonly table: string
  private readonly stored: readonly Stored[]
  private readonly withStatus: boolean
  private appender: DuckDBAppender | undefined
  private readonly rows = new Float64Array(CHUNK_ROWS)
  private readonly columns: Value[][]
  private readonly statuses: string[] = []
  private count = 0

  constructor(connection: DuckDBConnection, table: string, types: readonly ResultType[], withStatus: boolean) {
    this.connection = connection
    this.table = table
    this.stored = types.map(storedOf)
    this.withStatus = withStatus
    this.columns = types.map(() => [])
  }

  async create(): Promise<void> {
    const features = this.stored.map(({ type }, i) => `${named(`f${i}`)} ${type.toString()}`)
    const columns = ['tm_row DOUBLE', ...features, ...(this.withStatus ? ['tm_status VARCHAR'] : [])]
    await this.connection.run(`CREATE TABLE ${named(this.table)} (${columns.join(', ')})`)
    this.appender = await this.connection.createAppender(this.table)
  }

  add(row: number, values: readonly FeatureValue[], letters: string): void {
    const at = this.count++
    this.rows[at] = row
    for (let i = 0; i < values.length; i++) (this.columns[i] as Value[])[at] = (values[i] as FeatureValue).value
    if (this.withStatus) this.statuses[at] = letters
    if (this.count === CHUNK_ROWS) this.flush()
  }

  private flush(): void {
    const { count, stored, appender } = this
    if (count === 0 || appender === undefined) return
    const types = [DOUBLE, ...stored.map(({ type }) => type), ...(this.withStatus ? [VARCHAR] : [])]
    const chunk = DuckDBDataChunk.create(types, count)
    setNumbers(chunk, 0, this.rows, count)
    stored.forEach(({ toItem }, i) => {
      const values = this.columns[i] as Value[]
      if (toItem === undefined) setNumbers(chunk, i + 1, values, count)
      else {
        const items = values.slice(0, count).map((value) => (value === null ? null : toItem(value)))
        chunk.setColumnValues(i + 1, items)
      }
    })
    if (this.withStatus) chunk.setColumnValues(stored.length + 1, this.statuses.slice(0, count))
    appender.appendDataChunk(chunk)
    this.count = 0
  }

  finish(): void {
    this.flush()
    this.appender?.closeSync()
  }
}

/** The columns of results as a set hands them over, in SQL. */
export const handedOver = (type: ResultType, column: string): string => storedOf(type).sql(column)

function setNumbers(chunk: DuckDBDataChunk, column: number, values: ArrayLike<Value>, count: number): void {
  const vector = chunk.getColumnVector(column) as unknown as {
    readonly items: Float64Array
    readonly validity: { setItemValid(at: number, isValid: boolean): void }
    flush(): void
  }
  const { items, validity } = vector
  for (let i = 0; i < count; i++) {
    const value = values[i] as number | null
    if (value === null) validity.setItemValid(i, false)
    else items[i] = value
  }
  vector.flush()
}

function storedOf(type: ResultType): Stored {
  if (mapValueType(type) !== undefined)
    return { type: VARCHAR, toItem: (value) => jsonText(value, type), sql: (column) => column }
  if (vectorLength(type) !== undefined) {
    const toItem = (value: Value) => new DuckDBListValue([...(value as Float32Array)])
    return { type: LIST(FLOAT), toItem, sql: (column) => column }
  }
  const element = elementType(type)
  if (element !== undefined) {
    const { type: of, toItem = (value: Value) => value as number, sql } = storedOf(element)
    const list = (value: Value) => new DuckDBListValue((value as readonly Value[]).map(toItem))
    const isPlain = sql('x') === 'x'
    return {
      type: LIST(of),
      toItem: list,
      sql: (column) => (isPlain ? column : `list_transform(${column}, lambda x: ${sql('x')})`),
    }
  }
  return storedScalar(type as FieldType)
}

function storedScalar(type: FieldType): Stored {
  const scale = decimalScale(type)
  if (scale !== undefined) {
    const toItem = (value: Value) => new DuckDBDecimalValue(value as bigint, 38, scale)
    return { type: DECIMAL(38, scale), toItem, sql: (column) => column }
  }
  switch (type) {
    case 'int':
      return { type: DOUBLE, sql: (column) => `CAST(${column} AS BIGINT)` }
    case 'timestamp':
      return { type: DOUBLE, sql: (column) => `CAST(epoch_ms(CAST(${column} AS BIGINT)) AS TIMESTAMPTZ)` }
    case 'float64':
      return { type: DOUBLE, sql: (column) => column }
    case 'int64':
      return { type: BIGINT, toItem: (value) => BigInt(value as bigint), sql: (column) => column }
    case 'bool':
      return { type: BOOLEAN, toItem: (value) => value as boolean, sql: (column) => column }
    default:
      return { type: VARCHAR, toItem: (value) => value as string, sql: (column) => column }
  }
}
