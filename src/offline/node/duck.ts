import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'

export interface DuckOptions {
  readonly threads: number
  readonly memoryMb: number
  /** Where it puts what does not fit memory. */
  readonly temporary: string
}

/** A DuckDB of its own in memory, in UTC, that asks nothing of the network. */
export async function openDuck({ threads, memoryMb, temporary }: DuckOptions): Promise<{
  readonly connection: DuckDBConnection
  readonly instance: DuckDBInstance
}> {
  const instance = await DuckDBInstance.create(':memory:', {
    threads: String(threads),
    memory_limit: `${memoryMb}MB`,
    temp_directory: temporary,
    autoinstall_known_extensions: 'false',
  })
  const connection = await instance.connect()
  await connection.run("SET TimeZone = 'UTC'")
  return { connection, instance }
}

/** A text in SQL. Statements end at a zero character: texts with one are put together. */
export function quoted(text: string): string {
  const parts = text.split('\0').map((part) => `'${part.replaceAll("'", "''")}'`)
  return parts.length === 1 ? (parts[0] as string) : `(${parts.join(' || chr(0) || ')})`
}

/** A name in SQL. */
export const named = (name: string): string => `"${name.replaceAll('"', '""')}"`

export const listOf = (texts: readonly string[]): string => `[${texts.map(quoted).join(', ')}]`

/** The rows of a small answer, as objects. */
export async function rowsOf<Row>(connection: DuckDBConnection, sql: string): Promise<Row[]> {
  return (await connection.runAndReadAll(sql)).getRowObjectsJS() as Row[]
}

/**
 * Options of `COPY ... TO` for Parquet that has every bit. By default DuckDB writes doubles by a dictionary, in which `-0.0` and
 * `0.0` are one value: the sign of zero is lost.
 */
export const exactParquet = (compression: 'zstd' | 'lz4_raw'): string =>
  `FORMAT parquet, COMPRESSION ${compression}, DICTIONARY_SIZE_LIMIT 0`
