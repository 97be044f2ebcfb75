import { existsSync, statSync } from 'node:fs'
import type { DuckDBConnection } from '@duckdb/node-api'
import { quoted, rowsOf } from '../duck.ts'
import { OfflineError } from '../offline-error.ts'

/** A column of the label file, by its SQL type. */
export interface LabelColumn {
  readonly name: string
  readonly type: string
}

type Format = 'parquet' | 'csv' | 'json'

const FORMATS: Readonly<Record<string, Format>> = {
  parquet: 'parquet',
  pq: 'parquet',
  csv: 'csv',
  tsv: 'csv',
  ndjson: 'json',
  jsonl: 'json',
  json: 'json',
}

/** The place of a label in its file, from 0: a column of our own in the table of labels. */
export const ROW = 'tm_row'
export const LABELS = 'tm_labels'

/**
 * Reads a label file into the table {@link LABELS}, rows numbered as they stand in it. Of texts, columns in `asTexts` stay the
 * texts that they are: what a file without types has in a key or a time is for us to read, not to be guessed.
 *
 * Throws an {@link OfflineError} for a file that is not there, of another format, damaged or empty.
 */
export async function readLabelFile(
  connection: DuckDBConnection,
  file: string,
  asTexts: readonly string[],
): Promise<{ readonly columns: readonly LabelColumn[]; readonly rows: number }> {
  const format = formatOf(file)
  if (!existsSync(file) || !statSync(file).isFile()) throw new OfflineError(`labels: there is no file ${file}.`)
  if (statSync(file).size === 0) throw new OfflineError(`labels: ${file} is empty.`)
  try {
    const reader = await readerOf(connection, format, file, asTexts)
    await connection.run(`CREATE TABLE ${LABELS} AS SELECT row_number() OVER () - 1 AS ${ROW}, * FROM ${reader}`)
  } catch (error) {
    if (error instanceof OfflineError) throw error
    const [why = ''] = (error instanceof Error ? error.message : String(error)).split('\n\n')
    throw new OfflineError(`labels: ${file} cannot be read as ${format}: ${why.trim()}`)
  }
  const columns = await describe(connection, `SELECT * EXCLUDE (${ROW}) FROM ${LABELS}`)
  const [counted] = await rowsOf<{ n: bigint }>(connection, `SELECT count(*) AS n FROM ${LABELS}`)
  if (counted?.n === 0n) throw new OfflineError(`labels: ${file} has no rows.`)
  return { columns, rows: Number(counted?.n ?? 0) }
}

function formatOf(file: string): Format {
  const name = file.toLowerCase().replace(/\.(gz|zst)$/, '')
  const extension = name.slice(name.lastIndexOf('.') + 1)
  const format = FORMATS[extension]
  if (format !== undefined) return format
  throw new OfflineError(
    `labels: ${file} is of no format that is read: name it .parquet, .csv, .tsv, .ndjson, .jsonl or .json.`,
  )
}

async function describe(connection: DuckDBConnection, query: string): Promise<LabelColumn[]> {
  const rows = await rowsOf<{ column_name: string; column_type: string }>(connection, `DESCRIBE ${query}`)
  return rows.map(({ column_name: name, column_type: type }) => ({ name, type }))
}

async function readerOf(
  connection: DuckDBConnection,
  format: Format,
  file: string,
  asTexts: readonly string[],
): Promise<string> {
  if (format === 'parquet') return `read_parquet(${quoted(file)})`
  // Every row is looked at for the types, so that they do not depend on which ones a sample happened to have.
  if (format === 'csv') {
    const plain = `read_csv(${quoted(file)}, sample_size = -1)`
    const texts = (await describe(connection, `SELECT * FROM ${plain}`)).filter(({ name }) => asTexts.includes(name))
    if (texts.length === 0) return plain
    return `read_csv(${quoted(file)}, sample_size = -1, types = {${texts.map(({ name }) => `${quoted(name)}: 'VARCHAR'`).join(', ')}})`
  }
  const plain = `read_json(${quoted(file)}, sample_size = -1)`
  const found = await describe(connection, `SELECT * FROM ${plain}`)
  // A text that looks like a time would lose its offset: only what JSON has a type for keeps it.
  const columns = found.map(({ name, type }) => {
    const isTime = /^(TIMESTAMP|DATE|TIME)/.test(type)
    return `${quoted(name)}: ${quoted(isTime || (type === 'UUID' && asTexts.includes(name)) ? 'VARCHAR' : type)}`
  })
  return `read_json(${quoted(file)}, columns = {${columns.join(', ')}})`
}

/** Refuses names that a set needs for itself. */
export function checkNames(file: string, columns: readonly LabelColumn[], taken: readonly string[]): void {
  // DuckDB, and much that reads the set, does not tell names by their case.
  const lower = new Map(columns.map(({ name }) => [name.toLowerCase(), name]))
  for (const name of [...taken, ROW]) {
    const clash = lower.get(name.toLowerCase())
    if (clash !== undefined)
      throw new OfflineError(
        `labels: ${file} has a column ${clash}, which is what the set calls one of its own: rename it.`,
      )
  }
}
