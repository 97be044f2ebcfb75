import { join } from 'node:path'
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { DOUBLE, DuckDBDataChunk, INTEGER, VARCHAR } from '@duckdb/node-api'
import { BY_PARTS, type Lineage, orderedBy } from '../../training/index.ts'
import { exactParquet, named, quoted } from '../duck.ts'
import { Chunks } from '../training/chunks.ts'
import { COMMITS_SEPARATOR } from '../training/commits-text.ts'
import { LABELS, ROW } from '../training/label-file.ts'
import type { SetSource } from '../training/output.ts'
import { splitSql } from '../training/split.ts'

/** Rows of a group in Parquet, so that Spark has pieces to share out. */
const GROUP_ROWS = 100_000

/**
 * Writes what a run is asked for: `key`, `region`, `ord`, `t`, `row`, `commits`. Labels whose commits are of one part are
 * ordered by that commit, and need not say it any more.
 */
export async function writeAsked(
  { connection, instance }: { readonly connection: DuckDBConnection; readonly instance: DuckDBInstance },
  asked: string,
  lineage: Lineage,
  file: string,
): Promise<void> {
  const cuts = `${asked}_cuts`
  await connection.run(`CREATE OR REPLACE TABLE ${named(cuts)} (commits VARCHAR, region INTEGER, ord DOUBLE)`)
  const appender = await connection.createAppender(cuts)
  const reading = await instance.connect()
  const found = await Chunks.of(
    reading,
    `SELECT DISTINCT commits FROM ${named(asked)} WHERE region = ${BY_PARTS} AND commits IS NOT NULL`,
  )
  for (let chunk = await found.next(); chunk !== undefined; chunk = await found.next()) {
    const texts = chunk.getColumnValues(0) as string[]
    const orders = texts.map((text) => orderOf(lineage, text))
    const rows = DuckDBDataChunk.create([VARCHAR, INTEGER, DOUBLE], texts.length)
    rows.setColumns([texts, orders.map(({ region }) => region), orders.map(({ ord }) => ord)])
    appender.appendDataChunk(rows)
  }
  appender.closeSync()
  reading.closeSync()
  await copy(
    connection,
    `SELECT a.key, coalesce(c.region, a.region) AS region,
      CASE WHEN a.region >= 0 THEN a.t ELSE coalesce(c.ord, 0) END AS ord, a.t, a.row,
      CASE WHEN coalesce(c.region, a.region) = ${BY_PARTS} THEN a.commits END AS commits
      FROM ${named(asked)} a LEFT JOIN ${named(cuts)} c ON a.region = ${BY_PARTS} AND c.commits = a.commits`,
    file,
  )
}

/** How labels with these commits are ordered among the rows. */
function orderOf(lineage: Lineage, commits: string): { readonly region: number; readonly ord: number } {
  const cut = lineage.cutOf(commits.split(COMMITS_SEPARATOR).filter(Boolean))
  if ('error' in cut) throw new Error(cut.error)
  const parts = [...cut.keys()].filter((part) => (cut[part] as number) > 0)
  const [part = 0] = parts
  if (parts.length > 1) return { region: BY_PARTS, ord: 0 }
  return { region: orderedBy(part), ord: cut[part] as number }
}

/** Types of label columns that Spark does not read from Parquet, or not whole: they travel as their text. */
const AS_TEXT = /^(UUID|TIME|TIME WITH TIME ZONE|TIMESTAMP_NS|INTERVAL|BIT|U?HUGEINT)$/

/** Writes the labels as they were, with their places and the split. */
export async function writeLabels(
  connection: DuckDBConnection,
  { labels, split, asked }: Pick<SetSource, 'labels' | 'split' | 'asked'>,
  file: string,
): Promise<void> {
  const columns = labels.map(({ name, type }) => {
    const column = `l.${named(name)}`
    return AS_TEXT.test(type) ? `CAST(${column} AS VARCHAR) AS ${named(name)}` : column
  })
  const splits = split === undefined ? [] : [splitSql(split)]
  const join = split === undefined ? '' : `JOIN ${named(asked)} a ON a.row = l.${ROW}`
  const selected = [`CAST(l.${ROW} AS DOUBLE) AS ${ROW}`, ...columns, ...splits]
  await copy(connection, `SELECT ${selected.join(', ')} FROM ${LABELS} l ${join}`, file)
}

async function copy(connection: DuckDBConnection, query: string, file: string): Promise<void> {
  await connection.run(`COPY (${query}) TO ${quoted(file)} (${exactParquet('zstd')}, ROW_GROUP_SIZE ${GROUP_ROWS})`)
}

export const askedFile = (folder: string, run: number): string => join(folder, `asked-${run}.parquet`)
export const labelsFile = (folder: string): string => join(folder, 'labels.parquet')
