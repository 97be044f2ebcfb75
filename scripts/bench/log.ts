/** The log: what it costs to write what was accepted, how large it is, and how fast a view is filled from it. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { ShardLogStatus } from '../../src/offline/index.ts'
import { openLog, shardHistory } from '../../src/offline/node/index.ts'
import { Plan, type Region } from '../../src/plan/index.ts'
import { grouped } from '../start/progress.ts'
import { app } from './app/definitions.ts'
import { DAY_MS, SEED, seeded, zipf } from './data.ts'
import { sendStream } from './ingest.ts'
import type { BenchOptions, Result } from './rows.ts'
import { BENCH_BUCKET, type BenchRuntime, withRuntime } from './runtime.ts'

const ENTITIES = 100_000
const SHARDS = 8
const VIEW = 'user_stats'
const FIRST: Region = { name: 'local', id: 1, epoch: 0, shards: { default: SHARDS } }
/** As long as the default of a deploy is: what leaves is then as large as it gets. */
const LOGGED: Region = { ...FIRST, log: { bucket: BENCH_BUCKET, flushMs: 60_000 } }

const DOLLARS_PER_ROW = 1 / 1e6
const DOLLARS_PER_PUT = 4.5 / 1e6
const DOLLARS_PER_GET = 0.36 / 1e6

/** What the log's door answers. */
interface Logs {
  readonly shards: readonly ShardLogStatus[]
}

export async function* log(options: BenchOptions): AsyncGenerator<Result> {
  yield* withRuntime((runtime) => measured(runtime, options))
}

async function* measured(runtime: BenchRuntime, { quick, say }: BenchOptions): AsyncGenerator<Result> {
  const events = quick ? 200_000 : 1_000_000
  const nowMs = Date.now()
  const send = async (seed: number, prefix: string) => {
    const entity = zipf(ENTITIES, 1, seeded(seed))
    const sent = await sendStream(runtime, 'activity', {
      seed,
      events,
      entity,
      fromMs: nowMs - 7 * DAY_MS,
      toMs: nowMs,
      prefix,
    })
    if (sent.failures.size > 0) throw new Error(`events were not taken: ${[...sent.failures.keys()][0]}`)
    return sent.cpuSeconds
  }
  say(`log: sending ${grouped(events)} events twice, first without a log`)
  const without = await send(SEED, 'w')
  await runtime.kill()
  await runtime.start([LOGGED])
  // What the journal still has of before.
  const first = await ask<Logs>(runtime, 'POST', '/v1/log/flush')
  const before = await runtime.stats('user')
  const accepting = await send(SEED + 1, 'l')
  const { seconds: flushing } = await runtime.cpuOf(() => ask(runtime, 'POST', '/v1/log/flush'))
  const withLog = accepting + flushing
  const { shards } = await ask<Logs>(runtime, 'GET', '/v1/log')
  const after = await runtime.stats('user')
  const totalOf = ({ shards: of }: Logs, what: keyof ShardLogStatus) =>
    of.reduce((all, shard) => all + Number(shard[what] ?? 0), 0)
  const total = (what: keyof ShardLogStatus) => totalOf({ shards }, what) - totalOf(first, what)
  const [rows, bytes, puts] = [total('rows'), total('bytes'), total('segments')]
  yield {
    name: 'log.us_per_event',
    value: (1e6 * (withLog - without)) / events,
    unit: 'us',
    noop: (1e6 * without) / events,
    note: `CPU of workerd for the log, the local bucket's own included; beside it what accepting costs without. ${flushing.toFixed(1)} s of it after the last event`,
  }
  yield {
    name: 'log.bytes_per_event',
    value: bytes / rows,
    unit: 'B',
    note: `${grouped(rows)} rows in ${puts} Parquet files, Snappy, before compaction`,
  }
  const written = sum(after, 'rowsWritten') - sum(before, 'rowsWritten')
  yield {
    name: 'cost.per_million_events.log',
    value: (1e6 / events) * (puts * 2 * DOLLARS_PER_PUT + puts * DOLLARS_PER_GET),
    unit: '$',
    note: `${puts} files, each with a manifest read and written; ${(written / events).toFixed(3)} rows written an event by everything, ${dollars(written / events)} a million: the log adds two to three a file. Storage: $0.015 a GB and month`,
  }
  yield* filled(runtime, say)
}

async function* filled(runtime: BenchRuntime, say: BenchOptions['say']): AsyncGenerator<Result> {
  const folder = runtime.bucketFolder
  const logs = (await openLog(folder, { entities: ['user'] })).map((shard) => ({
    ...shard,
    // The shards began without a log; as if what is in it were all there is.
    manifest: { ...shard.manifest, fromSeq: 1 },
  }))
  const rows = logs.reduce(
    (sum, { manifest }) => sum + manifest.segments.reduce((all, segment) => all + segment.rows, 0),
    0,
  )
  say(`log: computing ${VIEW} from ${grouped(rows)} rows, as a backfill does`)
  const plan = new Plan(app.definitions.spec)
  const temporary = join(folder, '..', 'backfill')
  const startedMs = performance.now()
  let entities = 0
  let bytes = 0
  for (const { manifest } of logs) {
    const { region, epoch, shard } = manifest.shard
    const cut = manifest.seq
    const history = await shardHistory({
      plan,
      view: VIEW,
      logs,
      region,
      epoch,
      shard,
      cut,
      takenOutUpTo: cut,
      memoryMb: 1_024,
      threads: 2,
      temporary,
    })
    for await (const cells of history.pieces()) {
      entities += cells.length
      bytes += cells.reduce((sum, { state }) => sum + state.length, 0)
    }
    history.close()
  }
  const seconds = (performance.now() - startedMs) / 1_000
  rmSync(temporary, { recursive: true, force: true })
  yield {
    name: 'backfill.events_per_s',
    value: rows / seconds,
    unit: 'events/s',
    note: `${grouped(entities)} entities, ${(bytes / 1e6).toFixed(0)} MB of state, in ${seconds.toFixed(1)} s; sorting included, sending not`,
  }
}

const sum = (stats: readonly { readonly rowsWritten: number }[], what: 'rowsWritten'): number =>
  stats.reduce((all, shard) => all + shard[what], 0)

const dollars = (rows: number): string => `$${(rows * 1e6 * DOLLARS_PER_ROW).toFixed(3)}`

async function ask<T>(runtime: BenchRuntime, method: string, path: string): Promise<T> {
  const response = await fetch(`${runtime.ingest}${path}`, { method, headers: { authorization: 'Bearer bench' } })
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return (await response.json()) as T
}
