import {
  DOUBLE,
  type DuckDBAppender,
  type DuckDBConnection,
  DuckDBDataChunk,
  type DuckDBInstance,
  type DuckDBVector,
  INTEGER,
  VARCHAR,
} from '@duckdb/node-api'
import { isRefusal, keyFromJson } from '../../../contract/index.ts'
import type { EntityRuntime } from '../../../plan/index.ts'
import { didYouMean } from '../../../util/did-you-mean.ts'
import { type Lineage, labelTime, type RawTime } from '../../training/index.ts'
import { named } from '../duck.ts'
import { OfflineError } from '../offline-error.ts'
import { Chunks } from './chunks.ts'
import { COMMITS_SEPARATOR } from './commits-text.ts'
import { LABELS, type LabelColumn, ROW } from './label-file.ts'

/** Labels that say what they saw belong to no region. */
export const BY_COMMITS = -1

/** Which columns of the label file say what. */
export interface LabelRoles {
  /** By the name of each key of each entity. */
  readonly keys: ReadonlyMap<string, string>
  readonly time: string
  readonly commits: string | null
  readonly region: string | null
}

export interface AskOptions {
  readonly file: string
  readonly roles: LabelRoles
  readonly columns: readonly LabelColumn[]
  readonly timeZone: string | undefined
  /** By place: regions that the log has. */
  readonly regions: readonly string[]
  /** The region that serves where no column says it; its place, or why there is none. */
  readonly serving: number | { readonly error: string }
  readonly entities: readonly { readonly entity: EntityRuntime; readonly lineage: Lineage; readonly table: string }[]
}

export interface Duck {
  readonly connection: DuckDBConnection
  readonly instance: DuckDBInstance
}

/** What the labels ask for. */
export interface Asked {
  readonly labels: number
  /** Labels that go by their commits. */
  readonly byCommits: number
}

const CHUNK_ROWS = 2_048

/**
 * Reads keys, times, commits and regions of every label, and puts them into a table an entity: the label's place, the encoded
 * key, t, the region's place, the commits. Throws an {@link OfflineError} that names file, column and row for the first label
 * that is wrong.
 */
export async function askFor({ connection, instance }: Duck, options: AskOptions): Promise<Asked> {
  const { roles, entities, file } = options
  const wanted = [...roles.keys.values(), roles.time, ...[roles.commits, roles.region].filter((name) => name !== null)]
  const names = [...new Set(wanted)]
  const types = new Map(options.columns.map(({ name, type }) => [name, type]))
  const sinks: Sink[] = []
  for (const { table } of entities) sinks.push(await Sink.open(connection, table))
  const query = names.map((name) => sqlOf(name, types.get(name) ?? '')).join(', ')
  // On a connection of its own: what the sinks write would end an answer that is under way on theirs.
  const reading = await instance.connect()
  const result = await Chunks.of(reading, `SELECT ${ROW}, ${query} FROM ${LABELS} ORDER BY ${ROW}`)
  const asked = { labels: 0, byCommits: 0 }
  for (let chunk = await result.next(); chunk !== undefined; chunk = await result.next()) {
    const cells = new Map(names.map((name, i) => [name, reader(chunk.getColumnVector(i + 1), types.get(name) ?? '')]))
    for (let i = 0; i < chunk.rowCount; i++) {
      const row = asked.labels++
      const fail = (column: string, why: string): never => {
        throw new OfflineError(`labels: ${file}, row ${row + 1}, column ${column} ${why}.`)
      }
      const label = readLabel(options, (column) => (cells.get(column) as CellReader)(i), fail)
      if (label.region === BY_COMMITS) asked.byCommits++
      sinks.forEach((sink, e) => {
        sink.add(row, label.keys[e] as string, label.t, label.region, label.commits)
      })
    }
  }
  for (const sink of sinks) sink.finish()
  reading.closeSync()
  return asked
}

interface Label {
  readonly keys: readonly string[]
  readonly t: number
  readonly region: number
  readonly commits: string | null
}

function readLabel(
  { roles, columns, timeZone, regions, serving, entities }: AskOptions,
  cell: (column: string) => unknown,
  fail: (column: string, why: string) => never,
): Label {
  const raw: Record<string, unknown> = {}
  for (const [key, column] of roles.keys) raw[key] = cell(column)
  const keys = entities.map(({ entity }) => {
    const key = keyFromJson(raw, entity.spec)
    if (!isRefusal(key)) return key.key
    const column = roles.keys.get(key.field ?? '') ?? key.field ?? ''
    return fail(column, `has no good key: ${key.message.replace(/\.$/, '')}`)
  })
  const t = labelTime(timeIn(cell(roles.time), columns.find(({ name }) => name === roles.time)?.type ?? ''), timeZone)
  if (typeof t !== 'number') return fail(roles.time, t.error)
  const commits = roles.commits === null ? null : commitsOf(cell(roles.commits))
  if (commits !== null && roles.commits !== null) {
    for (const { lineage } of entities) {
      const cut = lineage.cutOf(commits)
      if ('error' in cut) return fail(roles.commits, `says ${cut.error}`)
    }
    return { keys, t, region: BY_COMMITS, commits: commits.join(COMMITS_SEPARATOR) }
  }
  const region = regionOf(roles.region === null ? null : cell(roles.region), roles.region, regions, serving, fail)
  return { keys, t, region, commits: null }
}

