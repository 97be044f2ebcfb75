/** What the bench of training sets is over: one source, a view of 20 features, a log of it, and labels. */
import { mkdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { DefinitionsSpec, FeatureSpec, SourceSpec } from '../../src/engine/index.ts'
import {
  type LogShard,
  MANIFEST_FORMAT,
  manifestKey,
  type Segment,
  segmentKey,
  writeManifest,
} from '../../src/offline/index.ts'
import { quoted } from '../../src/offline/node/duck.ts'
import { FileObjects } from '../../src/offline/node/index.ts'
import { sha256Of } from '../../src/offline/node/open-log.ts'
import { SEED } from './data.ts'

export const FROM_MS = Date.UTC(2026, 0, 1)
export const SPAN_MS = 60 * 86_400_000

/** Windows, ms. */
export const WINDOWS = { h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000, m: 30 * 86_400_000 } as const
export const AGGREGATES = ['count', 'sum', 'avg', 'min', 'max'] as const

const plain = { nullable: false, optional: false }

export const source: SourceSpec = {
  name: 'paid',
  fields: [
    { name: 'id', type: 'string', ...plain },
    { name: 'user_id', type: 'string', ...plain },
    { name: 'amount', type: 'float64', ...plain },
    { name: 'at', type: 'timestamp', format: 'ms', ...plain },
  ],
  id: 'id',
  time: 'at',
  maxFutureMs: 300_000,
  redeliveryHorizonMs: 7 * 86_400_000,
  from: [{ kind: 'webhook' }],
}

const features: readonly FeatureSpec[] = Object.entries(WINDOWS).flatMap(([window, widthMs]) =>
  AGGREGATES.map((aggregate) => ({
    name: `${aggregate}_${window}`,
    aggregate,
    field: 'amount',
    window: { kind: 'sliding' as const, widthMs, delayMs: 0 },
  })),
)

export const spec: DefinitionsSpec = {
  entities: [{ name: 'user', keys: [{ name: 'user_id', type: 'string' }] }],
  sources: [source],
  views: [
    {
      name: 'payments',
      entity: 'user',
      source: 'paid',
      key: { user_id: 'user_id' },
      features,
      // Enough that no user's window is counted from tiles: SQL is compared to the last row.
      exactRows: 1_000,
      allowedLatenessMs: 300_000,
      since: 'beginning',
    },
  ],
  services: [
    { name: 'bench', version: 1, features: features.map(({ name }) => `payments.${name}`), maxStalenessMs: 0 },
  ],
}

const SHARD: LogShard = { entity: 'user', region: 'local', regionId: 1, epoch: 0, shard: 0, shards: 1 }

const random = (salt: string) => `(hash(i, ${quoted(salt)}, ${SEED}) % 1000000) / 1000000.0`
/** Some users have far more than others; the more so the greater `skew` is. */
const user = (salt: string, users: number, skew = 2) =>
  `'user-' || CAST(floor(${users} * pow(${random(salt)}, ${skew})) AS INTEGER)`

export interface LogSize {
  readonly events: number
  readonly users: number
  readonly segments: number
  /** How much later than it happened an event arrives at most. */
  readonly lateMs: number
  /** Default 2; by 8 one of 50,000 users has a quarter of all. */
  readonly skew?: number
}

/** Writes the log of one shard, in the order of arrival. */
export async function writeLog(connection: DuckDBConnection, folder: string, size: LogSize): Promise<void> {
  const { events, users, segments: pieces, lateMs, skew } = size
  await connection.run(
    `CREATE OR REPLACE TEMP TABLE events AS SELECT row_number() OVER (ORDER BY arrived, i) AS seq, * FROM (
      SELECT *, t + CAST(${lateMs} * ${random('late')} AS BIGINT) AS arrived FROM (
        SELECT i, ${FROM_MS} + CAST(${SPAN_MS} * ${random('at')} AS BIGINT) AS t, ${user('user', users, skew)} AS user_id,
          round(100 * ${random('amount')}) / 4 AS amount FROM range(${events}) r(i)))`,
  )
  const segments: Segment[] = []
  const each = Math.ceil(events / pieces)
  for (let fromSeq = 1; fromSeq <= events; fromSeq += each) {
    const toSeq = Math.min(events, fromSeq + each - 1)
    const bounds = { fromMs: 0, toMs: 0, fromArrivalMs: FROM_MS, toArrivalMs: FROM_MS }
    const about = { source: source.name, contract: 1, fromSeq, toSeq, ...bounds }
    const key = segmentKey(SHARD, about)
    const path = join(folder, key)
    mkdirSync(dirname(path), { recursive: true })
    await connection.run(
      `COPY (SELECT user_id AS tm_key, seq AS tm_seq, make_timestamptz(t * 1000) AS tm_time,
        make_timestamptz(arrived * 1000) AS tm_available_at, CAST(i AS VARCHAR) AS tm_id, NULL::VARCHAR AS tm_sequence,
        NULL::BIGINT AS tm_incarnation, NULL::BIGINT AS tm_offset, false AS tm_imported, NULL::TIMESTAMPTZ AS tm_known_at,
        CAST(i AS VARCHAR) AS id, user_id, amount, make_timestamptz(t * 1000) AS "at" FROM events
        WHERE seq BETWEEN ${fromSeq} AND ${toSeq} ORDER BY seq) TO ${quoted(path)} (FORMAT parquet)`,
    )
    const rows = toSeq - fromSeq + 1
    segments.push({ key, ...about, rows, bytes: statSync(path).size, sha256: await sha256Of(path), order: 'commit' })
  }
  const manifest = {
    format: MANIFEST_FORMAT,
    shard: SHARD,
    bornMs: FROM_MS,
    previous: null,
    fromSeq: 1,
    seq: events,
    availableAtMs: FROM_MS + SPAN_MS,
    contracts: [{ number: 1, source }],
    since: {},
    removed: [],
    segments,
  }
  await new FileObjects(folder).put(manifestKey(SHARD), writeManifest(manifest))
}

/** Writes `labels.parquet`: a user, a time, a label; in no order. */
export async function writeLabels(
  connection: DuckDBConnection,
  folder: string,
  { labels, users, skew }: { readonly labels: number; readonly users: number; readonly skew?: number },
): Promise<void> {
  await connection.run(
    `COPY (SELECT ${user('label', users, skew)} AS user_id,
      make_timestamptz(1000 * (${FROM_MS} + CAST(${SPAN_MS} * ${random('when')} AS BIGINT))) AS "at", i % 2 AS label
      FROM range(${labels}) r(i)) TO ${quoted(join(folder, 'labels.parquet'))} (FORMAT parquet)`,
  )
}
