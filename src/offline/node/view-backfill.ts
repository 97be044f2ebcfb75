import type { DuckDBConnection } from '@duckdb/node-api'
import {
  type EntityRuntime,
  type FeatureRef,
  hashKey,
  type Plan,
  sliceIn,
  sliceShard,
  spreadOf,
} from '../../plan/index.ts'
import { isWhole, ViewHistory } from '../index.ts'
import { openDuck, quoted, rowsOf } from './duck.ts'
import { OfflineError } from './offline-error.ts'
import type { ShardLog } from './open-log.ts'
import { RowCursor } from './training/bucket.ts'
import { Chunks } from './training/chunks.ts'
import { nameFiles, rowsQuery, type StagedSource, type StageOptions, stagedSources } from './training/stage-rows.ts'

/** States in one piece: few enough for a request, also where they are large. */
const PIECE_CELLS = 100
const ENTITIES = 'backfilled'

export interface ShardHistoryOptions {
  readonly plan: Plan
  readonly view: string
  /** The logs of the view's entity, of all epochs. */
  readonly logs: readonly ShardLog[]
  readonly region: string
  readonly epoch: number
  readonly shard: number
  /** The commit after which the view came. */
  readonly cut: number
  /** Rows of tables that were taken out up to this commit are looked at, too. */
  readonly takenOutUpTo: number
  readonly memoryMb: number
  readonly threads: number
  /** Where DuckDB puts what does not fit memory. */
  readonly temporary: string
}

/** What a shard's view lacks, entity after entity. */
export interface ShardHistory {
  readonly entities: number
  /** From when on the log has everything, ms. */
  readonly sinceMs: number
  pieces(): AsyncIterable<{ readonly key: string; readonly state: Uint8Array }[]>
  close(): void
}

/**
 * Computes what a view that came later lacks in one shard, from the shard's log and those of the shards before it. The same log gives the
 * same pieces in the same order. Throws an {@link OfflineError} when the log does not reach back to the beginning, or not up to the cut.
 */
export async function shardHistory(options: ShardHistoryOptions): Promise<ShardHistory> {
  const { plan, view, region, epoch, shard, cut, takenOutUpTo, logs } = options
  const { entity, features } = featuresOf(plan, view)
  const chain = chainOf(logs, region, epoch, shard)
  const name = `${region}/${entity.spec.name}/${epoch}/${shard}`
  const [own] = chain
  if (own === undefined) throw new OfflineError(`the log has no shard ${name}`)
  if (own.manifest.seq < Math.max(cut, takenOutUpTo))
    throw new OfflineError(
      `the log of ${name} has commits up to ${own.manifest.seq}, ${Math.max(cut, takenOutUpTo)} is needed: flush it first`,
    )
  chain.forEach(({ manifest: { previous } }, i) => {
    const before = chain[i + 1]?.manifest
    if (previous !== null && (before?.seq ?? 0) < previous.seq)
      throw new OfflineError(
        `the log of the shard before ${name} (epoch ${previous.epoch}, shard ${previous.shard}) has commits up to ${before?.seq ?? 0}, ${previous.seq} is needed: flush it first`,
      )
  })
  const root = chain.at(-1) as ShardLog
  const part = chain.find(({ manifest }) => !isWhole(manifest))
  if (root.manifest.previous !== null || part !== undefined) {
    const { removed, fromSeq, shard: of } = (part ?? root).manifest
    const why = removed.some((one) => one.why === 'retention')
      ? 'retention took away what was accepted before'
      : 'what was accepted before is not in it'
    throw new OfflineError(
      `the log of ${region}/${of.entity}/${of.epoch}/${of.shard} begins at commit ${fromSeq}: ${why}, so the view cannot have its whole history`,
    )
  }

  const { temporary, threads, memoryMb } = options
  const { connection, instance } = await openDuck({ threads, memoryMb, temporary })
  const stage: StageOptions = {
    plan,
    entity,
    features,
    logs: chain,
    seqs: chain.map(({ manifest }, i) =>
      i === 0 ? Math.max(cut, takenOutUpTo) : (chain[i - 1]?.manifest.previous?.seq ?? manifest.seq),
    ),
    regions: [region],
    mode: { kind: 'ideal' },
    publishLagMs: 0,
    entities: ENTITIES,
    goesByMode: false,
  }
  const sources = stagedSources(stage).filter(({ source }) =>
    source.routes.some((route) => feeds(route, entity, features)),
  )
  await nameFiles(connection, stage)
  const entities = await nameEntities(connection, chain, spreadOf(entity))
  return {
    entities,
    sinceMs: root.manifest.bornMs,
    pieces: () => piecesOf(connection, () => instance.connect(), { stage, sources, entity, features, cut }),
    close: () => {
      connection.closeSync()
      instance.closeSync()
    },
  }
}

function featuresOf(
  plan: Plan,
  view: string,
): { readonly entity: EntityRuntime; readonly features: readonly FeatureRef[] } {
  const vector = plan.vectorOf(
    null,
    plan.featureNames.filter((name) => name.startsWith(`${view}.`)),
  )
  const [first] = typeof vector === 'string' ? [] : vector.features
  if (typeof vector === 'string' || first === undefined)
    throw new OfflineError(`the definitions have no feature view ${view}`)
  return { entity: first.entity, features: vector.features }
}

