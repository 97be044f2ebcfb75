import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { type EntityRuntime, hashKey, type Plan, type Route, type SourceRuntime, spreadOf } from '../../plan/index.ts'
import { exactParquet, named, openDuck, quoted, rowsOf } from './duck.ts'
import { type EventRows, eventRows, hasField, ID_COLUMN, KNOWN_COLUMN } from './event-rows.ts'
import { OfflineError } from './offline-error.ts'
import { openLog, type ShardLog } from './open-log.ts'
import { contractOf, editLog, type Upkeep } from './upkeep/bucket.ts'
import { keyOfTexts } from './upkeep/person.ts'
import { rewrite } from './upkeep/rewrite.ts'

export interface RouteGapOptions extends Upkeep {
  readonly plan: Plan
  readonly view: string
  readonly region: string
  /** The bucket as a folder of this machine. */
  readonly log: string
}

/** Events of one source that a view's shards have never seen, as a Parquet file for the import door; none when `events` is 0. */
export interface MissingEvents {
  readonly source: string
  readonly path: string
  readonly events: number
  /** They were imported by no rule of when they could be known. */
  readonly isUnknown: boolean
}

/** What there was to mend. */
export interface RouteGap {
  /** Rows that the log now has under the view's keys, too. */
  readonly rekeyed: number
  readonly missing: readonly MissingEvents[]
}

/**
 * A view that takes its keys from another field than those before it: its shards were sent no event by that field while it was not there. Events that a shard has
 * all the same are put into its log under the view's keys too; those that it has never seen are written for the import door.
 *
 * Throws an {@link OfflineError} where that cannot be done: events of tables and enriched sources, and entities that are spread or were resharded.
 */
export async function routeGap(options: RouteGapOptions): Promise<RouteGap> {
  const { plan, view, region, log } = options
  const entity = [...plan.entities.values()].find((one) => one.plan.some(({ spec }) => spec.name === view))
  if (entity === undefined) throw new OfflineError(`the definitions have no feature view ${view}`)
  const place = entity.plan.findIndex(({ spec }) => spec.name === view)
  const logs = (await openLog(log)).filter(({ manifest }) => manifest.shard.region === region)
  const missing: MissingEvents[] = []
  let rekeyed = 0
  for (const source of plan.sources.values()) {
    const route = source.routes.find((one) => one.entity === entity && one.views.some((of) => of.view === place))
    if (route === undefined) continue
    const found = await sourceGap(options, { entity, source, route, logs })
    rekeyed += found.rekeyed
    missing.push(...found.missing)
  }
  return { rekeyed, missing }
}

interface Of {
  readonly entity: EntityRuntime
  readonly source: SourceRuntime
  readonly route: Route
  readonly logs: readonly ShardLog[]
}

async function sourceGap(options: RouteGapOptions, of: Of): Promise<RouteGap> {
  const { entity, source, logs } = of
  const { name } = source.spec
  const none: RouteGap = { rekeyed: 0, missing: [] }
  const own = logs.filter(({ manifest }) => manifest.shard.entity === entity.spec.name)
  const rows = eventRows(logs, source.spec)
  // Where no contract of the log has the view's key, no event of it has one.
  if (rows === undefined || own.length === 0 || !keyNames(of).every((field) => rows.fields.has(field))) return none
  const work = await mkdtemp(join(options.folder, 'route-'))
  const { connection, instance } = await openDuck({ memoryMb: options.memoryMb, threads: 2, temporary: work })
  try {
    const isPlain = own.every(({ manifest }) => manifest.previous === null) && spreadOf(entity) === 1
    await nameRows(connection, of, rows)
    await nameKeys(connection, of, own[0]?.manifest.shard.shards ?? 1)
    const lacking = lackingSql(of, rows)
    const [counted] = await rowsOf<{ n: bigint }>(connection, `SELECT count(*) AS n FROM (${lacking})`)
    const events = Number(counted?.n ?? 0n)
    const why = events === 0 ? undefined : whyNot(of, isPlain)
    if (why !== undefined)
      throw new OfflineError(
        `${events} events of ${name} never came to the shards of ${entity.spec.name} by the keys of the view, and ${why}.`,
      )
    const missing: MissingEvents[] = []
    for (const isUnknown of [false, true]) {
      const path = join(options.folder, `missing-${entity.spec.name}-${name}${isUnknown ? '-unknown' : ''}.parquet`)
      const own = `SELECT * FROM (${lacking}) WHERE ${KNOWN_COLUMN} IS ${isUnknown ? 'NULL' : 'NOT NULL'}`
      const [some] = await rowsOf<{ n: bigint }>(connection, `SELECT count(*) AS n FROM (${own})`)
      if (some === undefined || some.n === 0n) continue
      await connection.run(
        `COPY (${own} ORDER BY ${KNOWN_COLUMN}, ${ID_COLUMN}) TO ${quoted(path)} (${exactParquet('lz4_raw')})`,
      )
      missing.push({ source: name, path, events: Number(some.n), isUnknown })
    }
    const rekeyed = isPlain ? await rekey(options, of, own, instance, work) : 0
    return { rekeyed, missing }
  } finally {
    connection.closeSync()
    instance.closeSync()
    await rm(work, { recursive: true, force: true })
  }
}

