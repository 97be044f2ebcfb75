import { DOUBLE, type DuckDBConnection, DuckDBDataChunk, type DuckDBInstance, VARCHAR } from '@duckdb/node-api'
import { type Explanation, jsonText } from '../../../engine/index.ts'
import type { EntityRuntime, FeatureRef, Plan } from '../../../plan/index.ts'
import type { Reading } from '../../parity/index.ts'
import type { EntityReplay } from '../../replay.ts'
import { type LabelProblem, Lineage, Replays } from '../../training/index.ts'
import type { ShardLog } from '../open-log.ts'
import { BY_COMMITS } from '../training/asked.ts'
import { computeBucket } from '../training/bucket.ts'
import { COMMITS_SEPARATOR } from '../training/commits-text.ts'
import { nameFiles, rowsQuery, type StageOptions, stagedSources } from '../training/stage-rows.ts'

/** One read as a lookup answered it: an entity's features at t, from what these commits had seen. */
export interface LoggedRead {
  /** The encoded key. */
  readonly key: string
  readonly atMs: number
  /** Of all its shards; those of other entities are passed over. The log has all of them. */
  readonly commits: readonly string[]
}

export interface ReadsOptions {
  readonly instance: DuckDBInstance
  readonly plan: Plan
  readonly entity: EntityRuntime
  /** All of the entity, as one run of a vector has them. */
  readonly features: readonly FeatureRef[]
  /** Of the entity, in all regions. */
  readonly logs: readonly ShardLog[]
  readonly reads: readonly LoggedRead[]
  /** Places of features that are to be explained, by the place of a read. */
  readonly explained?: ReadonlyMap<number, readonly number[]>
}

/** What the log gives for a read; or why no lookup can have answered it. */
export type Recomputed =
  | { readonly readings: readonly Reading[]; readonly explanations: readonly (Explanation | undefined)[] }
  | { readonly impossible: string }

const LABELS = 'tm_reads'
const ENTITIES = 'tm_read_entities'
const CHUNK_ROWS = 2_048

/** Computes reads from the log: by the same replay as training sets, bit for bit what a shard gives. */
export async function recomputeReads(options: ReadsOptions): Promise<readonly Recomputed[]> {
  const found = new Array<Recomputed>(options.reads.length)
  const { instance, plan, entity, features, logs, reads, explained } = options
  const connect = async (): Promise<DuckDBConnection> => {
    const connection = await instance.connect()
    await connection.run("SET TimeZone = 'UTC'")
    return connection
  }
  const connection = await connect()
  try {
    await putReads(connection, reads)
    const stage: StageOptions = {
      plan,
      entity,
      features,
      logs,
      seqs: logs.map(({ manifest }) => manifest.seq),
      regions: [...new Set(logs.map(({ manifest }) => manifest.shard.region))],
      mode: { kind: 'as-served' },
      publishLagMs: 0,
      entities: ENTITIES,
      goesByMode: false,
    }
    await nameFiles(connection, stage)
    const sources = stagedSources(stage)
    const rows: string[] = []
    for (const [i, source] of sources.entries()) {
      const query = rowsQuery(stage, source)
      if (query === '') rows.push('')
      else {
        // The streams have connections of their own, which do not see what is temporary here.
        await connection.run(`CREATE OR REPLACE TABLE tm_parity_rows_${i} AS ${query}`)
        rows.push(`SELECT * FROM tm_parity_rows_${i}`)
      }
    }
    const lineage = new Lineage(
      entity,
      logs.map(({ manifest }) => manifest),
    )
    const replays = new WatchedReplays(entity, features, lineage)
    const types = features.map(({ feature }) => feature.resultType)
    const onProblem = ({ row, message }: LabelProblem): void => {
      found[row] = { impossible: message }
    }
    const input = { connect, entity, features, lineage, sources, replays, onProblem }
    await computeBucket(input, { labels: `SELECT eid, t, row, key, commits FROM ${LABELS}`, rows }, (row, values) => {
      const readings = values.map(({ value, status, exact }, i): Reading => {
        return { value: jsonText(value, types[i] ?? 'int'), status, exact }
      })
      const wanted = explained?.get(row) ?? []
      const t = (reads[row] as LoggedRead).atMs
      found[row] = { readings, explanations: wanted.map((place) => replays.last?.explain(place, t)) }
    })
    return found
  } finally {
    connection.closeSync()
  }
}

/** Tells which replay is at work. */
class WatchedReplays extends Replays {
  last: EntityReplay | undefined

  override of(key: string): EntityReplay {
    this.last = super.of(key)
    return this.last
  }
}

async function putReads(connection: DuckDBConnection, reads: readonly LoggedRead[]): Promise<void> {
  await connection.run(
    `CREATE OR REPLACE TABLE ${LABELS} (eid DOUBLE, t DOUBLE, row DOUBLE, key VARCHAR, commits VARCHAR)`,
  )
  const eids = new Map<string, number>()
  const appender = await connection.createAppender(LABELS)
  for (let from = 0; from < reads.length; from += CHUNK_ROWS) {
    const each = reads.slice(from, from + CHUNK_ROWS)
    for (const { key } of each) if (!eids.has(key)) eids.set(key, eids.size)
    const chunk = DuckDBDataChunk.create([DOUBLE, DOUBLE, DOUBLE, VARCHAR, VARCHAR], each.length)
    chunk.setColumns([
      each.map(({ key }) => eids.get(key) as number),
      each.map(({ atMs }) => atMs),
      each.map((_, i) => from + i),
      each.map(({ key }) => key),
      each.map(({ commits }) => commits.join(COMMITS_SEPARATOR)),
    ])
    appender.appendDataChunk(chunk)
  }
  appender.closeSync()
  await connection.run(
    `CREATE OR REPLACE TABLE ${ENTITIES} AS
      SELECT DISTINCT eid, key, ${BY_COMMITS} AS region, 0::DOUBLE AS last FROM ${LABELS}`,
  )
}
