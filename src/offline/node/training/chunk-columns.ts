import type { DuckDBDataChunk, DuckDBVector } from '@duckdb/node-api'
import {
  decimalScale,
  elementType,
  type FieldType,
  type Scalar,
  type ScalarType,
  type Value,
  vectorLength,
} from '../../../engine/index.ts'

/** Numbers of a column without nulls, as they lie in memory. */
export function numbersOf(chunk: DuckDBDataChunk, column: number): Float64Array {
  return (chunk.getColumnVector(column) as unknown as { readonly items: Float64Array }).items
}

/** Reads one cell of a column of a chunk. */
export type Cell = (at: number) => Value

/**
 * What a staged field is in SQL, and how its cells are read. Numbers stay doubles wherever they fit: a bigint for each cell
 * would cost more than all the rest of reading it.
 */
export function stagedSql(column: string, type: FieldType): string {
  const element = elementType(type)
  if (element === 'int') return `CAST(${column} AS DOUBLE[])`
  if (element === 'timestamp') return `list_transform(${column}, lambda x: CAST(epoch_ms(x) AS DOUBLE))`
  if (type === 'int') return `CAST(${column} AS DOUBLE)`
  if (type === 'timestamp') return `CAST(epoch_ms(${column}) AS DOUBLE)`
  return column
}

/** The SQL type of {@link stagedSql}. */
export function stagedType(type: FieldType): string {
  const element = elementType(type)
  if (element !== undefined) return `${stagedType(element)}[]`
  if (vectorLength(type) !== undefined) return 'FLOAT[]'
  const scale = decimalScale(type)
  if (scale !== undefined) return `DECIMAL(38, ${scale})`
  const plain = {
    string: 'VARCHAR',
    bool: 'BOOLEAN',
    int: 'DOUBLE',
    int64: 'BIGINT',
    float64: 'DOUBLE',
    timestamp: 'DOUBLE',
  }
  return plain[type as keyof typeof plain]
}

export function cellOf(chunk: DuckDBDataChunk, column: number, type: FieldType): Cell {
  const vector = chunk.getColumnVector(column)
  const isThere = validOf(vector)
  if (type === 'int' || type === 'float64' || type === 'timestamp') {
    const { items } = vector as unknown as { readonly items: Float64Array }
    return isThere === null ? (at) => items[at] as number : (at) => (isThere(at) ? (items[at] as number) : null)
  }
  const read = itemReader(type)
  return (at) => (isThere === null || isThere(at) ? read(vector.getItem(at)) : null)
}

/** Whether a cell is no null; null when none is. The items of a null are garbage. */
function validOf(vector: DuckDBVector): ((at: number) => boolean) | null {
  const { validity } = vector as unknown as {
    readonly validity: { readonly data: BigUint64Array | null; readonly offset: number }
  }
  const { data, offset } = validity
  if (data === null) return null
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return (at) => (((bytes[(at + offset) >> 3] as number) >> ((at + offset) & 7)) & 1) === 1
}

interface ItemList {
  readonly items: readonly unknown[]
}

function itemReader(type: FieldType): (item: unknown) => Value {
  const element = elementType(type)
  if (element !== undefined) {
    const read = scalarReader(element)
    return (item) => (item as ItemList).items.map(read)
  }
  if (vectorLength(type) !== undefined) return (item) => Float32Array.from((item as ItemList).items as number[])
  return scalarReader(type as ScalarType)
}

function scalarReader(type: ScalarType): (item: unknown) => Scalar {
  if (decimalScale(type) !== undefined) return (item) => (item as { readonly value: bigint }).value
  return (item) => item as Scalar
}
