/** Events in: 500 a request over HTTP, into 8 shards, durable when they are acknowledged. */
import { join } from 'node:path'
import { freePort } from '../local/port.ts'
import { requestBytes } from './connection.ts'
import { bodies, DAY_MS, SEED, type StreamOptions, seeded, zipf } from './data.ts'
import { inspectorArgs, profiled } from './inspector.ts'
import { closedLoop, failureNote, type Load, repeat } from './load.ts'
import { benchFolder, percentile } from './measure.ts'
import type { BenchOptions, Result } from './rows.ts'
import { type BenchRuntime, type BenchShardStats, withRuntime } from './runtime.ts'

const BATCH = 500
const ENTITIES = 100_000
const CONNECTIONS = 8
/** Requests that are made before they are sent, so that making them is not in the time: 28 MB. */
const PREPARED = 500

const DOLLARS_PER_ROW = 1 / 1e6
const DOLLARS_PER_OBJECT_REQUEST = 0.15 / 1e6

/** What was sent, and what it cost workerd. */
export interface Sent extends Omit<Load, 'latencies'> {
  readonly events: number
  readonly cpuSeconds: number
  readonly latencies: readonly number[]
}

/** Sends a stream to a source; the CPU time is that of workerd while it was sent. */
export async function sendStream(runtime: BenchRuntime, source: string, stream: StreamOptions): Promise<Sent> {
  const path = `/v1/sources/${source}/events`
  const failures = new Map<string, number>()
  const latencies: number[] = []
  let ok = 0
  let cpuSeconds = 0
  let wallSeconds = 0
  const all = bodies(stream, BATCH)
  for (;;) {
    const prepared: Buffer[] = []
    for (let next = all.next(); !next.done; next = all.next()) {
      if (prepared.push(requestBytes(runtime.ingest, path, next.value)) === PREPARED) break
    }
    if (prepared.length === 0) break
    const { seconds, result } = await runtime.cpuOf(() => closedLoop(runtime.ingest, prepared.values(), CONNECTIONS))
    cpuSeconds += seconds
    wallSeconds += result.wallSeconds
    ok += result.ok
    latencies.push(...result.latencies)
    for (const [what, count] of result.failures) failures.set(what, (failures.get(what) ?? 0) + count)
  }
  return { events: stream.events, ok, failures, cpuSeconds, wallSeconds, latencies }
}

export async function* ingest(options: BenchOptions): AsyncGenerator<Result> {
  const inspector = options.profile ? await freePort(29_229) : undefined
  yield* withRuntime((runtime) => measured(runtime, options, inspector), inspectorArgs(inspector))
}

async function* measured(
  runtime: BenchRuntime,
  { quick, say }: BenchOptions,
  inspector: number | undefined,
): AsyncGenerator<Result> {
  const nowMs = Date.now()
  const stream = (events: number, seed: number, prefix: string): StreamOptions => {
    const entity = zipf(ENTITIES, 1, seeded(seed))
    return { seed, events, entity, fromMs: nowMs - 7 * DAY_MS, toMs: nowMs, prefix }
  }
  // A Worker that has just started is still being compiled.
  await sendStream(runtime, 'activity', stream(20_000, SEED + 1, 'warm'))
  await runtime.stats('user')

  const events = quick ? 200_000 : 2_000_000
  say(`ingest: sending ${events} events, ${ENTITIES} entities by Zipf(1), batches of ${BATCH}`)
  const before = await runtime.stats('user')
  const what = { file: join(benchFolder, 'ingest'), count: events, unit: 'event', say }
  const sent = await profiled(inspector, ['ingest'], what, () =>
    sendStream(runtime, 'activity', stream(events, SEED, 'e')),
  )
  const after = await runtime.stats('user')

  const noop = await noopPerSecond(runtime, quick ? 5_000 : 20_000)
  const failed = failureNote(sent)
  const wall = `${Math.round(events / sent.wallSeconds)} a second by wall, p99 of a request ${percentile(sent.latencies, 0.99).toFixed(0)} ms`
  yield {
    name: 'ingest.events_per_core_s',
    value: events / sent.cpuSeconds,
    unit: 'events/core/s',
    noop: noop * BATCH,
    note: [
      failed,
      `${(1e6 * (sent.cpuSeconds / events)).toFixed(2)} us of workerd an event; ${wall}; no-op: empty POSTs times ${BATCH}`,
    ]
      .filter(Boolean)
      .join('; '),
  }
  const rows = total(after, 'rowsWritten') - total(before, 'rowsWritten')
  yield {
    name: 'ingest.rows_written_per_event',
    value: rows / events,
    unit: 'rows/event',
    note: `${rows} rows as SQLite's cursors count them; ${(total(after, 'databaseBytes') / 1e6).toFixed(0)} MB in 8 databases`,
  }
  yield {
    name: 'ingest.pause_ms',
    value: Math.max(...after.map((shard) => shard.longestMs)),
    unit: 'ms',
    note: `longest apply of a shard by a clock around it, commit not included; longest request ${percentile(sent.latencies, 1).toFixed(0)} ms`,
  }
  const calls = total(after, 'calls')
  yield {
    name: 'cost.per_million_events.shard',
    value: (1e6 / events) * (rows * DOLLARS_PER_ROW + calls * DOLLARS_PER_OBJECT_REQUEST),
    unit: '$',
    note: `${rows} rows and ${calls} calls of shards for ${events} events; without the Worker's own requests, duration and storage`,
  }
}

/** Empty POSTs a core second. */
async function noopPerSecond(runtime: BenchRuntime, requests: number): Promise<number> {
  const request = requestBytes(runtime.yardstick, '/noop', '{}')
  const { seconds, result } = await runtime.cpuOf(() =>
    closedLoop(
      runtime.yardstick,
      repeat(requests, () => request),
      CONNECTIONS,
    ),
  )
  return result.ok / seconds
}

function total(stats: readonly BenchShardStats[], what: 'rowsWritten' | 'databaseBytes' | 'calls'): number {
  return stats.reduce((sum, shard) => sum + shard[what], 0)
}