function whyNot({ source, entity }: Of, isPlain: boolean): string | undefined {
  const { name } = source.spec
  if (source.table !== null)
    return `the rows of a table come from its database alone: declare the table under another name, and let Debezium take a snapshot (docs/cdc.md)`
  if (source.spec.enrich !== undefined)
    return `${name} is enriched: sent again they would take what its tables hold now`
  if (source.spec.idempotency === 'none') return `nothing tells events of ${name} from each other`
  return isPlain
    ? undefined
    : `${entity.spec.name} is spread, or its shard count has changed: declare the view over an entity of its own`
}

const keyNames = ({ source, route }: Of): string[] =>
  route.keyFields.map((place) => source.spec.fields[place]?.name ?? '')

const textsOf = (of: Of): string[] => keyNames(of).map((name) => `CAST(r.${named(name)} AS VARCHAR)`)

/**
 * Makes `route_rows`, every row of the source with what tells its event from others, and `own`, what the entity's shards have of them.
 *
 * Events that nothing tells apart are told by what they say, and by how many of the same a log had before: events that say the same go to the
 * same shards. Enough to see whether one is missing; not to send it again.
 */
async function nameRows(connection: DuckDBConnection, { entity, source, logs }: Of, rows: EventRows): Promise<void> {
  await connection.run('CREATE TABLE route_files (path VARCHAR, log INTEGER, shard INTEGER)')
  const files = logs.flatMap(({ manifest: { shard }, files: all }, log) =>
    all
      .filter(({ segment }) => segment.source === source.spec.name)
      .map(({ path }) => `(${quoted(path)}, ${log}, ${shard.entity === entity.spec.name ? shard.shard : 'NULL'})`),
  )
  for (let at = 0; at < files.length; at += 1_000)
    await connection.run(`INSERT INTO route_files VALUES ${files.slice(at, at + 1_000).join(', ')}`)
  const said = `md5(CAST(row(${[...rows.fields].map((name) => `r.${named(name)}`).join(', ')}) AS VARCHAR))`
  const counted = `'said/' || ${said} || '/' || dense_rank() OVER (PARTITION BY f.log, r.${ID_COLUMN} IS NULL, ${said} ORDER BY r.tm_seq)`
  const identity = source.spec.idempotency === 'none' ? `coalesce(r.${ID_COLUMN}, ${counted})` : `r.${ID_COLUMN}`
  await connection.run(
    `CREATE VIEW route_rows AS SELECT r.*, f.shard AS tm_shard, ${identity} AS tm_identity FROM (${rows.sql}) r JOIN route_files f ON f.path = r.tm_file`,
  )
  await connection.run(
    `CREATE TABLE own AS SELECT tm_shard AS shard, tm_seq AS seq, tm_key AS key, tm_identity AS identity,
      tm_sequence AS sequence, tm_incarnation AS incarnation, tm_offset AS stood_at FROM route_rows WHERE tm_shard IS NOT NULL`,
  )
}

