import type { SourceSpec } from '../../engine/index.ts'
import { listOf, named, quoted } from './duck.ts'
import type { ShardLog } from './open-log.ts'
import { contractOf } from './upkeep/bucket.ts'

/** Columns of events that go through the import door again, besides the fields of the source. */
export const KNOWN_COLUMN = 'tm_known_at'
export const ID_COLUMN = 'tm_event_id'

const OWN = ['tm_key', 'tm_seq', 'tm_time', 'tm_available_at', 'tm_imported', 'tm_known_at']
const POSITION = ['tm_sequence', 'tm_incarnation', 'tm_offset']

/** The rows of a source in some logs. */
export interface EventRows {
  /** The query. Each row has its file in `tm_file`, and what tells the event from others in {@link ID_COLUMN}; null: nothing does. */
  readonly sql: string
  /** The fields that the rows have: those of the source that some contract of the log has, by name and type. */
  readonly fields: ReadonlySet<string>
}

/** Whether rows by this contract have a field of the source as it is now: another type is another field. */
export const hasField = (contract: SourceSpec, source: SourceSpec, name: string): boolean => {
  const type = source.fields.find((field) => field.name === name)?.type
  return type !== undefined && contract.fields.some((field) => field.name === name && field.type === type)
}

/**
 * Reads the rows of a source, whatever contracts they were accepted by: fields by name and type, null where a contract has none such.
 *
 * @returns undefined where the logs have no row of the source
 */
export function eventRows(logs: readonly ShardLog[], source: SourceSpec): EventRows | undefined {
  const byContract = new Map<string, { readonly contract: SourceSpec; readonly paths: string[] }>()
  for (const { manifest, files } of logs) {
    for (const { segment, path } of files) {
      if (segment.source !== source.name) continue
      const contract = contractOf(manifest, segment)
      const key = JSON.stringify([contract.id, contract.fields.map(({ name, type }) => [name, type])])
      const known = byContract.get(key)
      if (known === undefined) byContract.set(key, { contract, paths: [path] })
      else known.paths.push(path)
    }
  }
  const groups = [...byContract.values()]
  if (groups.length === 0) return undefined
  // A field that no contract has is left out: a column of nulls would have no type that the import door knows.
  const fields = source.fields
    .map(({ name }) => name)
    .filter((name) => groups.some(({ contract }) => hasField(contract, source, name)))
  const queries = groups.map(({ contract, paths }) => {
    const columns = [
      ...[...OWN, ...POSITION].map((column) => `r.${column}`),
      'r.tm_file',
      `${idSql(contract)} AS ${ID_COLUMN}`,
      ...fields.map((name) => `${hasField(contract, source, name) ? `r.${named(name)}` : 'NULL'} AS ${named(name)}`),
    ]
    return `SELECT ${columns.join(', ')} FROM read_parquet(${listOf(paths)}, union_by_name = true, filename = 'tm_file', hive_partitioning = false) r`
  })
  return { sql: queries.join(' UNION ALL '), fields: new Set(fields) }
}

/**
 * What tells an event from others: the id that it was accepted by; of a record of a topic where it stands, as a text that is its id when it is
 * imported. Of a source with an id field that field, and nothing where an erasure blanked it.
 */
function idSql({ name, id }: SourceSpec): string {
  if (id !== undefined) return `coalesce(r.tm_id, CAST(r.${named(id)} AS VARCHAR))`
  return `coalesce(r.tm_id, ${quoted(`${name}/`)} || r.tm_sequence || '/' || r.tm_incarnation || '/' || r.tm_offset)`
}
