/** Vectors out: through the shard over HTTP, beside a no-op and an empty call of a Durable Object. */
import { join } from 'node:path'
import { freePort } from '../local/port.ts'
import { assembly } from './assembly.ts'
import { requestBytes } from './connection.ts'
import { DAY_MS, SEED, seeded } from './data.ts'
import { growth } from './growth.ts'
import { sendStream } from './ingest.ts'
import { inspectorArgs, profiled } from './inspector.ts'
import { CONNECTIONS, closedLoop, failureNote, openLoop, repeat } from './load.ts'
import { benchFolder, median, percentile } from './measure.ts'
import { inTurns, joined, vectorRequest } from './requests.ts'
import type { BenchOptions, Result } from './rows.ts'
import { type BenchRuntime, withRuntime } from './runtime.ts'

/** Few enough that their decoded states are held by the shards; `growth.lookup` tells of more. */
export const WARM_ENTITIES = 5_000
const EVENTS_AN_ENTITY = 50
/** A day: what the isolate has read once is not read again while the bench lasts. */
const EDGE_STALENESS_MS = DAY_MS

export async function* lookup(options: BenchOptions): AsyncGenerator<Result> {
  const inspector = options.profile ? await freePort(29_229) : undefined
  yield* withRuntime((runtime) => measured(runtime, options, inspector), inspectorArgs(inspector))
  yield assembly()
  yield* withRuntime((runtime) => growth(runtime, options))
}

async function* measured(
  runtime: BenchRuntime,
  { quick, say }: BenchOptions,
  inspector: number | undefined,
): AsyncGenerator<Result> {
  const entities = quick ? 1_000 : WARM_ENTITIES
  say(`lookup: filling ${entities} entities with ${EVENTS_AN_ENTITY} events each`)
  await fill(runtime, entities)
  const seconds = quick ? 3 : 10
  const random = seeded(SEED)
  const one = () => vectorRequest(runtime, 'wide20', [Math.floor(random() * entities)])
  const atEdge = () => vectorRequest(runtime, 'wide20', [Math.floor(random() * entities)], EDGE_STALENESS_MS)
  const noop = requestBytes(runtime.yardstick, '/noop', '{}')
  const ping = requestBytes(runtime.yardstick, '/ping', '{}')
  const prepared = Array.from({ length: 2_000 }, one)
  const next = (index: number) => prepared[index % prepared.length] ?? noop
  const preparedAtEdge = Array.from({ length: 2_000 }, atEdge)
  const nextAtEdge = (index: number) => preparedAtEdge[index % preparedAtEdge.length] ?? noop

  const requests = seconds * 3_000
  // Once around to warm up: compiled code, decoded states.
  await closedLoop(runtime.lookup, repeat(entities * 2, one), CONNECTIONS)
  await closedLoop(runtime.lookup, repeat(preparedAtEdge.length * 2, nextAtEdge), CONNECTIONS)
  await closedLoop(
    runtime.yardstick,
    repeat(2_000, (i) => (i % 2 ? noop : ping)),
    CONNECTIONS,
  )
  say(`lookup: ${requests} requests each, on ${CONNECTIONS} connections`)
  const what = { file: join(benchFolder, 'vector'), count: requests, unit: 'vector', say }
  const costs = await profiled(inspector, ['lookup', 'ingest'], what, () =>
    inTurns(runtime, requests, [
      { url: runtime.lookup, next },
      { url: runtime.yardstick, next: () => ping },
      { url: runtime.yardstick, next: () => noop },
      { url: runtime.lookup, next: nextAtEdge },
    ]),
  )
  const [vectors, pings, noops, edges] = costs
  if (vectors === undefined || pings === undefined || noops === undefined || edges === undefined) return
  yield {
    name: 'lookup.edge.ratio_to_noop',
    value: noops.us / edges.us,
    unit: 'x',
    noop: 1,
    note: joined(
      edges.failed,
      `from the copy in the isolate; CPU of workerd a request: vector ${edges.us.toFixed(0)} us, no-op ${noops.us.toFixed(0)}`,
      `${edges.perSecond.toFixed(0)} and ${noops.perSecond.toFixed(0)} a second by wall`,
    ),
  }
  yield {
    name: 'lookup.shard.ratio_to_ping',
    value: pings.us / vectors.us,
    unit: 'x',
    noop: 1,
    note: joined(
      vectors.failed,
      `CPU of workerd a request: vector ${vectors.us.toFixed(0)} us, ping ${pings.us.toFixed(0)}, no-op ${noops.us.toFixed(0)}`,
      `${vectors.perSecond.toFixed(0)}, ${pings.perSecond.toFixed(0)}, ${noops.perSecond.toFixed(0)} a second by wall`,
    ),
  }
  yield* halfLoad(runtime, seconds, {
    prepared,
    noop,
    vectorsPerSecond: vectors.perSecond,
  })
  yield* batch(runtime, entities, quick ? 100 : 400)
}

