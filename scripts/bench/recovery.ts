/** A shard comes back: workerd killed, started again on the same files, and asked. */
import { shardOf } from '../../src/plan/index.ts'
import { Connection } from './connection.ts'
import { DAY_MS, SEED, uidOf } from './data.ts'
import { sendStream } from './ingest.ts'
import { median } from './measure.ts'
import { vectorRequest } from './requests.ts'
import type { BenchOptions, Result } from './rows.ts'
import { type BenchRuntime, withRuntime } from './runtime.ts'

const SHARDS = 8
const FULL_SHARD = 0
const EMPTY_SHARD = 1
const EVENTS_AN_ENTITY = 4

export async function* recovery(options: BenchOptions): AsyncGenerator<Result> {
  yield* withRuntime((runtime) => measured(runtime, options))
}

async function* measured(runtime: BenchRuntime, { quick, say }: BenchOptions): AsyncGenerator<Result> {
  const entities = quick ? 5_000 : 50_000
  const rounds = quick ? 3 : 7
  const numbers = entitiesOf(FULL_SHARD, entities)
  const nowMs = Date.now()
  say(`recovery: filling one shard with ${entities} entities of ${EVENTS_AN_ENTITY} events`)
  const entity = (index: number) => numbers[index % entities] ?? 0
  const events = entities * EVENTS_AN_ENTITY
  const stream = { seed: SEED, events, entity, fromMs: nowMs - DAY_MS, toMs: nowMs, prefix: 'r' }
  const { failures } = await sendStream(runtime, 'activity', stream)
  if (failures.size > 0) throw new Error(`the shard could not be filled: ${[...failures.keys()][0]}`)
  const megabytes = ((await runtime.stats('user'))[FULL_SHARD]?.databaseBytes ?? 0) / 1e6

  const [emptyEntity = 0] = entitiesOf(EMPTY_SHARD, 1)
  const full: number[] = []
  const empty: number[] = []
  const starts: number[] = []
  for (let round = 0; round < rounds; round++) {
    for (const [times, asked] of [
      [full, numbers[round] ?? 0],
      [empty, emptyEntity],
    ] as const) {
      await runtime.kill()
      const killedMs = performance.now()
      await runtime.start()
      starts.push(performance.now() - killedMs)
      times.push(await firstAnswerMs(runtime, asked))
    }
  }
  yield {
    name: 'recovery.ms',
    value: median(full) - median(empty),
    unit: 'ms',
    noop: median(empty),
    note:
      `first answer of a shard of ${entities} entities (${megabytes.toFixed(0)} MB) after SIGKILL, ${median(full).toFixed(0)} ms from when ` +
      `workerd answers, less that of an empty shard (the no-op); median of ${rounds}; workerd itself starts in ${median(starts).toFixed(0)} ms`,
  }
}

/** The first entities, by number, that live in a shard. */
function entitiesOf(shard: number, count: number): number[] {
  const found: number[] = []
  for (let entity = 0; found.length < count; entity++) if (shardOf(uidOf(entity), SHARDS) === shard) found.push(entity)
  return found
}

async function firstAnswerMs(runtime: BenchRuntime, entity: number): Promise<number> {
  const request = vectorRequest(runtime, 'user8', [entity])
  const connection = new Connection(runtime.lookup)
  try {
    const startedMs = performance.now()
    const { status, body } = await connection.send(request)
    const tookMs = performance.now() - startedMs
    if (status !== 200) throw new Error(`the shard answered ${status} after its restart: ${body.toString('utf8')}`)
    return tookMs
  } finally {
    connection.close()
  }
}
