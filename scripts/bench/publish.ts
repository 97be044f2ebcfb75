/** Copies out: to a real Redis behind its REST server, and back into lookups. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { costOf, SHARD_PRICES } from '../../src/online/index.ts'
import { REDIS_PREFIX } from '../../src/online/redis/index.ts'
import { type Region, sliceShard } from '../../src/plan/index.ts'
import { installPeer } from '../peers/install.ts'
import { type RedisPeer, startRedis } from '../peers/redis.ts'
import { Connection, requestBytes } from './connection.ts'
import { DAY_MS, eventText, SEED, seeded, uidOf, zipf } from './data.ts'
import { sendStream } from './ingest.ts'
import { median, percentile } from './measure.ts'
import { vectorRequest } from './requests.ts'
import type { BenchOptions, Result } from './rows.ts'
import { type BenchRuntime, type BenchShardStats, withRuntime } from './runtime.ts'

const FLUSH_MS = 1_000
const SHARDS = 8
const STORE = 'local/redis'
/** Dollars for a request of a Worker, in November 2026. */
const WORKER_REQUEST = 0.3 / 1e6
const region: Region = {
  name: 'local',
  id: 1,
  epoch: 0,
  shards: { default: SHARDS },
  stores: [{ name: 'redis', kind: 'redis', flushMs: FLUSH_MS }],
}

