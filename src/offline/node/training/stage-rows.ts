import type { DuckDBConnection } from '@duckdb/node-api'
import { compileContract } from '../../../contract/index.ts'
import { columnOrigin, type FieldSpec, inputsOf, type SourceSpec, type ViewPlan } from '../../../engine/index.ts'
import type { EntityRuntime, FeatureRef, Plan, SourceRuntime } from '../../../plan/index.ts'
import type { Segment } from '../../index.ts'
import type { Mode } from '../../training/index.ts'
import { listOf, named, quoted, rowsOf } from '../duck.ts'
import { OfflineError } from '../offline-error.ts'
import type { ShardLog } from '../open-log.ts'
import { stagedSql, stagedType } from './chunk-columns.ts'

/** One source whose rows raise an entity's mark or feed features that are wanted. */
export interface StagedSource {
  readonly source: SourceRuntime
  /** Places of the fields that are staged, in the order of the columns `v0`, `v1`, ... */
  readonly fields: readonly number[]
}

export interface StageOptions {
  readonly plan: Plan
  readonly entity: EntityRuntime
  readonly features: readonly FeatureRef[]
  /** By the places of the lineage. */
  readonly logs: readonly ShardLog[]
  /** Up to which commit each counts. */
  readonly seqs: readonly number[]
  readonly regions: readonly string[]
  readonly mode: Mode
  readonly publishLagMs: number
  /** The table of entities that labels ask for: `eid`, `key`, `region`, `last`. */
  readonly entities: string
  /** Whether some labels go by their mode, and not by commits. */
  readonly goesByMode: boolean
}

/** The sources of an entity that its log has rows of, or that its definitions name. */
export function stagedSources({ plan, entity, features, logs }: StageOptions): StagedSource[] {
  const wanted = new Set(features.map(({ view }) => (entity.plan[view] as ViewPlan).spec.name))
  const logged = new Set(logs.flatMap(({ manifest }) => manifest.segments.map(({ source }) => source)))
  return [...logged].sort().map((name) => {
    const source = plan.sources.get(name) ?? goneSource(logs, name)
    return { source, fields: fieldsOf(source, entity, wanted) }
  })
}

/** A source that was undeclared since: its rows raise the marks of their entities as ever, and feed nothing. */
function goneSource(logs: readonly ShardLog[], name: string): SourceRuntime {
  const contracts = logs.flatMap(({ manifest }) => manifest.contracts)
  const spec = contracts.find(({ source }) => source.name === name)?.source
  if (spec === undefined) throw new OfflineError(`the manifests of the log have no contract of source ${name}.`)
  return { spec, contract: compileContract(spec), routes: [], table: null }
}

/** What the wanted views keep of a source's rows, and the keys by which rows reach them. */
function fieldsOf(source: SourceRuntime, entity: EntityRuntime, wanted: ReadonlySet<string>): number[] {
  const places = new Set<number>()
  for (const { spec, fields } of entity.plan) {
    if (!wanted.has(spec.name)) continue
    const input = inputsOf(spec).find((one) => one.source === source.spec.name)
    if (input === undefined) continue
    for (const { name } of fields) {
      const origin = columnOrigin(spec, input, name)
      if ('field' in origin) places.add(source.spec.fields.findIndex((field) => field.name === origin.field))
    }
  }
  for (const route of source.routes) if (route.entity === entity) for (const field of route.keyFields) places.add(field)
  places.delete(-1)
  return [...places].sort((a, b) => a - b)
}

const FILES = 'tm_files'

/** Names every file of the log, and of which part it is. */
export async function nameFiles(connection: DuckDBConnection, { logs, seqs, regions }: StageOptions): Promise<void> {
  await connection.run(
    `CREATE OR REPLACE TEMP TABLE ${FILES} (path VARCHAR, part INTEGER, region INTEGER, seq DOUBLE, rpart_region INTEGER, rpart_epoch INTEGER, rpart_shard INTEGER)`,
  )
  const values = logs.flatMap(({ manifest: { shard }, files }, part) =>
    files.map(({ path }) => {
      const region = regions.indexOf(shard.region)
      return `(${quoted(path)}, ${part}, ${region}, ${seqs[part]}, ${shard.regionId}, ${shard.epoch}, ${shard.shard})`
    }),
  )
  for (let at = 0; at < values.length; at += 1_000)
    await connection.run(`INSERT INTO ${FILES} VALUES ${values.slice(at, at + 1_000).join(', ')}`)
}

/** Files of a source whose rows were accepted by one contract. */
export interface ContractFiles {
  readonly contract: SourceSpec
  readonly paths: readonly string[]
}

/** The files of a source by the contract of their rows. */
export function filesOf(logs: readonly ShardLog[], seqs: readonly number[], source: string): ContractFiles[] {
  const found = new Map<string, { contract: SourceSpec; paths: string[] }>()
  logs.forEach(({ manifest, files }, part) => {
    for (const { segment, path } of files) {
      if (segment.source !== source || segment.fromSeq > (seqs[part] as number)) continue
      const contract = contractOf(manifest.contracts, segment, path)
      const key = JSON.stringify([
        contract.fields.map(({ name, type }) => [name, type]),
        contract.changes !== undefined,
      ])
      const known = found.get(key)
      if (known) known.paths.push(path)
      else found.set(key, { contract, paths: [path] })
    }
  })
  return [...found.values()]
}

function contractOf(contracts: ShardLog['manifest']['contracts'], segment: Segment, path: string): SourceSpec {
  const found = contracts.find(({ number }) => number === segment.contract)
  if (found === undefined)
    throw new OfflineError(`${path}: its manifest does not have the contract ${segment.contract} that its rows are of.`)
  return found.source
}

