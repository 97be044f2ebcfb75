import type { DuckDBConnection, DuckDBDataChunk, DuckDBResult } from '@duckdb/node-api'
import { rowsOf } from '../duck.ts'

/**
 * The chunks of an answer, as they are wanted. One that was broken off reads as a clean end (whatever else its connection was
 * asked for does that), so what comes is counted.
 */
export class Chunks {
  readonly names: readonly string[]
  private readonly result: DuckDBResult
  private readonly expected: number
  private rows = 0

  private constructor(result: DuckDBResult, expected: number) {
    this.names = result.columnNames()
    this.result = result
    this.expected = expected
  }

  /** Asks a connection, which then is for this answer alone. */
  static async of(connection: DuckDBConnection, query: string): Promise<Chunks> {
    const [counted] = await rowsOf<{ n: bigint }>(connection, `SELECT count(*) AS n FROM (${query})`)
    return new Chunks(await connection.stream(query), Number(counted?.n ?? 0))
  }

  async next(): Promise<DuckDBDataChunk | undefined> {
    const chunk = await this.result.fetchChunk()
    if (chunk !== null && chunk.rowCount > 0) {
      this.rows += chunk.rowCount
      return chunk
    }
    if (this.rows !== this.expected) throw new Error(`of ${this.expected} rows that DuckDB has ${this.rows} came`)
    return undefined
  }
}
