/** Parquet files, read by DuckDB a chunk at a time. */
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { fieldColumns, knownColumn, type Wanted } from './columns.ts'
import { columnReader, msOf } from './duckdb-values.ts'
import type { SourceFile } from './files.ts'
import { knownAt } from './known.ts'
import { FileError, type ImportRow, type OpenFile, type Rows } from './row.ts'

/** Of DuckDB; what it reads ahead is a few row groups. */
const MEMORY = '512MB'

let connected: Promise<DuckDBConnection> | undefined

async function connect(): Promise<DuckDBConnection> {
  const instance = await DuckDBInstance.create(':memory:', { memory_limit: MEMORY, threads: '2' })
  return await instance.connect()
}

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`
const named = (column: string): string => `"${column.replaceAll('"', '""')}"`

/** Opens a Parquet file: reads its footer, and checks the types of its columns. Throws a UsageError or {@link FileError}. */
export async function openParquet(file: SourceFile, wanted: Wanted): Promise<OpenFile> {
  connected ??= connect()
  const duck = await connected
  const { name, path } = file
  const read = `read_parquet(${quoted(path)}, file_row_number = true)`
  const described = await damaged(name, 0, async () => {
    const { columnNames, columnTypes } = await firstOf(duck, `SELECT * FROM read_parquet(${quoted(path)}) LIMIT 0`)
    const counted = await duck.runAndReadAll(`SELECT num_rows FROM parquet_file_metadata(${quoted(path)})`)
    return { columnNames, columnTypes, total: Number(counted.getRows()[0]?.[0] ?? 0) }
  })
  const { columnNames: columns, columnTypes, total } = described
  const { source, rule, toUtc, idColumn } = wanted
  const fields = fieldColumns(name, columns, wanted).map(({ field, place }) => ({
    field,
    place,
    key: JSON.stringify(field.name),
    write: columnReader(name, columns[place] ?? '', columnTypes[place], field, toUtc),
  }))
  const knownPlace = knownColumn(name, columns, rule)
  const timePlace = fields.find(({ field }) => field.name === source.time)?.place
  const idPlace = idColumn === undefined ? undefined : columns.indexOf(idColumn)
  const others = [knownPlace, idPlace].filter((place) => place !== undefined)
  const places = [...new Set([...fields.map(({ place }) => place), ...others])]
  const select = places.map((place) => named(columns[place] ?? '')).join()
  let done = 0

  const rowsOf = (values: readonly (readonly unknown[])[], count: number): ImportRow[] => {
    const of = (place: number | undefined, i: number) =>
      place === undefined ? null : (values[places.indexOf(place) + 1]?.[i] ?? null)
    return Array.from({ length: count }, (_, i) => {
      const line = Number(values[0]?.[i]) + 1
      const members: string[] = []
      for (const { field, place, key, write } of fields) {
        const value = of(place, i)
        if (value !== null) members.push(`${key}:${write(value)}`)
        else if (field.nullable && !field.optional) members.push(`${key}:null`)
      }
      const eventMs = rule.kind === 'event-time' ? msOf(of(timePlace, i), toUtc) : null
      const known = of(knownPlace, i)
      const at = knownAt(`${name}:${line}`, rule, eventMs, msOf(known, toUtc), known === null ? null : String(known))
      const id = of(idPlace, i)
      return { line, text: `{${members.join()}}`, knownAt: at, ...(id !== null && { id: String(id) }) }
    })
  }
  return {
    columns,
    get share() {
      return total === 0 ? 1 : done / total
    },
    async *rows(afterLine: number): AsyncGenerator<Rows> {
      done = afterLine
      // In the order of the file, which DuckDB keeps; a file that changes under it, or is damaged, is told where.
      const query = `SELECT file_row_number, ${select} FROM ${read} WHERE file_row_number >= ${afterLine}`
      const result = await damaged(name, done, async () => await duck.stream(query))
      for (;;) {
        const chunk = await damaged(name, done, async () => await result.fetchChunk())
        if (chunk === null || chunk === undefined || chunk.rowCount === 0) break
        const values = Array.from({ length: chunk.columnCount }, (_, i) => chunk.getColumnValues(i))
        const rows = rowsOf(values, chunk.rowCount)
        yield rows
        done = rows.at(-1)?.line ?? done
      }
      if (done < total)
        throw new FileError(`${name} ends after row ${done}, and its footer says ${total}: it is damaged.`)
    },
  }
}

async function firstOf(duck: DuckDBConnection, query: string) {
  const result = await duck.run(query)
  return { columnNames: result.columnNames(), columnTypes: result.columnTypes() }
}

/** DuckDB's own words, with the file and the row behind which it gave up. */
async function damaged<T>(name: string, done: number, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const said = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
    const isCut = /magic bytes|too small to be a Parquet/.test(said)
    const what = isCut ? 'is no whole Parquet file: it is another kind of file, or still being written' : 'is damaged'
    const where = done > 0 ? ` behind row ${done}` : ''
    throw new FileError(`${name} ${what}${where} (${said.replace(/ '[^']*'$/, '')}).`)
  }
}
