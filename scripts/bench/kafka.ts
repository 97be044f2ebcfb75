/** A real Kafka and our bridge: records pulled, handed over and counted, beside the same client that only pulls. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { startBridgeProcess } from '../peers/bridge.ts'
import { installPeer } from '../peers/install.ts'
import { startKafka } from '../peers/kafka.ts'
import type { Peer } from '../peers/process.ts'
import { Connection, requestBytes } from './connection.ts'
import { eventText, SEED, seeded, uidOf, zipf } from './data.ts'
import { BenchTopic } from './kafka-topic.ts'
import { median, percentile, residentMb } from './measure.ts'
import type { BenchOptions, Result } from './rows.ts'
import { type BenchRuntime, withRuntime } from './runtime.ts'

const TOPIC = 'activity'
const PARTITIONS = 8
const BATCH = 1_000
const ENTITIES = 20_000
const STEADY_PER_S = 5_000
const TICK_MS = 10
const LARGE_UNITS = 400_000
/** Pullers that were idle come back first. */
const SETTLE_MS = 2_000

export async function* kafka({ quick, say }: BenchOptions): AsyncGenerator<Result> {
  await installPeer('kafka', say)
  const dir = mkdtempSync(join(tmpdir(), 'tidemark-bench-kafka-'))
  const peers: Peer[] = []
  try {
    const broker = await startKafka({ dir })
    peers.unshift(broker)
    // A process of its own, as users run it.
    const bridge = await startBridgeProcess({ kafka: broker.address, dir })
    peers.unshift(bridge)
    const topic = new BenchTopic(broker.address, TOPIC)
    const connections = JSON.stringify({ kafka: { default: { dialect: 'upstash', url: bridge.address } } })
    try {
      const records = quick ? 40_000 : 400_000
      for (const partitions of [1, PARTITIONS]) {
        say(`kafka: ${records} records over ${partitions} ${partitions === 1 ? 'partition' : 'partitions'}`)
        await fill(topic, partitions, records)
        yield* withRuntime((runtime) => throughput(runtime, partitions, records), [], connections)
      }
      const large = quick ? 100 : 500
      say(`kafka: ${large} records of 400 KB`)
      await fillLarge(topic, large)
      yield* withRuntime((runtime) => memory(runtime, large), [], connections)
      await topic.make(PARTITIONS)
      const seconds = quick ? 5 : 30
      say(`kafka: ${STEADY_PER_S} records/s for ${seconds} s`)
      yield* withRuntime((runtime) => lag(runtime, topic, seconds), [], connections)
    } finally {
      await topic.close()
    }
  } finally {
    await Promise.all(peers.map((peer) => peer.stop()))
    rmSync(dir, { recursive: true, force: true })
  }
}

async function fill(topic: BenchTopic, partitions: number, records: number): Promise<void> {
  await topic.make(partitions)
  const random = seeded(SEED + 7)
  const entity = zipf(ENTITIES, 1, random)
  for (let sent = 0; sent < records; sent += BATCH) {
    const texts = Array.from({ length: BATCH }, (_, i) => click(`k${sent + i}`, uidOf(entity())))
    await topic.append((sent / BATCH) % partitions, texts)
  }
}

const click = (id: string, uid: string): string =>
  eventText({ id, uid, type: 'click', amount: 1, atMs: Date.now() - 1 })

async function* throughput(runtime: BenchRuntime, partitions: number, records: number): AsyncGenerator<Result> {
  const pull = () => pullAlone(runtime, partitions, records)
  // Once to warm up: the broker's pages, the bridge's and workerd's code.
  await pull()
  const idle = await timed(runtime, pull)
  const own = await timed(runtime, () => takeAll(runtime, records))
  const perSecond = (seconds: number) => Math.round(records / seconds).toLocaleString('en')
  const each = (cpu: number) => ((cpu * 1e6) / records).toFixed(1)
  yield {
    name: partitions === 1 ? 'kafka.records_per_s_ratio' : 'kafka.total_records_per_s_ratio',
    value: idle.seconds / own.seconds,
    unit: 'ratio',
    note: `${perSecond(own.seconds)} records/s counted, ${perSecond(idle.seconds)} only pulled; CPU of workerd ${each(own.cpu)} and ${each(idle.cpu)} us a record`,
  }
  if (partitions === 1) return
  const rows = (await runtime.stats('user')).reduce((sum, { rowsWritten }) => sum + rowsWritten, 0)
  yield { name: 'kafka.rows_written_per_record', value: rows / records, unit: 'rows', note: 'of the shards' }
}

/** The same client, which does nothing with what it reads. */
async function pullAlone(runtime: BenchRuntime, partitions: number, records: number): Promise<void> {
  const all = Array.from({ length: partitions }, (_, p) => p).join()
  const response = await fetch(`${runtime.yardstick}/pull/${TOPIC}/${all}`, { method: 'POST' })
  if (!response.ok) throw new Error(`the client alone: ${response.status} ${await response.text()}`)
  const { records: pulled } = (await response.json()) as { records: number }
  if (pulled !== records) throw new Error(`the client alone pulled ${pulled} of ${records} records`)
}

