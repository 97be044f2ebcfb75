import type { FieldSpec } from '../../../engine/index.ts'
import { BY_PARTS } from '../../training/index.ts'
import { filesOf, type StagedSource, type StageOptions, seenSql } from '../training/stage-rows.ts'
import { STREAM_COLUMNS } from './job.ts'
import type { SlottedSource } from './slots.ts'
import { loggedTypeOf, sparkTypeOf, ticked, toWire, type Wire } from './wire.ts'

/** Files of the log that are read together, by one schema. */
export interface FileGroup {
  /** What the SQL calls their rows; with a column `tm_file`, the name of each row's file. */
  readonly view: string
  readonly paths: readonly string[]
  /** Name and type of each column that is read, in Spark's types. */
  readonly schema: string
}

/** What every name of a file begins behind: it tells files apart in a path as in the address that Spark makes of it. */
export const FILE_MARK = 'log/tm_source='

const OWN: Readonly<Record<string, string>> = {
  tm_key: 'STRING',
  tm_seq: 'BIGINT',
  tm_time: 'TIMESTAMP',
  tm_available_at: 'TIMESTAMP',
  tm_imported: 'BOOLEAN',
  tm_known_at: 'TIMESTAMP',
}

const OF_TABLES: Readonly<Record<string, string>> = {
  tm_sign: 'BIGINT',
  tm_row_region: 'BIGINT',
  tm_row_epoch: 'BIGINT',
  tm_row_shard: 'BIGINT',
  tm_row_seq: 'BIGINT',
}

/**
 * The rows of one source in the columns of the merged stream, as Spark's SQL, and the files that it reads. Of views `tm_files_RUN`
 * (name, part, region, seq, ...) and `tm_entities_RUN` (key, region, last).
 */
export function sourceSql(
  run: number,
  number: number,
  stage: StageOptions,
  { source }: StagedSource,
  { fields, slots: own }: SlottedSource,
  slots: readonly { readonly name: string; readonly wire: Wire }[],
): { readonly groups: readonly FileGroup[]; readonly queries: readonly string[] } {
  const groups: FileGroup[] = []
  const queries = filesOf(stage.logs, stage.seqs, source.spec.name).map(({ contract, paths }, i) => {
    const view = `tm_rows_${run}_${number}_${i}`
    const isTable = contract.changes !== undefined
    const key = (name: string, ofStream: string) => (isTable ? `coalesce(r.tm_row_${name}, ${ofStream})` : ofStream)
    const sign = isTable ? 'r.tm_sign' : '1'
    const { seen, available } = seenSql(stage, sign, (column) => `unix_millis(${column})`)
    const values = new Map<string, string>()
    const read: string[] = []
    fields.forEach((place, at) => {
      const field = source.spec.fields[place] as FieldSpec
      if (!contract.fields.some(({ name, type }) => name === field.name && type === field.type)) return
      read.push(`${ticked(field.name)} ${loggedTypeOf(field.type)}`)
      values.set(own[at] as string, toWire(`r.${ticked(field.name)}`, field.type))
    })
    const schema = Object.entries({ ...OWN, ...(isTable && OF_TABLES) }).map(([name, type]) => `${name} ${type}`)
    groups.push({ view, paths, schema: [...schema, ...read].join(', ') })
    const columns: Record<keyof typeof STREAM_COLUMNS, string> = {
      key: 'r.tm_key',
      region: 'e.region',
      // Of commits of one part: by the commit itself.
      ord: `CASE WHEN e.region < ${BY_PARTS} THEN r.tm_seq ELSE ${seen} END`,
      kind: '0',
      source: String(number),
      part: 'f.part',
      seq: 'r.tm_seq',
      time: 'unix_millis(r.tm_time)',
      available,
      sign,
      row_region: key('region', 'f.rpart_region'),
      row_epoch: key('epoch', 'f.rpart_epoch'),
      row_shard: key('shard', 'f.rpart_shard'),
      row_seq: key('seq', 'r.tm_seq'),
      commits: 'NULL',
    }
    const cells = slots.map(
      ({ name, wire }) => `CAST(${values.get(name) ?? 'NULL'} AS ${sparkTypeOf(wire)}) AS ${name}`,
    )
    // A row whose file nobody named stops the job: to pass over it in silence would be a loss.
    const known = (column: string) => `coalesce(f.${column}, raise_error(concat('no manifest names ', r.tm_file)))`
    return `SELECT * EXCEPT (last) FROM (SELECT /*+ BROADCAST(f) */ ${[...cast(columns), ...cells].join(', ')}, e.last AS last
      FROM ${view} r LEFT JOIN tm_files_${run} f ON f.name = r.tm_file
      JOIN tm_entities_${run} e ON e.key = r.tm_key
      WHERE r.tm_seq <= ${known('seq')} AND (e.region >= ${BY_PARTS} OR ${known('part')} = -2 - e.region)) WHERE ord <= last`
  })
  return { groups, queries }
}

/** The labels of a run in the columns of the merged stream. */
export function labelsSql(run: number, slots: readonly { readonly name: string; readonly wire: Wire }[]): string {
  const columns: Partial<Record<keyof typeof STREAM_COLUMNS, string>> = {
    key: 'a.key',
    region: 'a.region',
    ord: 'a.ord',
    kind: '1',
    seq: 'a.row',
    time: 'a.t',
    commits: 'a.commits',
  }
  const cells = slots.map(({ name, wire }) => `CAST(NULL AS ${sparkTypeOf(wire)}) AS ${name}`)
  return `SELECT ${[...cast(columns), ...cells].join(', ')} FROM tm_asked_${run} a`
}

function cast(columns: Partial<Record<keyof typeof STREAM_COLUMNS, string>>): string[] {
  return Object.entries(STREAM_COLUMNS).map(
    ([name, type]) => `CAST(${columns[name as keyof typeof STREAM_COLUMNS] ?? 'NULL'} AS ${type}) AS ${name}`,
  )
}
