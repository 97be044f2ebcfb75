/** What many entities do to a lookup: from 1,000 to 1,000,000 of them. */
import { SEED, seeded } from './data.ts'
import { sendStream } from './ingest.ts'
import { residentMb } from './measure.ts'
import { cost, joined, vectorRequest } from './requests.ts'
import type { BenchOptions, Result } from './rows.ts'
import type { BenchRuntime } from './runtime.ts'

const FEW = 1_000
const HOUR_MS = 3_600_000

export async function* growth(runtime: BenchRuntime, { quick, say }: BenchOptions): AsyncGenerator<Result> {
  const many = quick ? 50_000 : 1_000_000
  const requests = quick ? 5_000 : 20_000
  const random = seeded(SEED + 3)
  const fill = async (from: number, to: number) => {
    const nowMs = Date.now()
    const entity = (index: number) => from + index
    const stream = { seed: SEED, events: to - from, entity, fromMs: nowMs - HOUR_MS, toMs: nowMs, prefix: `g${from}-` }
    const { failures } = await sendStream(runtime, 'activity', stream)
    if (failures.size > 0) throw new Error(`the store could not be filled: ${[...failures.keys()][0]}`)
  }
  const read = async (entities: number) => {
    const make = () => vectorRequest(runtime, 'user8', [Math.floor(random() * entities)])
    await cost(runtime, runtime.lookup, Math.ceil(requests / 4), make)
    return await cost(runtime, runtime.lookup, requests, make)
  }

  await fill(0, FEW)
  const few = await read(FEW)
  const fewMb = residentMb(runtime.pid)
  say(`growth: filling ${many} entities`)
  await fill(FEW, many)
  const most = await read(many)
  const largest = Math.max(...(await runtime.stats('user')).map((shard) => shard.memoryBytes))
  yield {
    name: 'growth.lookup',
    value: most.us / few.us,
    unit: 'x',
    noop: 1,
    note: joined(
      few.failed,
      most.failed,
      `CPU of a vector of 8 at random: ${most.us.toFixed(0)} us of ${many} entities with 1 event, ${few.us.toFixed(0)} us of ${FEW}`,
      `workerd ${residentMb(runtime.pid).toFixed(0)} MB (${fewMb.toFixed(0)}), pages of the largest shard ${(largest / 1e6).toFixed(0)} MB`,
    ),
  }
}