/** What a cell says of a time; of a decimal, a time of day or an interval DuckDB gives an object of its own. */
function timeIn(raw: unknown, type: string): RawTime {
  if (raw === null || typeof raw === 'string' || typeof raw === 'number' || typeof raw === 'bigint') return raw
  return typeof raw === 'object' && 'localMs' in raw ? { localMs: Number(raw.localMs) } : { type }
}

function regionOf(
  raw: unknown,
  column: string | null,
  regions: readonly string[],
  serving: AskOptions['serving'],
  fail: (column: string, why: string) => never,
): number {
  if (column !== null && raw !== null) {
    const place = regions.indexOf(String(raw))
    if (place >= 0) return place
    return fail(
      column,
      `is ${JSON.stringify(raw)}, a region that the log does not have.${didYouMean(String(raw), regions)}`,
    )
  }
  if (typeof serving === 'number') return serving
  throw new OfflineError(serving.error)
}

/** A list of texts, or one text with commas between; nothing where there are none. */
function commitsOf(raw: unknown): readonly string[] | null {
  if (raw === null) return null
  const texts = Array.isArray(raw)
    ? raw.map(String)
    : String(raw)
        .replaceAll(/[[\]"\s]/g, '')
        .split(',')
  const given = texts.filter((text) => text !== '')
  return given.length === 0 ? null : given
}

type CellReader = (at: number) => unknown

/** Times without a zone come as what they would be in UTC, marked as such. */
function sqlOf(name: string, type: string): string {
  const column = named(name)
  if (type === 'TIMESTAMP WITH TIME ZONE') return `CAST(epoch_ms(${column}) AS DOUBLE)`
  if (/^(TIMESTAMP|DATE)/.test(type)) return `CAST(epoch_ms(CAST(${column} AS TIMESTAMP)) AS DOUBLE)`
  if (type === 'UUID') return `CAST(${column} AS VARCHAR)`
  return column
}

function reader(vector: DuckDBVector, type: string): CellReader {
  if (/^(TIMESTAMP|DATE)/.test(type) && type !== 'TIMESTAMP WITH TIME ZONE') {
    return (at) => {
      const localMs = vector.getItem(at) as number | null
      return localMs === null ? null : { localMs }
    }
  }
  if (type === 'JSON') return (at) => parsed(vector.getItem(at))
  if (type.endsWith('[]')) return (at) => (vector.getItem(at) as { readonly items: unknown[] } | null)?.items ?? null
  return (at) => vector.getItem(at)
}

/** A column of mixed types: as JSON has each. */
function parsed(item: unknown): unknown {
  return typeof item === 'string' ? (JSON.parse(item) as unknown) : item
}

/** Rows on their way into a table of what is asked for. */
export class Sink {
  private readonly appender: DuckDBAppender
  private rows: number[] = []
  private keys: string[] = []
  private times: number[] = []
  private regions: number[] = []
  private commits: (string | null)[] = []

  private constructor(appender: DuckDBAppender) {
    this.appender = appender
  }

  static async open(connection: DuckDBConnection, table: string): Promise<Sink> {
    await connection.run(
      `CREATE OR REPLACE TABLE ${named(table)} (row DOUBLE, key VARCHAR, t DOUBLE, region INTEGER, commits VARCHAR)`,
    )
    return new Sink(await connection.createAppender(table))
  }

  add(row: number, key: string, t: number, region: number, commits: string | null): void {
    const count = this.rows.push(row)
    this.keys.push(key)
    this.times.push(t)
    this.regions.push(region)
    this.commits.push(commits)
    if (count === CHUNK_ROWS) this.flush()
  }

  private flush(): void {
    if (this.rows.length === 0) return
    const chunk = DuckDBDataChunk.create([DOUBLE, VARCHAR, DOUBLE, INTEGER, VARCHAR], this.rows.length)
    chunk.setColumns([this.rows, this.keys, this.times, this.regions, this.commits])
    this.appender.appendDataChunk(chunk)
    this.rows = []
    this.keys = []
    this.times = []
    this.regions = []
    this.commits = []
  }

  finish(): void {
    this.flush()
    this.appender.closeSync()
  }
}