/** Refuses imported history that nobody said a rule for, where the mode asks when it could be known. */
export async function checkRules(
  connection: DuckDBConnection,
  { logs, seqs, mode, goesByMode }: StageOptions,
  { source }: StagedSource,
): Promise<void> {
  if (mode.kind !== 'as-served' || !goesByMode) return
  const name = source.spec.name
  for (const { paths } of filesOf(logs, seqs, name)) {
    const query = `SELECT tm_file, count(*) AS n FROM read_parquet(${listOf(paths)}, filename = 'tm_file', hive_partitioning = false)
      WHERE tm_imported AND tm_known_at IS NULL GROUP BY 1 ORDER BY 1 LIMIT 1`
    const [found] = await rowsOf<{ tm_file: string; n: bigint }>(connection, query)
    if (found === undefined) continue
    throw new OfflineError(
      `source ${name}: ${found.n} rows of ${found.tm_file} were imported without a rule of when they could be known, ` +
        'so nobody can say what was served. Import them with a rule, or ask for --mode lag:1h or --mode ideal.',
    )
  }
}

/**
 * The rows of a source for every entity that is asked for, as a query: the entity's number, from when on the row is seen, where
 * its commit stands, its order key, and the fields. Says in SQL what `seenFrom` of src/offline/training says.
 */
export function rowsQuery(options: StageOptions, staged: StagedSource): string {
  const { logs, seqs, entities } = options
  const { source, fields } = staged
  const queries = filesOf(logs, seqs, source.spec.name).map(({ contract, paths }) => {
    const isTable = contract.changes !== undefined
    const key = (own: string, ofStream: string) => (isTable ? `coalesce(r.tm_row_${own}, ${ofStream})` : ofStream)
    const sign = isTable ? 'r.tm_sign' : '1'
    const { seen, available } = seenSql(options, sign, (column) => `epoch_ms(${column})`)
    const values = fields.map((place, i) => {
      const field = source.spec.fields[place] as FieldSpec
      const same = contract.fields.find(({ name, type }) => name === field.name && type === field.type)
      const sql = same === undefined ? 'NULL' : stagedSql(`r.${named(field.name)}`, field.type)
      return `CAST(${sql} AS ${stagedType(field.type)}) AS v${i}`
    })
    const columns = [
      'e.eid AS eid',
      `CAST(${seen} AS DOUBLE) AS seen`,
      `CAST(${available} AS DOUBLE) AS available`,
      'CAST(f.part AS DOUBLE) AS part',
      'CAST(r.tm_seq AS DOUBLE) AS seq',
      'CAST(epoch_ms(r.tm_time) AS DOUBLE) AS time',
      `CAST(${sign} AS DOUBLE) AS sign`,
      `CAST(${key('region', 'f.rpart_region')} AS DOUBLE) AS row_region`,
      `CAST(${key('epoch', 'f.rpart_epoch')} AS DOUBLE) AS row_epoch`,
      `CAST(${key('shard', 'f.rpart_shard')} AS DOUBLE) AS row_shard`,
      `CAST(${key('seq', 'r.tm_seq')} AS DOUBLE) AS row_seq`,
      ...values,
    ]
    return `SELECT * FROM (SELECT ${columns.join(', ')}, e.region AS asked, e.last AS last
      FROM read_parquet(${listOf(paths)}, filename = 'tm_file', hive_partitioning = false) r
      JOIN ${FILES} f ON f.path = r.tm_file
      JOIN ${named(entities)} e ON e.key = r.tm_key
      WHERE r.tm_seq <= f.seq) WHERE asked < 0 OR seen <= last`
  })
  return queries.length === 0 ? '' : `SELECT * EXCLUDE (asked, last) FROM (${queries.join(' UNION ALL ')})`
}

/**
 * From when on a row is seen, and what it counts as having arrived at, ms: `seenFrom` of src/offline/training in the SQL of DuckDB
 * and of Spark. Rows are `r`, their file `f`, the entity that is asked for `e`; `ms` gives the milliseconds of a timestamp.
 */
export function seenSql(
  { mode, publishLagMs }: Pick<StageOptions, 'mode' | 'publishLagMs'>,
  sign: string,
  ms: (column: string) => string,
): { seen: string; available: string } {
  const time = ms('r.tm_time')
  const arrived = ms('r.tm_available_at')
  // Rows without a rule were refused where it matters; what is taken out by such a row goes by its arrival.
  const known = `CASE WHEN r.tm_imported THEN coalesce(${ms('r.tm_known_at')}, ${arrived}) ELSE ${arrived} END`
  const lag = publishLagMs === 0 ? '0' : `CASE WHEN f.region = e.region THEN 0 ELSE ${publishLagMs} END`
  const served = `${known} + ${lag}`
  const putIn = mode.kind === 'lag' ? `${time} + ${mode.lagMs}` : `${time} + 1`
  const isPutIn = mode.kind === 'as-served' ? 'false' : `${sign} = 1`
  const takenOut = mode.kind === 'as-served' ? served : `greatest(${served}, ${putIn})`
  const seen = `CASE WHEN ${isPutIn} THEN ${putIn} ELSE ${takenOut} END`
  const available = `CASE WHEN ${isPutIn} THEN ${mode.kind === 'lag' ? putIn : time} ELSE ${known} END`
  // Labels that say what they saw have the shard's own clock.
  return {
    seen: `CASE WHEN e.region < 0 THEN 0 ELSE ${seen} END`,
    available: `CASE WHEN e.region < 0 THEN ${arrived} ELSE ${available} END`,
  }
}
