import { rmSync } from 'node:fs'
import type { SourceRuntime } from '../../plan/index.ts'
import { exactParquet, openDuck, quoted, rowsOf } from './duck.ts'
import { OfflineError } from './offline-error.ts'
import type { ShardLog } from './open-log.ts'

export interface EntityHistoryOptions {
  readonly source: SourceRuntime
  readonly entity: string
  /** Of every entity of the region. */
  readonly logs: readonly ShardLog[]
  /** Where the events are written, as Parquet: those that say when they were known, and those that were imported without a rule. */
  readonly known: string
  readonly unknown: string
  readonly memoryMb: number
  readonly threads: number
  readonly temporary: string
}

/** Events that an entity lacks, by file; 0: there is no such file. */
export interface EntityHistory {
  readonly known: number
  readonly unknown: number
}

/** Columns of the files besides the fields of the source. */
export const KNOWN_COLUMN = 'tm_known_at'
export const ID_COLUMN = 'tm_event_id'

/**
 * Writes the events of a source that other entities of the region have accepted and that an entity which came later has not, each once,
 * in the order of their arrival. What tells an event from others is its id; of records of a topic where they stand: the entity has every record
 * from its first one on.
 *
 * Throws an {@link OfflineError} for a source whose events nothing tells apart.
 */
export async function entityHistory(options: EntityHistoryOptions): Promise<EntityHistory> {
  const { source, entity, logs, memoryMb, threads, temporary } = options
  const { name, fields } = source.spec
  const filesOf = (isOwn: boolean): string[] =>
    logs
      .filter(({ manifest }) => (manifest.shard.entity === entity) === isOwn)
      .flatMap(({ files }) => files.filter(({ segment }) => segment.source === name).map(({ path }) => quoted(path)))
  const [own, others] = [filesOf(true), filesOf(false)]
  if (others.length === 0) return { known: 0, unknown: 0 }
  const { connection, instance } = await openDuck({ memoryMb, threads, temporary })
  try {
    const read = (files: readonly string[]) =>
      `read_parquet([${files.join(', ')}], union_by_name = true, hive_partitioning = false)`
    const [nameless] = await rowsOf<{ n: bigint }>(
      connection,
      `SELECT count(*) AS n FROM ${read(others)} WHERE tm_id IS NULL AND tm_sequence IS NULL`,
    )
    if ((nameless?.n ?? 0n) > 0n)
      throw new OfflineError(
        `source ${name} has ${nameless?.n} events that nothing tells from each other (idempotency: 'none'): whether ${entity} has them cannot be known.`,
      )
    const identity = `coalesce('i' || tm_id, 'p' || tm_sequence || '@' || tm_incarnation || ':' || tm_offset)`
    await connection.run(`CREATE TEMP TABLE own (identity VARCHAR, sequence VARCHAR, incarnation BIGINT, at BIGINT)`)
    if (own.length > 0)
      await connection.run(
        `INSERT INTO own SELECT ${identity}, tm_sequence, tm_incarnation, tm_offset FROM ${read(own)}`,
      )
    // A column that none of the files has is null: the contract takes it, or refuses the event and says so.
    const have = new Set((await connection.run(`SELECT * FROM ${read(others)} LIMIT 0`)).columnNames())
    const sent = fields
      .filter((field) => !field.enriched && have.has(field.name))
      .map((field) => `"${field.name.replaceAll('"', '""')}"`)
    const lacking = `SELECT * FROM (
        SELECT *, ${identity} AS tm_identity, row_number() OVER (PARTITION BY ${identity} ORDER BY tm_available_at, tm_seq) AS tm_copy FROM ${read(others)}
      ) r
      WHERE tm_copy = 1 AND NOT EXISTS (SELECT 1 FROM own WHERE own.identity = r.tm_identity)
        AND NOT EXISTS (SELECT 1 FROM own WHERE own.sequence = r.tm_sequence AND own.incarnation = r.tm_incarnation AND own.at <= r.tm_offset)`
    const columns = [
      ...sent,
      `CASE WHEN tm_imported THEN tm_known_at ELSE tm_available_at END AS ${KNOWN_COLUMN}`,
      `coalesce(tm_id, '${name}/' || tm_sequence || '/' || tm_incarnation || '/' || tm_offset) AS ${ID_COLUMN}`,
    ]
    const write = async (file: string, condition: string): Promise<number> => {
      const query = `SELECT ${columns.join(', ')} FROM (${lacking}) WHERE ${condition} ORDER BY tm_available_at, tm_time, tm_identity`
      await connection.run(`COPY (${query}) TO ${quoted(file)} (${exactParquet('lz4_raw')})`)
      const [counted] = await rowsOf<{ n: bigint }>(connection, `SELECT count(*) AS n FROM ${quoted(file)}`)
      const count = Number(counted?.n ?? 0n)
      if (count === 0) rmSync(file)
      return count
    }
    const isUnknown = 'tm_imported AND tm_known_at IS NULL'
    return {
      known: await write(options.known, `NOT (${isUnknown})`),
      unknown: await write(options.unknown, isUnknown),
    }
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}
