/** Training sets from files: labels a second and peak memory, beside DuckDB's own range windows over the same data. */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import {
  type LogShard,
  MANIFEST_FORMAT,
  manifestKey,
  type Segment,
  segmentKey,
  writeManifest,
} from '../../src/offline/index.ts'
import { openDuck, quoted } from '../../src/offline/node/duck.ts'
import { FileObjects } from '../../src/offline/node/index.ts'
import { sha256Of } from '../../src/offline/node/open-log.ts'
import { grouped } from '../start/progress.ts'
import { SEED } from './data.ts'
import type { BenchOptions, Result } from './rows.ts'
import { FIELDS, FROM_MS, SPAN_MS, source } from './training-data.ts'

const SEGMENTS = 12
const USERS = 50_000
const SHARD: LogShard = { entity: 'user', region: 'local', regionId: 1, epoch: 0, shard: 0, shards: 1 }

/** What a child says of its work. */
interface Told {
  readonly seconds: number
  readonly peakMb: number
  readonly sums: readonly number[]
}

export async function* training({ quick, say }: BenchOptions): AsyncGenerator<Result> {
  const [events, labels] = quick ? [150_000, 50_000] : [3_000_000, 1_000_000]
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-bench-'))
  try {
    say(`training: ${grouped(events)} events and ${grouped(labels)} labels of ${grouped(USERS)} users, 20 features`)
    await makeData(folder, events, labels)
    const own = await child(folder, 'tidemark')
    say(`training: ${own.seconds.toFixed(1)} s; now DuckDB's range windows over the same files`)
    const sql = await child(folder, 'sql')
    const perSecond = (told: Told): number => Math.round(labels / told.seconds)
    const differ = own.sums.filter((sum, i) => Math.abs(sum - (sql.sums[i] ?? Number.NaN)) > 1e-6 * Math.abs(sum))
    const agrees = differ.length === 0 ? 'both give the same counts and sums' : `${differ.length} columns differ`
    yield {
      name: 'training.rows_per_s',
      value: perSecond(own),
      unit: 'rows/s',
      noop: perSecond(sql),
      note: `beside range windows of DuckDB; ${agrees}`,
    }
    yield {
      name: 'training.peak_mb',
      value: own.peakMb,
      unit: 'MB',
      noop: sql.peakMb,
      note: 'of the whole process, threads included',
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A process of its own, for its memory. */
function child(folder: string, what: 'tidemark' | 'sql'): Promise<Told> {
  const file = join(import.meta.dirname, 'training-child.ts')
  const run = spawn(process.execPath, [file, what, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  run.stdout.on('data', (piece) => {
    text += String(piece)
  })
  return new Promise((resolve, reject) => {
    run.on('error', reject)
    run.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(text) as Told)
      else reject(new Error(`the bench of ${what} ended with code ${code}`))
    })
  })
}

/** A log as a shard would have written it, and labels. Events arrive as they happen, so that SQL has the same to say. */
async function makeData(folder: string, events: number, labels: number): Promise<void> {
  const { connection, instance } = await openDuck({ threads: 2, memoryMb: 1_000, temporary: folder })
  const random = (salt: string) => `(hash(i, ${quoted(salt)}, ${SEED}) % 1000000) / 1000000.0`
  const user = (salt: string) => `'user-' || CAST(floor(${USERS} * pow(${random(salt)}, 2)) AS INTEGER)`
  await connection.run(
    `CREATE TABLE events AS SELECT row_number() OVER (ORDER BY t, i) AS seq, * FROM (
      SELECT i, ${FROM_MS} + CAST(${SPAN_MS} * ${random('at')} AS BIGINT) AS t, ${user('user')} AS user_id,
        round(100 * ${random('amount')}) / 4 AS amount FROM range(${events}) r(i))`,
  )
  const segments: Segment[] = []
  const each = Math.ceil(events / SEGMENTS)
  for (let fromSeq = 1; fromSeq <= events; fromSeq += each) {
    const toSeq = Math.min(events, fromSeq + each - 1)
    const about = {
      source: source.name,
      contract: 1,
      fromSeq,
      toSeq,
      fromMs: 0,
      toMs: 0,
      fromArrivalMs: FROM_MS,
      toArrivalMs: FROM_MS,
    }
    const key = segmentKey(SHARD, about)
    const path = join(folder, key)
    mkdirSync(dirname(path), { recursive: true })
    await connection.run(
      `COPY (SELECT user_id AS tm_key, seq AS tm_seq, make_timestamptz(t * 1000) AS tm_time, make_timestamptz(t * 1000) AS tm_available_at,
        CAST(i AS VARCHAR) AS tm_id, NULL::VARCHAR AS tm_sequence, NULL::BIGINT AS tm_incarnation, NULL::BIGINT AS tm_offset,
        false AS tm_imported, NULL::TIMESTAMPTZ AS tm_known_at, ${FIELDS} FROM events
        WHERE seq BETWEEN ${fromSeq} AND ${toSeq} ORDER BY seq) TO ${quoted(path)} (FORMAT parquet)`,
    )
    segments.push({
      key,
      ...about,
      rows: toSeq - fromSeq + 1,
      bytes: statSync(path).size,
      sha256: await sha256Of(path),
      order: 'commit',
    })
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
  await connection.run(
    `COPY (SELECT ${user('label')} AS user_id, make_timestamptz(1000 * (${FROM_MS} + CAST(${SPAN_MS} * ${random('when')} AS BIGINT))) AS "at",
      i % 2 AS label FROM range(${labels}) r(i)) TO ${quoted(join(folder, 'labels.parquet'))} (FORMAT parquet)`,
  )
  connection.closeSync()
  instance.closeSync()
}
