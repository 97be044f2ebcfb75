import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { type EntityRuntime, hashKey, type Plan, type Route, type SourceRuntime, spreadOf } from '../../plan/index.ts'
import { listOf, named, openDuck, quoted, rowsOf } from './duck.ts'
import { ID_COLUMN, KNOWN_COLUMN } from './entity-history.ts'
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
  const files = logs.flatMap(({ files: all }) =>
    all.filter(({ segment }) => segment.source === name).map((file) => file.path),
  )
  if (files.length === 0 || own.length === 0) return none
  const work = await mkdtemp(join(options.folder, 'route-'))
  const { connection, instance } = await openDuck({ memoryMb: options.memoryMb, threads: 2, temporary: work })
  try {
    const isPlain = own.every(({ manifest }) => manifest.previous === null) && spreadOf(entity) === 1
    await nameKeys(connection, of, files, own[0]?.manifest.shard.shards ?? 1)
    await nameOwn(connection, own, name)
    const lacking = lackingSql(of, files)
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
      await connection.run(`COPY (${own} ORDER BY ${KNOWN_COLUMN}, ${ID_COLUMN}) TO ${quoted(path)} (FORMAT parquet)`)
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

const IDENTITY = `coalesce('i' || r.tm_id, 'p' || r.tm_sequence || '@' || r.tm_incarnation || ':' || r.tm_offset)`

const read = (files: readonly string[]): string =>
  `read_parquet(${listOf(files)}, union_by_name = true, filename = 'tm_file', hive_partitioning = false)`

const textsOf = ({ source, route }: Of): string[] =>
  route.keyFields.map((place) => `CAST(r.${named(source.spec.fields[place]?.name ?? '')} AS VARCHAR)`)

/** The texts of key fields that there are, with the key that they make and its shard. */
async function nameKeys(connection: DuckDBConnection, of: Of, files: readonly string[], shards: number): Promise<void> {
  const texts = textsOf(of)
  const columns = texts.map((_, i) => `t${i}`)
  await connection.run(
    `CREATE TABLE route_keys (${columns.map((column) => `${column} VARCHAR`).join(', ')}, key VARCHAR, shard INTEGER)`,
  )
  const known = await rowsOf<Record<string, string | null>>(
    connection,
    `SELECT DISTINCT ${texts.map((text, i) => `${text} AS t${i}`).join(', ')} FROM ${read(files)} r`,
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

/** What the entity's shards have: which commit, under which key, and what tells the event from others. */
async function nameOwn(connection: DuckDBConnection, own: readonly ShardLog[], source: string): Promise<void> {
  await connection.run(
    'CREATE TABLE own (shard INTEGER, seq BIGINT, key VARCHAR, identity VARCHAR, sequence VARCHAR, incarnation BIGINT, stood_at BIGINT)',
  )
  for (const { manifest, files } of own) {
    const paths = files.filter(({ segment }) => segment.source === source).map(({ path }) => path)
    if (paths.length === 0) continue
    await connection.run(
      `INSERT INTO own SELECT ${manifest.shard.shard}, r.tm_seq, r.tm_key, ${IDENTITY}, r.tm_sequence, r.tm_incarnation, r.tm_offset FROM ${read(paths)} r`,
    )
  }
}

const matches = (of: Of): string =>
  textsOf(of)
    .map((text, i) => `k.t${i} = ${text}`)
    .join(' AND ')

/** Events by the view's keys that the shard of the key has never seen. Of a topic only what all shards have passed: the rest comes by itself. */
function lackingSql(of: Of, files: readonly string[]): string {
  const { source } = of
  const sent = source.spec.fields.filter((field) => !field.enriched).map(({ name }) => `r.${named(name)}`)
  return `SELECT ${sent.join(', ')},
      CASE WHEN r.tm_imported THEN r.tm_known_at ELSE r.tm_available_at END AS ${KNOWN_COLUMN},
      coalesce(r.tm_id, ${quoted(`${source.spec.name}/`)} || r.tm_sequence || '/' || r.tm_incarnation || '/' || r.tm_offset) AS ${ID_COLUMN}
    FROM (SELECT *, row_number() OVER (PARTITION BY ${IDENTITY.replaceAll('r.', '')} ORDER BY tm_available_at, tm_seq) AS tm_copy FROM ${read(files)}) r
    JOIN route_keys k ON ${matches(of)}
    LEFT JOIN (SELECT sequence, incarnation, min(stood_at) AS passed FROM (SELECT shard, sequence, incarnation, max(stood_at) AS stood_at FROM own GROUP BY ALL) GROUP BY ALL) p
      ON p.sequence = r.tm_sequence AND p.incarnation = r.tm_incarnation
    WHERE r.tm_copy = 1 AND (r.tm_offset IS NULL OR r.tm_offset <= p.passed)
      AND NOT EXISTS (SELECT 1 FROM own WHERE own.shard = k.shard AND own.identity = ${IDENTITY})`
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