/** The texts of key fields that there are, with the key that they make and its shard. */
async function nameKeys(connection: DuckDBConnection, of: Of, shards: number): Promise<void> {
  const texts = textsOf(of)
  const columns = texts.map((_, i) => `t${i}`)
  await connection.run(
    `CREATE TABLE route_keys (${columns.map((column) => `${column} VARCHAR`).join(', ')}, key VARCHAR, shard INTEGER)`,
  )
  const known = await rowsOf<Record<string, string | null>>(
    connection,
    `SELECT DISTINCT ${texts.map((text, i) => `${text} AS t${i}`).join(', ')} FROM route_rows r`,
  )
  const rows = known.flatMap((row) => {
    const own = columns.map((column) => row[column] ?? null)
    const key = keyOfTexts(of.route, own)
    return key === undefined
      ? []
      : [`(${[...own.map((text) => quoted(text ?? '')), quoted(key), hashKey(key) % shards].join(', ')})`]
  })
  for (let at = 0; at < rows.length; at += 1_000)
    await connection.run(`INSERT INTO route_keys VALUES ${rows.slice(at, at + 1_000).join(', ')}`)
}

const matches = (of: Of): string =>
  textsOf(of)
    .map((text, i) => `k.t${i} = ${text}`)
    .join(' AND ')

/**
 * Events by the view's keys that the shard of the key has never seen. Of a topic only what all shards have passed: the rest comes by itself. Events that an
 * erasure left without an id are not among them: nobody could say that they are there already.
 */
function lackingSql({ source, ...of }: Of, rows: EventRows): string {
  const sent = source.spec.fields.filter(({ name, enriched }) => !enriched && rows.fields.has(name))
  return `SELECT ${sent.map(({ name }) => `r.${named(name)}`).join(', ')},
      CASE WHEN r.tm_imported THEN r.tm_known_at ELSE r.tm_available_at END AS ${KNOWN_COLUMN},
      r.tm_identity AS ${ID_COLUMN}
    FROM (SELECT *, row_number() OVER (PARTITION BY tm_identity ORDER BY tm_available_at, tm_seq) AS tm_copy FROM route_rows WHERE tm_identity IS NOT NULL) r
    JOIN route_keys k ON ${matches({ source, ...of })}
    LEFT JOIN (SELECT sequence, incarnation, min(stood_at) AS passed FROM (SELECT shard, sequence, incarnation, max(stood_at) AS stood_at FROM own GROUP BY ALL) GROUP BY ALL) p
      ON p.sequence = r.tm_sequence AND p.incarnation = r.tm_incarnation
    WHERE r.tm_copy = 1 AND (r.tm_offset IS NULL OR r.tm_offset <= p.passed)
      AND NOT EXISTS (SELECT 1 FROM own WHERE own.shard = k.shard AND own.identity = r.tm_identity)
      AND NOT EXISTS (SELECT 1 FROM own WHERE own.shard = k.shard AND own.sequence = r.tm_sequence AND own.incarnation = r.tm_incarnation AND own.stood_at = r.tm_offset)`
}

/** Puts rows that a shard has under other keys into its log under the view's keys, too. */
async function rekey(
  options: RouteGapOptions,
  of: Of,
  own: readonly ShardLog[],
  instance: Parameters<typeof rewrite>[0]['instance'],
  folder: string,
): Promise<number> {
  let rows = 0
  for (const { manifest, files } of own) {
    const { shard } = manifest
    const byContract = Map.groupBy(
      files.filter(({ segment }) => segment.source === of.source.spec.name),
      ({ segment }) => segment.contract,
    )
    for (const pieces of byContract.values()) {
      const [first] = pieces
      if (first === undefined) continue
      const source = contractOf(manifest, first.segment)
      if (!keyNames(of).every((field) => hasField(source, of.source.spec, field))) continue
      const key = `(SELECT k.key FROM route_keys k WHERE ${matches(of)} AND k.shard = ${shard.shard})`
      const isHere = (condition: string) =>
        `EXISTS (SELECT 1 FROM own WHERE own.shard = ${shard.shard} AND own.seq = r.tm_seq AND ${condition})`
      // One row of a commit stands for the event, whatever keys it has.
      const stays = `${key} IS NOT NULL AND NOT ${isHere(`own.key = ${key}`)} AND NOT ${isHere("coalesce(own.key, '') < coalesce(r.tm_key, '')")}`
      const made = await rewrite({
        instance,
        shard,
        source,
        pieces,
        stays,
        instead: new Map([['tm_key', key]]),
        folder,
      })
      if (made === null) continue
      await options.objects.put(made.segment.key, await readFile(made.path))
      if (!(await editLog(options, shard, { remove: [], add: [made.segment] })))
        throw new OfflineError(
          `the log of ${shard.entity}/${shard.shard} was changed meanwhile: run the same command again`,
        )
      rows += made.segment.rows
    }
  }
  return rows
}
