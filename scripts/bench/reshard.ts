/** Twice the shards, filled ahead while events come in: how long nobody can reach a shard's entities. */
import type { Region } from '../../src/plan/index.ts'
import { grouped } from '../start/progress.ts'
import { DAY_MS, SEED, seeded, zipf } from './data.ts'
import { sendStream } from './ingest.ts'
import { median } from './measure.ts'
import type { BenchOptions, Result } from './rows.ts'
import { type BenchRuntime, withRuntime } from './runtime.ts'

const ENTITY = 'user'
const [BEFORE, AFTER] = [8, 16]
const EVENTS_AN_ENTITY = 4
/** Shards that open side by side, as the command has them. */
const AT_ONCE = 4
const old = { epoch: 0, shards: { default: BEFORE } }
const next = { epoch: 1, shards: { default: AFTER } }
const prepared: Region = { name: 'local', id: 1, ...old, next }
const opened: Region = { name: 'local', id: 1, ...next, previous: old }

interface Worked {
  readonly done: boolean
  readonly status: {
    readonly bytes: number
    readonly taken?: { readonly cells: number; readonly pauseMs: number | null }
  }
}

export async function* reshard(options: BenchOptions): AsyncGenerator<Result> {
  yield* withRuntime((runtime) => measured(runtime, options))
}

async function* measured(runtime: BenchRuntime, { quick, say }: BenchOptions): AsyncGenerator<Result> {
  const entities = quick ? 20_000 : 200_000
  const nowMs = Date.now()
  const send = async (events: number, seed: number, prefix: string, entity: (index: number) => number) => {
    const stream = { seed, events, entity, fromMs: nowMs - DAY_MS, toMs: nowMs, prefix }
    const { failures } = await sendStream(runtime, 'activity', stream)
    if (failures.size > 0) throw new Error(`events were not taken: ${[...failures.keys()][0]}`)
  }
  say(`reshard: filling ${BEFORE} shards with ${entities} entities of ${EVENTS_AN_ENTITY} events`)
  await send(entities * EVENTS_AN_ENTITY, SEED, 'f', (index) => index % entities)
  await runtime.kill()
  await runtime.start([prepared])
  const startedMs = performance.now()
  await all(runtime, 'prepare')
  const seconds = (performance.now() - startedMs) / 1_000
  // What has changed since is what the pause is made of.
  const late = entities / 4
  await send(late, SEED + 1, 'l', zipf(entities, 1, seeded(SEED + 1)))
  await runtime.kill()
  await runtime.start([opened])
  const worked = await all(runtime, 'open')
  const pauses = worked.map(({ status }) => status.taken?.pauseMs ?? 0)
  const megabytes = worked.reduce((sum, { status }) => sum + status.bytes, 0) / 1e6
  yield {
    name: 'reshard.pause_ms',
    value: Math.max(...pauses),
    unit: 'ms',
    note:
      `the longest of ${AFTER} shards, median ${median(pauses).toFixed(0)}; ${grouped(entities)} entities, ${megabytes.toFixed(0)} MB in storage, ` +
      `filled in ${seconds.toFixed(1)} s, ${grouped(late)} events since`,
  }
}

/** Every shard of the new epoch, until it is done. */
async function all(runtime: BenchRuntime, action: 'prepare' | 'open'): Promise<Worked[]> {
  const waiting = Array.from({ length: AFTER }, (_, shard) => shard)
  const worked: Worked[] = []
  const worker = async () => {
    for (let shard = waiting.shift(); shard !== undefined; shard = waiting.shift()) {
      let last: Worked
      do last = await ask(runtime, `/v1/epochs/1/entity/${ENTITY}/${shard}/${action}`)
      while (!last.done)
      worked.push(last)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return worked
}

async function ask(runtime: BenchRuntime, path: string): Promise<Worked> {
  const headers = { authorization: 'Bearer bench' }
  const response = await fetch(`${runtime.ingest}${path}`, { method: 'POST', headers })
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return (await response.json()) as Worked
}