export async function* publish(options: BenchOptions): AsyncGenerator<Result> {
  await installPeer('redis', options.say)
  const dir = mkdtempSync(join(tmpdir(), 'tidemark-bench-redis-'))
  const redis = await startRedis({ dir })
  const connections = JSON.stringify({ stores: { [STORE]: { url: redis.address, token: redis.token } } })
  try {
    const part = async function* (runtime: BenchRuntime): AsyncGenerator<Result> {
      await runtime.kill()
      await runtime.start([region])
      yield* measured(runtime, redis, options)
    }
    yield* withRuntime(part, [], connections)
  } finally {
    await redis.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}

async function* measured(
  runtime: BenchRuntime,
  redis: RedisPeer,
  { quick, say }: BenchOptions,
): AsyncGenerator<Result> {
  const nowMs = Date.now()
  const stream = (events: number, entity: (index: number) => number, prefix: string) => ({
    ...{ seed: SEED, events, entity, prefix },
    ...{ fromMs: nowMs - DAY_MS, toMs: nowMs },
  })
  const entities = quick ? 5_000 : 50_000
  say(`publish: ${entities} entities with 10 events each`)
  await send(
    runtime,
    stream(entities * 10, (index) => index % entities, 'f'),
  )
  await settled(runtime)
  yield* throughput(runtime, redis, entities)
  yield* cost(runtime, quick, stream)
  yield* freshness(runtime, redis, quick ? 30 : 60)
  yield* storeLookups(runtime, redis, entities, quick ? 500 : 3_000)
}

async function send(runtime: BenchRuntime, stream: Parameters<typeof sendStream>[2]): Promise<number> {
  const sent = await sendStream(runtime, 'activity', stream)
  if (sent.failures.size > 0) throw new Error(`events were not taken: ${[...sent.failures.keys()][0]}`)
  return sent.wallSeconds
}

interface Store {
  readonly waiting: number
  readonly copies: number
  readonly pages: { readonly done: number; readonly all: number }
  readonly problems: readonly string[]
}

async function store(runtime: BenchRuntime, order?: 'publish'): Promise<Store> {
  const path = order === undefined ? '' : `/${STORE}/${order}`
  const response = await fetch(`${runtime.ingest}/v1/stores${path}`, {
    method: order === undefined ? 'GET' : 'POST',
    headers: { authorization: 'Bearer bench' },
  })
  if (!response.ok) throw new Error(`/v1/stores answered ${response.status}: ${await response.text()}`)
  const { stores } = (await response.json()) as { stores: [Store] }
  return stores[0]
}

/** Until the store has everything. */
async function settled(runtime: BenchRuntime): Promise<Store> {
  for (;;) {
    const now = await store(runtime)
    if (now.waiting === 0 && now.pages.done >= now.pages.all) return now
    await new Promise((next) => setTimeout(next, 20))
  }
}

async function* throughput(runtime: BenchRuntime, redis: RedisPeer, entities: number): AsyncGenerator<Result> {
  const before = await store(runtime)
  const startedMs = performance.now()
  const { seconds, result } = await runtime.cpuOf(async () => {
    await store(runtime, 'publish')
    return await settled(runtime)
  })
  const wall = (performance.now() - startedMs) / 1_000
  const copies = result.copies - before.copies
  const texts = await someTexts(redis, entities)
  const plain = await plainSets(redis, texts, copies)
  yield {
    name: 'publish.copies_per_s',
    value: copies / wall,
    unit: 'copies/s',
    noop: plain,
    note: `${copies} copies of ${Math.round(texts.reduce((sum, text) => sum + text.length, 0) / texts.length)} characters to a real Redis behind its REST server, by compare-and-set; ${((1e6 * seconds) / copies).toFixed(0)} us of workerd each; no-op: the same texts by plain SET from Node, 500 a request`,
  }
}

const keyOf = (entity: string, uid: string): string => `${REDIS_PREFIX}entity/${entity}/local/0/${uid}`

async function someTexts(redis: RedisPeer, entities: number): Promise<string[]> {
  const { result } = await command<string[]>(redis, ['KEYS', keyOf('user', '*')])
  if (result.length < entities / 2) throw new Error(`only ${result.length} copies in Redis`)
  return (await command<string[]>(redis, ['MGET', ...result.slice(0, 500)])).result
}

async function command<T>(redis: RedisPeer, body: readonly unknown[], path = ''): Promise<{ readonly result: T }> {
  const headers = { authorization: `Bearer ${redis.token}` }
  const ask = () => fetch(redis.address + path, { method: 'POST', headers, body: JSON.stringify(body) })
  // A connection that the server has just closed is opened anew.
  const response = await ask().catch(ask)
  if (!response.ok) throw new Error(`Redis answered ${response.status}: ${await response.text()}`)
  return (await response.json()) as { result: T }
}

/** As many texts a second by plain SETs, 8 requests of 500 side by side: what the peers themselves can do. */
async function plainSets(redis: RedisPeer, texts: readonly string[], copies: number): Promise<number> {
  const batch = texts.map((text, i) => ['SET', `plain:${i}`, text])
  const requests = Math.ceil(copies / batch.length)
  const startedMs = performance.now()
  let left = requests
  const worker = async () => {
    while (left-- > 0) await command(redis, batch, '/pipeline')
  }
  await Promise.all(Array.from({ length: SHARDS }, worker))
  return (requests * batch.length) / ((performance.now() - startedMs) / 1_000)
}

async function* cost(
  runtime: BenchRuntime,
  quick: boolean,
  stream: (events: number, entity: (index: number) => number, prefix: string) => Parameters<typeof sendStream>[2],
): AsyncGenerator<Result> {
  const events = quick ? 50_000 : 1_000_000
  const before = await runtime.stats('user')
  const wall = await send(runtime, stream(events, zipf(100_000, 1, seeded(SEED + 7)), 'c'))
  await settled(runtime)
  const after = await runtime.stats('user')
  const writes = operations(after, 'writes') - operations(before, 'writes')
  const reads = operations(after, 'reads') - operations(before, 'reads')
  const rows = total(after) - total(before)
  const dollars = costOf('redis', { reads, writes, requests: 0 })
  yield {
    name: 'cost.per_million_events.publish',
    value: (1e6 / events) * dollars,
    unit: '$',
    note:
      `${writes} commands that write and ${reads} that read for ${events} events in ${wall.toFixed(0)} s, a flush a second; ` +
      `${((1e6 / events) * rows * (SHARD_PRICES.rowsWritten / 1e6)).toFixed(3)} $ of rows written, the shard path's among them`,
  }
}

const operations = ([first]: readonly BenchShardStats[], what: 'reads' | 'writes'): number =>
  first?.storeOperations.find(({ name }) => name === STORE)?.[what] ?? 0
const total = (stats: readonly BenchShardStats[]): number =>
  stats.reduce((sum, { rowsWritten }) => sum + rowsWritten, 0)

/** From the 202 of an event to its copy in Redis, one at a time. */
async function* freshness(runtime: BenchRuntime, redis: RedisPeer, rounds: number): AsyncGenerator<Result> {
  const ingest = new Connection(runtime.ingest)
  const times: number[] = []
  for (let round = 0; round < rounds; round++) {
    const uid = `fresh${round}`
    const event = eventText({ id: `fresh${round}`, uid, type: 'purchase', amount: 1, atMs: Date.now() - 1 })
    const reply = await ingest.send(requestBytes(runtime.ingest, '/v1/sources/activity/events', event))
    if (reply.status !== 202) throw new Error(`answered ${reply.status}`)
    const sentMs = performance.now()
    while ((await command<string | null>(redis, ['GET', keyOf('user', uid)])).result === null) {
      if (performance.now() - sentMs > 20_000) throw new Error(`no copy of ${uid} after 20 s`)
      await new Promise((next) => setTimeout(next, 5))
    }
    times.push(performance.now() - sentMs)
    // Not in step with the flush.
    await new Promise((next) => setTimeout(next, (round * 137) % FLUSH_MS))
  }
  ingest.close()
  yield {
    name: 'freshness.store_p99_ms',
    value: percentile(times, 0.99),
    unit: 'ms',
    note: `202 to the copy in Redis, one event at a time, a flush each ${FLUSH_MS} ms; p50 ${median(times).toFixed(0)} ms; looked for every 5 ms`,
  }
}

/** Lookups of entities that the isolate has not read, so that each asks the store. */
async function* storeLookups(
  runtime: BenchRuntime,
  redis: RedisPeer,
  entities: number,
  requests: number,
): AsyncGenerator<Result> {
  const connection = new Connection(runtime.lookup)
  const times: number[] = []
  const gets: number[] = []
  const tiers = new Map<string, number>()
  for (let i = 0; i < requests; i++) {
    const entity = (i * 7) % entities
    const startedMs = performance.now()
    const reply = await connection.send(vectorRequest(runtime, 'user8', [entity], 3_600_000))
    times.push(performance.now() - startedMs)
    const tier = /"tier":"(\w+)"/.exec(reply.body.toString('utf8'))?.[1] ?? `status ${reply.status}`
    tiers.set(tier, (tiers.get(tier) ?? 0) + 1)
    const askedMs = performance.now()
    const uid = uidOf(entity)
    const head = `${REDIS_PREFIX}head/user/local/${sliceShard(uid, 0, SHARDS)}/`
    await command(redis, ['MGET', head, keyOf('user', uid)])
    gets.push(performance.now() - askedMs)
  }
  connection.close()
  const shown = [...tiers].map(([tier, count]) => `${count} ${tier}`).join(', ')
  yield {
    name: 'lookup.store.ratio_to_get',
    value: median(times) / median(gets),
    unit: 'x',
    noop: 1,
    note: `one at a time, entities that the isolate has not read (${shown}): p50 ${median(times).toFixed(2)} ms, p99 ${percentile(times, 0.99).toFixed(1)}; no-op: the same MGET from Node, p50 ${median(gets).toFixed(2)} ms`,
  }
  const worker = WORKER_REQUEST * 1e6
  const viaShard = worker + SHARD_PRICES.requests
  const viaStore = worker + costOf('redis', { reads: 1e6, writes: 0, requests: 0 })
  yield {
    name: 'cost.per_million_lookups',
    value: viaShard,
    unit: '$',
    note: `through the shard: a request of the Worker (${worker.toFixed(2)}) and one of the object; from Redis ${viaStore.toFixed(2)} (one MGET), from the isolate ${worker.toFixed(2)}; without CPU time`,
  }
}