interface SourceStatus {
  readonly topics: readonly { readonly partitions: readonly { readonly counts: { readonly accepted: number } }[] }[]
}

async function takeAll(runtime: BenchRuntime, records: number): Promise<void> {
  await call(runtime.ingest, 'POST', '/v1/sources/wake')
  for (;;) {
    const status = await call<SourceStatus>(runtime.ingest, 'GET', '/v1/sources/activity')
    const partitions = status.topics.flatMap((topic) => topic.partitions)
    const accepted = partitions.reduce((sum, { counts }) => sum + counts.accepted, 0)
    if (accepted > records) throw new Error(`${accepted} of ${records} records were counted`)
    if (accepted === records) return
    await pause(20)
  }
}

/** Records that hold far more than features read. */
async function fillLarge(topic: BenchTopic, records: number): Promise<void> {
  await topic.make(1)
  const rest = 'x'.repeat(LARGE_UNITS)
  for (let n = 0; n < records; n++) {
    const text = click(`l${n}`, uidOf(n % ENTITIES))
    await topic.append(0, [`${text.slice(0, -1)},"rest":"${rest}"}`])
  }
}

async function peakMb(runtime: BenchRuntime, work: () => Promise<void>): Promise<number> {
  let peak = residentMb(runtime.pid)
  const watch = setInterval(() => {
    peak = Math.max(peak, residentMb(runtime.pid))
  }, 20)
  await work()
  clearInterval(watch)
  return peak
}

/** How much workerd grows while it pulls them. */
async function* memory(runtime: BenchRuntime, records: number): AsyncGenerator<Result> {
  // What the code itself takes is there before.
  await call(runtime.ingest, 'GET', '/v1/sources/activity')
  const before = residentMb(runtime.pid)
  const noop = await peakMb(runtime, () => pullAlone(runtime, 1, records))
  const peak = await peakMb(runtime, () => takeAll(runtime, records))
  const note = `${records} records of 400 KB in one partition; resident memory of workerd above the ${before.toFixed(0)} MB before, shards included; no-op: the same client that only pulls`
  yield { name: 'kafka.large_records_mb', value: peak - before, unit: 'MB', noop: noop - before, note }
}

/** From the producer's call to a vector that has the record, while others flow at a steady rate. */
async function* lag(runtime: BenchRuntime, topic: BenchTopic, seconds: number): AsyncGenerator<Result> {
  await call(runtime.ingest, 'POST', '/v1/sources/wake')
  let isOver = false
  const flowing = flow(topic, () => isOver)
  await pause(SETTLE_MS)
  const lookup = new Connection(runtime.lookup)
  const times: number[] = []
  const end = Date.now() + seconds * 1_000
  for (let marker = 0; Date.now() < end; marker++) {
    const uid = `marker-${marker}`
    const startedMs = performance.now()
    await topic.append(marker % PARTITIONS, [click(uid, uid)])
    const body = JSON.stringify({ service: 'user8', entities: [{ uid }] })
    for (;;) {
      const { body: answer } = await lookup.send(requestBytes(runtime.lookup, '/v1/features', body))
      const { rows } = JSON.parse(answer.toString('utf8')) as { rows: { values: unknown[] }[] }
      if (Number(rows[0]?.values[0]) > 0) break
      await pause(1)
    }
    times.push(performance.now() - startedMs)
  }
  lookup.close()
  isOver = true
  const rate = Math.round((await flowing) / (seconds + SETTLE_MS / 1_000))
  yield {
    name: 'kafka.lag_p99_ms',
    value: percentile(times, 0.99),
    unit: 'ms',
    note: `from the producer's call to a vector that has it; p50 ${median(times).toFixed(0)} ms, ${times.length} looked for among ${rate.toLocaleString('en')} records/s, linger 100 ms`,
  }
}

async function flow(topic: BenchTopic, isOver: () => boolean): Promise<number> {
  const entity = zipf(ENTITIES, 1, seeded(SEED + 8))
  const startedMs = Date.now()
  let sent = 0
  while (!isOver()) {
    const due = Math.floor(((Date.now() - startedMs) * STEADY_PER_S) / 1_000) - sent
    if (due > 0) {
      const texts = Array.from({ length: due }, (_, i) => click(`s${sent + i}`, uidOf(entity())))
      sent += due
      const each = Math.ceil(due / PARTITIONS)
      const parts = Array.from({ length: PARTITIONS }, (_, p) => texts.slice(p * each, (p + 1) * each))
      await Promise.all(parts.map((part, p) => (part.length > 0 ? topic.append(p, part) : undefined)))
    }
    await pause(TICK_MS)
  }
  return sent
}

async function timed(
  runtime: BenchRuntime,
  work: () => Promise<void>,
): Promise<{ readonly seconds: number; readonly cpu: number }> {
  const startedMs = performance.now()
  const { seconds: cpu } = await runtime.cpuOf(work)
  return { seconds: (performance.now() - startedMs) / 1_000, cpu }
}

async function call<T>(base: string, method: string, path: string): Promise<T> {
  const response = await fetch(`${base}${path}`, { method, headers: { authorization: 'Bearer bench' } })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
  return JSON.parse(text) as T
}
