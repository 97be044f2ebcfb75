/**
 * Where the CPU time of ingest goes, without HTTP, RPC and SQLite: routes 500-event batches as the door does and gives them
 * to 8 shards on memory, under V8's own profiler, and sums its samples by stage.
 *
 * Run: `node scripts/bench/shard-cpu.ts [events]`; for a picture `node --cpu-prof scripts/bench/shard-cpu.ts`.
 */
import { Session } from 'node:inspector/promises'
import { isRefusal } from '../../src/contract/index.ts'
import { type EntityRuntime, Plan, type SourceRuntime } from '../../src/plan/index.ts'
import { MemoryStorage, Shard } from '../../src/shard/index.ts'
import { Router, requestBatch } from '../../src/source/index.ts'
import { app } from './app/definitions.ts'
import { bodies, DAY_MS, SEED, seeded, zipf } from './data.ts'
import { table } from './report.ts'
import { type ProfileNode, stagesOf, topFunctions } from './stages.ts'

const SHARDS = 8
const ENTITIES = 100_000

export interface ShardCpu {
  readonly events: number
  readonly usPerEvent: number
  readonly stages: readonly { readonly name: string; readonly us: number }[]
  readonly functions: readonly { readonly name: string; readonly us: number }[]
}

/** Memory storage that counts what SQLite would write. */
class CountingStorage extends MemoryStorage {
  rows = 0
  bytes = 0

  override writeJournal(slot: number, body: string): void {
    this.rows++
    this.bytes += body.length
    super.writeJournal(slot, body)
  }

  override writeBlob(...[kind, id, bytes]: Parameters<MemoryStorage['writeBlob']>): void {
    this.rows++
    this.bytes += bytes.length
    super.writeBlob(kind, id, bytes)
  }
}

export async function shardCpu(events: number, batch = 500): Promise<ShardCpu & { rows: number; bytes: number }> {
  const { plan, source, entity } = userPlan()
  const nowMs = Date.now()
  const storages = Array.from({ length: SHARDS }, () => new CountingStorage())
  const shards = storages.map((storage, shard) => {
    const part = { region: 1, epoch: 0, shard }
    return new Shard({ plan, entity, part, shards: SHARDS, storage, now: () => nowMs })
  })
  const router = new Router(plan.hash, source, () => SHARDS)
  const requests = [...requestBodies(events, batch, nowMs)]
  // The first tenth warms the compiler up and fills the states.
  const warm = Math.floor(requests.length / 10)
  for (const text of requests.slice(0, warm)) send(router, shards, text, nowMs)

  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: 200 })
  await session.post('Profiler.start')
  const before = process.cpuUsage()
  for (const text of requests.slice(warm)) send(router, shards, text, nowMs)
  const used = process.cpuUsage(before)
  const { profile } = await session.post('Profiler.stop')
  session.disconnect()

  const measured = events - warm * batch
  const nodes: readonly ProfileNode[] = profile.nodes
  const samples = profile.samples ?? []
  const deltas = profile.timeDeltas ?? []
  return {
    events: measured,
    usPerEvent: (used.user + used.system) / measured,
    stages: stagesOf(nodes, samples, deltas).map(({ name, us }) => ({ name, us: us / measured })),
    functions: topFunctions(nodes, samples, deltas, 15).map(({ name, us }) => ({ name, us: us / measured })),
    rows: storages.reduce((sum, storage) => sum + storage.rows, 0),
    bytes: storages.reduce((sum, storage) => sum + storage.bytes, 0),
  }
}

function userPlan(): { plan: Plan; source: SourceRuntime; entity: EntityRuntime } {
  const plan = new Plan(app.definitions.spec)
  const source = plan.sources.get('activity')
  const entity = plan.entities.get('user')
  if (source === undefined || entity === undefined) throw new Error('the bench definitions lack activity or user')
  return { plan, source, entity }
}

function requestBodies(events: number, batch: number, nowMs: number): Generator<string> {
  const random = seeded(SEED)
  const entity = zipf(ENTITIES, 1, random)
  return bodies({ seed: SEED, events, entity, fromMs: nowMs - 7 * DAY_MS, toMs: nowMs, prefix: 'e' }, batch)
}

function send(router: Router, shards: readonly Shard[], text: string, nowMs: number): void {
  const batch = requestBatch(text, nowMs)
  const routed = isRefusal(batch) ? batch : router.route(batch)
  if (isRefusal(routed)) throw new Error(routed.message)
  for (const { shard, message } of routed.batches) {
    const answer = shards[shard]?.apply(message)
    if (answer === undefined || 'unavailable' in answer) throw new Error(`shard ${shard}: ${answer?.message}`)
    if (answer.refused.length > 0) throw new Error(`refused: ${JSON.stringify(answer.refused[0])}`)
  }
}

if (import.meta.main) {
  const events = Number(process.argv[2] ?? 500_000)
  const found = await shardCpu(events)
  console.log(`${found.events} events after ${events - found.events} to warm up, seed ${SEED}, CPU us per event`)
  const line = ({ name, us }: { readonly name: string; readonly us: number }) => [name, us.toFixed(3)]
  console.log(table([['stage', 'us'], ...found.stages.map(line), ['all', found.usPerEvent.toFixed(3)]]))
  console.log(`\n${table([['function, self time', 'us'], ...found.functions.map(line)])}`)
  console.log(
    `\n${(found.rows / events).toFixed(4)} rows and ${(found.bytes / events).toFixed(0)} bytes written an event`,
  )
}