async function fill(runtime: BenchRuntime, entities: number): Promise<void> {
  const nowMs = Date.now()
  const events = entities * EVENTS_AN_ENTITY
  const entity = (index: number) => index % entities
  const stream = { seed: SEED, events, entity, fromMs: nowMs - 7 * DAY_MS, toMs: nowMs, prefix: 'w' }
  const sent = await sendStream(runtime, 'wide_activity', stream)
  if (sent.failures.size > 0) throw new Error(`the store could not be filled: ${[...sent.failures.keys()][0]}`)
}

interface HalfLoad {
  readonly prepared: readonly Buffer[]
  readonly noop: Buffer
  readonly vectorsPerSecond: number
}

/** Latencies at half of what vectors can do; the no-op at the same rate, for at half of its own the client would be the limit. */
async function* halfLoad(runtime: BenchRuntime, seconds: number, load: HalfLoad): AsyncGenerator<Result> {
  const { prepared, noop } = load
  const at = (perSecond: number) => ({ perSecond: perSecond / 2, seconds, connections: 64 })
  let index = 0
  const vector = () => prepared[index++ % prepared.length] ?? noop
  const ours = await openLoop(runtime.lookup, vector, at(load.vectorsPerSecond))
  const theirs = await openLoop(runtime.yardstick, () => noop, at(load.vectorsPerSecond))
  const [oursMs, theirsMs] = [median(ours.latencies), median(theirs.latencies)]
  const rate = `${(load.vectorsPerSecond / 2).toFixed(0)} a second for both, half of what vectors can do`
  const note = joined(failureNote(ours), failureNote(theirs), `${rate}; open loop, from when it was due`)
  yield {
    name: 'lookup.p50_ratio',
    value: oursMs / theirsMs,
    unit: 'x',
    noop: 1,
    note: `p50 ${oursMs.toFixed(2)} ms over ${theirsMs.toFixed(2)} ms; ${note}`,
  }
  yield {
    name: 'lookup.p99_ms',
    value: percentile(ours.latencies, 0.99),
    unit: 'ms',
    noop: percentile(theirs.latencies, 0.99),
    note,
  }
}

async function* batch(runtime: BenchRuntime, entities: number, requests: number): AsyncGenerator<Result> {
  const random = seeded(SEED + 2)
  const hundred = () => Array.from({ length: 100 }, () => Math.floor(random() * entities))
  const make = () => vectorRequest(runtime, 'wide50', hundred())
  await closedLoop(runtime.lookup, repeat(30, make), 1)
  const { seconds, result } = await runtime.cpuOf(() => closedLoop(runtime.lookup, repeat(requests, make), 1))
  const noop = requestBytes(runtime.yardstick, '/noop', '{}')
  const noops = await closedLoop(
    runtime.yardstick,
    repeat(requests, () => noop),
    1,
  )
  yield {
    name: 'lookup.batch_100x50_p99_ms',
    value: percentile(result.latencies, 0.99),
    unit: 'ms',
    noop: percentile(noops.latencies, 0.99),
    note: joined(
      failureNote(result),
      `one at a time, 8 shards; p50 ${median(result.latencies).toFixed(1)} ms, CPU ${((1000 * seconds) / requests).toFixed(1)} ms`,
    ),
  }
}
