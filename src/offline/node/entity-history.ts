import { rmSync } from 'node:fs'
import type { SourceRuntime } from '../../plan/index.ts'
import { exactParquet, named, openDuck, quoted, rowsOf } from './duck.ts'
import { eventRows, ID_COLUMN, KNOWN_COLUMN } from './event-rows.ts'
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

/**
 * Writes the events of a source that other entities of the region have accepted and that an entity which came later has not, each once,
 * in the order of their arrival. What tells an event from others is its id; of records of a topic where they stand: the entity has every record
 * from its first one on.
 *
 * Throws an {@link OfflineError} for a source whose events nothing tells apart.
 */
export async function entityHistory(options: EntityHistoryOptions): Promise<EntityHistory> {
  const { source, entity, logs, memoryMb, threads, temporary } = options
  const { name, fields, idempotency } = source.spec
  const rowsIn = (isOwn: boolean) =>
    eventRows(
      logs.filter(({ manifest }) => (manifest.shard.entity === entity) === isOwn),
      source.spec,
    )
  const [own, others] = [rowsIn(true), rowsIn(false)]
  if (others === undefined) return { known: 0, unknown: 0 }
  const { connection, instance } = await openDuck({ memoryMb, threads, temporary })
  try {
    const [nameless] = await rowsOf<{ n: bigint }>(
      connection,
      `SELECT count(DISTINCT (tm_file, tm_seq)) AS n FROM (${others.sql}) WHERE ${ID_COLUMN} IS NULL`,
    )
    // Of other sources only an erasure leaves an event without an id: what it blanked is not sent on.
    if (idempotency === 'none' && (nameless?.n ?? 0n) > 0n)
      throw new OfflineError(
        `source ${name} has ${nameless?.n} events that nothing tells from each other (idempotency: 'none'): whether ${entity} has them cannot be known.`,
      )
    await connection.run(
      `CREATE TEMP TABLE own (identity VARCHAR, sequence VARCHAR, incarnation BIGINT, stood_at BIGINT)`,
    )
    if (own !== undefined)
      await connection.run(
        `INSERT INTO own SELECT ${ID_COLUMN}, tm_sequence, tm_incarnation, tm_offset FROM (${own.sql})`,
      )
    // A column that none of the files has is null: the contract takes it, or refuses the event and says so.
    const sent = fields
      .filter((field) => !field.enriched && others.fields.has(field.name))
      .map((field) => named(field.name))
    const lacking = `SELECT * FROM (
        SELECT *, row_number() OVER (PARTITION BY ${ID_COLUMN} ORDER BY tm_available_at, tm_seq) AS tm_copy FROM (${others.sql}) WHERE ${ID_COLUMN} IS NOT NULL
      ) r
      WHERE tm_copy = 1 AND NOT EXISTS (SELECT 1 FROM own WHERE own.identity = r.${ID_COLUMN})
        AND NOT EXISTS (SELECT 1 FROM own WHERE own.sequence = r.tm_sequence AND own.incarnation = r.tm_incarnation AND own.stood_at <= r.tm_offset)`
    const columns = [
      ...sent,
      `CASE WHEN tm_imported THEN tm_known_at ELSE tm_available_at END AS ${KNOWN_COLUMN}`,
      ID_COLUMN,
    ]
    const write = async (file: string, condition: string): Promise<number> => {
      const query = `SELECT ${columns.join(', ')} FROM (${lacking}) WHERE ${condition} ORDER BY tm_available_at, tm_time, ${ID_COLUMN}`
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
