import type { DuckDBConnection } from '@duckdb/node-api'
import type { Status } from '../../../engine/index.ts'
import { STATUS_OF } from '../../../shard/index.ts'
import { type FeatureColumn, statusColumn } from '../../training/index.ts'
import { exactParquet, named, quoted, rowsOf } from '../duck.ts'
import { OfflineError } from '../offline-error.ts'
import { writeArrow } from './arrow-file.ts'
import { LABELS, type LabelColumn, ROW } from './label-file.ts'
import { handedOver } from './result-table.ts'
import { type Split, splitSql } from './split.ts'

/** What a set is written as. */
export type SetFormat = 'parquet' | 'arrow' | 'csv'

const FORMATS: Readonly<Record<string, SetFormat>> = {
  parquet: 'parquet',
  pq: 'parquet',
  arrow: 'arrow',
  feather: 'arrow',
  csv: 'csv',
}

/** The format that a file's name says. Throws an {@link OfflineError}. */
export function formatOf(file: string): SetFormat {
  const format = FORMATS[file.slice(file.lastIndexOf('.') + 1).toLowerCase()]
  if (format !== undefined) return format
  throw new OfflineError(`--out ${file}: name it .parquet, .arrow, .feather or .csv.`)
}

export interface SetSource {
  readonly labels: readonly LabelColumn[]
  readonly columns: readonly FeatureColumn[]
  /** By column: which relation has it, and as which of its features. */
  readonly places: readonly { readonly relation: number; readonly index: number }[]
  readonly relations: readonly string[]
  /** The table of what the first entity is asked for. */
  readonly asked: string
  readonly withStatus: boolean
  readonly split: Split | undefined
}

/** The set as a query, in the order of the labels. */
export function setQuery({ labels, columns, places, relations, asked, withStatus, split }: SetSource): string {
  const features = columns.map(({ name, type }, i) => {
    const { relation, index } = places[i] as SetSource['places'][number]
    return `${handedOver(type, `r${relation}.${named(`f${index}`)}`)} AS ${named(name)}`
  })
  const statuses = withStatus
    ? columns.map(
        ({ name }, i) => `${statusSql(places[i] as SetSource['places'][number])} AS ${named(statusColumn(name))}`,
      )
    : []
  const splits = split === undefined ? [] : [splitSql(split)]
  const selected = [...labels.map(({ name }) => `l.${named(name)}`), ...splits, ...features, ...statuses]
  const joins = relations.map((relation, i) => `JOIN ${relation} r${i} ON r${i}.tm_row = l.${ROW}`)
  const askedJoin = split === undefined ? '' : `JOIN ${named(asked)} a ON a.row = l.${ROW}`
  return `SELECT ${selected.join(', ')} FROM ${LABELS} l ${joins.join(' ')} ${askedJoin} ORDER BY l.${ROW}`
}

/** The word of a status, out of the letters of all features of a relation. */
export function statusSql({ relation, index }: SetSource['places'][number], text = quoted): string {
  const cases = Object.entries(STATUS_OF).map(
    ([letter, status]: [string, Status]) => `WHEN ${text(letter)} THEN ${text(status)}`,
  )
  return `CASE substr(r${relation}.tm_status, ${index + 1}, 1) ${cases.join(' ')} END`
}

/** Writes the set to a file of this format; how many rows it has. */
export async function writeSet(
  connection: DuckDBConnection,
  query: string,
  file: string,
  format: SetFormat,
): Promise<number> {
  if (format === 'arrow') return await writeArrow(connection, query, file)
  const how = format === 'parquet' ? exactParquet('zstd') : 'FORMAT csv, HEADER'
  const [written] = await rowsOf<{ Count: bigint }>(connection, `COPY (${query}) TO ${quoted(file)} (${how})`)
  return Number(written?.Count ?? 0)
}
