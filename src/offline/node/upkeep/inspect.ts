import type { DuckDBConnection } from '@duckdb/node-api'
import { listOf, named, quoted, rowsOf } from '../duck.ts'
import type { ErasedAt, Person } from './erase-log.ts'
import { equalsSql } from './person.ts'

/** What one file of the log has of a person. */
export interface Inspected {
  readonly rows: number
  /** Rows under the person's key, and rows of others that have it in the fields of the key. */
  readonly found: number
  /** The same of what arrived since the erasure. */
  readonly since: number
  /** Rows by other columns that have the very value, as `source.column`. */
  readonly elsewhere: ReadonlyMap<string, number>
  /** The same of columns of numbers, where any amount may be it by chance. */
  readonly byChance: ReadonlyMap<string, number>
}

/** Where a file lies says what it is of; its footer which columns it has. No manifest is asked: also what none names is looked at. */
export async function inspectFile(
  connection: DuckDBConnection,
  key: string,
  path: string,
  person: Person,
  { atMs, commits }: ErasedAt,
): Promise<Inspected> {
  const [, source = '', entity = '', region = '', epoch = '', shard = ''] =
    /tm_source=([^/]+)\/tm_entity=([^/]+)\/tm_region=([^/]+)\/tm_epoch=(\d+)\/tm_shard=(\d+)\//.exec(key) ?? []
  const from = `read_parquet(${listOf([path])}, hive_partitioning = false) r`
  const columns = await rowsOf<{ column_name: string; column_type: string }>(
    connection,
    `DESCRIBE SELECT * FROM ${from}`,
  )
  const types = new Map(columns.map((column) => [column.column_name, column.column_type]))
  const keys = person.keys.filter((one) => one.entity === entity)
  const own = keys.map((one) => `r.tm_key = ${quoted(one.key)}`)
  // A key that no shard was asked for has nothing that may stay.
  const old = keys.map((one) => {
    const seq = commits.get(`${region}/${entity}/${epoch}/${shard} ${one.key}`)
    return `(r.tm_key = ${quoted(one.key)}${seq === undefined ? '' : ` AND r.tm_seq <= ${seq}`})`
  })
  const matches = person.matches
    .filter((match) => match.source === source && match.fields.every(({ name }) => types.has(name)))
    .map(
      ({ fields }) =>
        `(${fields.map(({ name, text }) => equalsSql(`CAST(r.${named(name)} AS VARCHAR)`, text)).join(' AND ')})`,
    )
  const isOwn = `coalesce(${own.length === 0 ? 'false' : own.join(' OR ')}, false)`
  const isOld = `coalesce(${old.length === 0 ? 'false' : old.join(' OR ')}, false)`
  const has = `coalesce(${matches.length === 0 ? 'false' : matches.join(' OR ')}, false)`
  const before = `epoch_ms(r.tm_available_at) <= ${atMs}`
  const others = othersOf(person, source, types)
  const sums = [
    'count(*) AS rows',
    `count(*) FILTER (${isOld} OR (NOT ${isOwn} AND ${has} AND ${before})) AS found`,
    `count(*) FILTER ((${isOwn} AND NOT ${isOld}) OR (NOT ${isOwn} AND ${has} AND NOT ${before})) AS since`,
    ...others.map(({ sql }, i) => `count(*) FILTER (NOT ${isOwn} AND ${before} AND ${sql}) AS o${i}`),
  ]
  const [row] = await rowsOf<Record<string, bigint>>(connection, `SELECT ${sums.join(', ')} FROM ${from}`)
  const elsewhere = new Map<string, number>()
  const byChance = new Map<string, number>()
  for (const [i, { column, isNumber }] of others.entries()) {
    const count = Number(row?.[`o${i}`] ?? 0)
    if (count > 0) (isNumber ? byChance : elsewhere).set(`${source}.${column}`, count)
  }
  return {
    rows: Number(row?.rows ?? 0),
    found: Number(row?.found ?? 0),
    since: Number(row?.since ?? 0),
    elsewhere,
    byChance,
  }
}

/** Columns of texts and whole numbers beside the fields of the key, of the sources that the person's events are of. */
function othersOf({ matches, keys }: Person, source: string, types: ReadonlyMap<string, string>) {
  const own = new Set(
    matches.filter((match) => match.source === source).flatMap(({ fields }) => fields.map(({ name }) => name)),
  )
  const isTheirs = matches.some((match) => match.source === source)
  const single = matches.find(({ fields }) => fields.length === 1)?.fields[0]?.text ?? keys[0]?.key
  if (!isTheirs || single === undefined || matches.some(({ fields }) => fields.length > 1)) return []
  return [...types].flatMap(([column, type]) => {
    if (own.has(column) || (column.startsWith('tm_') && column !== 'tm_id')) return []
    const sql = named(column)
    if (type === 'VARCHAR')
      return [{ column, isNumber: false, sql: `coalesce(${equalsSql(`r.${sql}`, single)}, false)` }]
    if (type === 'VARCHAR[]')
      return [{ column, isNumber: false, sql: `coalesce(list_contains(r.${sql}, ${quoted(single)}), false)` }]
    if (type === 'BIGINT' && /^-?\d+$/.test(single))
      return [{ column, isNumber: true, sql: `coalesce(CAST(r.${sql} AS VARCHAR) = ${quoted(single)}, false)` }]
    return []
  })
}