const feeds = (
  route: { readonly entity: EntityRuntime; readonly views: readonly { readonly view: number }[] },
  entity: EntityRuntime,
  [first]: readonly FeatureRef[],
): boolean => route.entity === entity && route.views.some(({ view }) => view === first?.view)

/** The log of a shard, then those of the shards before it. */
function chainOf(logs: readonly ShardLog[], region: string, epoch: number, shard: number): ShardLog[] {
  const found = logs.find(
    ({ manifest: { shard: own } }) => own.region === region && own.epoch === epoch && own.shard === shard,
  )
  const previous = found?.manifest.previous
  if (found === undefined) return []
  return previous ? [found, ...chainOf(logs, region, previous.epoch, previous.shard)] : [found]
}

/** Makes the table of the entities that live in the shard: a number each, in the order of their keys. */
async function nameEntities(connection: DuckDBConnection, chain: readonly ShardLog[], spread: number): Promise<number> {
  const [own] = chain as [ShardLog]
  await connection.run(
    `CREATE OR REPLACE TEMP TABLE ${ENTITIES} (eid INTEGER, key VARCHAR, region INTEGER, last DOUBLE)`,
  )
  const files = chain.flatMap(({ files: all }) => all.map(({ path }) => quoted(path)))
  if (files.length === 0) return 0
  const query = `SELECT DISTINCT tm_key AS key FROM read_parquet([${files.join(', ')}], union_by_name = true, hive_partitioning = false) WHERE tm_key IS NOT NULL ORDER BY 1`
  const keys = await rowsOf<{ key: string }>(connection, query)
  const { shard, shards } = own.manifest.shard
  const here = keys.filter(({ key }) => sliceIn(shard, hashKey(key), shards) < spread)
  for (let at = 0; at < here.length; at += 1_000) {
    const values = here.slice(at, at + 1_000).map(({ key }, i) => `(${at + i}, ${quoted(key)}, -1, NULL)`)
    await connection.run(`INSERT INTO ${ENTITIES} VALUES ${values.join(', ')}`)
  }
  return here.length
}

interface Pieces {
  readonly stage: StageOptions
  readonly sources: readonly StagedSource[]
  readonly entity: EntityRuntime
  readonly features: readonly FeatureRef[]
  readonly cut: number
}

async function* piecesOf(
  connection: DuckDBConnection,
  connect: () => Promise<DuckDBConnection>,
  { stage, sources, entity, features, cut }: Pieces,
) {
  const history = new ViewHistory(entity, features, cut)
  const readers: OrderedRows[] = []
  for (const [i, staged] of sources.entries()) {
    const query = rowsQuery(stage, staged)
    if (query === '') continue
    // The order of commits: those of later epochs go on where the ones before ended.
    await connection.run(`CREATE OR REPLACE TABLE rows_${i} AS SELECT * FROM (${query}) ORDER BY eid, seq`)
    const chunks = await Chunks.of(await connect(), `SELECT * FROM rows_${i}`)
    readers.push(new OrderedRows(staged, new RowCursor(chunks, staged)))
  }
  const keys = await rowsOf<{ eid: number; key: string }>(connection, `SELECT eid, key FROM ${ENTITIES} ORDER BY eid`)
  let piece: { readonly key: string; readonly state: Uint8Array }[] = []
  for (const { eid, key } of keys) {
    history.begin(key)
    for (const reader of readers) await reader.feed(history, Number(eid), stage, key)
    const state = history.finish()
    if (state === null) continue
    piece.push({ key, state })
    if (piece.length < PIECE_CELLS) continue
    yield piece
    piece = []
  }
  if (piece.length > 0) yield piece
}

/** The rows of one source, by entity and then by commit. */
class OrderedRows {
  private readonly staged: StagedSource
  private readonly cursor: RowCursor
  private batch: Awaited<ReturnType<RowCursor['next']>>
  private at = 0
  private isBegun = false

  constructor(staged: StagedSource, cursor: RowCursor) {
    this.staged = staged
    this.cursor = cursor
  }

  /** Gives the rows of one entity to its history. */
  async feed(history: ViewHistory, eid: number, { logs, entity }: StageOptions, key: string): Promise<void> {
    const spread = spreadOf(entity)
    const own = (logs[0] as ShardLog).manifest.shard
    const hash = hashKey(key)
    for (;;) {
      if (!this.isBegun || (this.batch !== undefined && this.at >= this.batch.length)) {
        this.batch = await this.cursor.next()
        this.at = 0
        this.isBegun = true
      }
      const { batch } = this
      if (batch === undefined) return
      const found = batch.entity[this.at] as number
      if (found > eid) return
      if (found === eid) {
        const { shard } = (logs[batch.part[this.at] as number] as ShardLog).manifest
        // Of a spread entity the shard before had other slices, too, that another child took over.
        const slice = sliceIn(shard.shard, hash, shard.shards)
        const isOurs = spread === 1 || sliceShard(key, slice, own.shards) === own.shard
        if (isOurs) history.row(this.staged.source, batch.row(this.at), batch.seq[this.at] as number)
      }
      this.at++
    }
  }
}
