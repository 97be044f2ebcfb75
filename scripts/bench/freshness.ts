/** From the 202 of an event to a vector that has it. */
import { Connection, type Reply, requestBytes } from './connection.ts'
import { eventText, SEED, seeded, uidOf } from './data.ts'
import { median, percentile } from './measure.ts'
import type { BenchOptions, Result } from './rows.ts'
import { type BenchRuntime, withRuntime } from './runtime.ts'

const ENTITIES = 1_000

export async function* freshness({ quick, say }: BenchOptions): AsyncGenerator<Result> {
  const rounds = quick ? 300 : 2_000
  say(`freshness: ${rounds} events, each looked up at once`)
  yield* withRuntime((runtime) => measured(runtime, rounds))
}

async function* measured(runtime: BenchRuntime, rounds: number): AsyncGenerator<Result> {
  const random = seeded(SEED + 4)
  const ingest = new Connection(runtime.ingest)
  const lookup = new Connection(runtime.lookup)
  const yardstick = new Connection(runtime.yardstick)
  const times: number[] = []
  const noops: number[] = []
  const noop = requestBytes(runtime.yardstick, '/noop', '{}')
  let unseen = 0
  for (let round = -50; round < rounds; round++) {
    const uid = uidOf(Math.floor(random() * ENTITIES))
    const event = eventText({ id: `f${round}`, uid, type: 'purchase', amount: round + 100, atMs: Date.now() - 1 })
    const receipt = checked(await ingest.send(requestBytes(runtime.ingest, '/v1/sources/activity/events', event)))
    const receivedMs = performance.now()
    const body = JSON.stringify({ service: 'user8', entities: [{ uid }], after: receipt.commits })
    const answer = checked(await lookup.send(requestBytes(runtime.lookup, '/v1/features', body)))
    const seenMs = performance.now()
    await yardstick.send(noop)
    if (round < 0) continue
    times.push(seenMs - receivedMs)
    noops.push(performance.now() - seenMs)
    // The first feature counts the last 5 minutes: what was just sent is in it.
    if (!(Number(answer.rows?.[0]?.values[0]) > 0)) unseen++
  }
  for (const connection of [ingest, lookup, yardstick]) connection.close()
  yield {
    name: 'freshness.shard_p99_ms',
    value: percentile(times, 0.99),
    unit: 'ms',
    noop: percentile(noops, 0.99),
    note: `${unseen > 0 ? `FAILED: ${unseen} not seen; ` : ''}202 to the answer of a lookup with "after", one at a time; p50 ${median(times).toFixed(1)} ms`,
  }
}

interface Answer {
  readonly commits?: readonly string[]
  readonly rows?: readonly { readonly values: readonly unknown[] }[]
}

function checked({ status, body }: Reply): Answer {
  const text = body.toString('utf8')
  if (status < 200 || status > 299) throw new Error(`answered ${status}: ${text}`)
  return JSON.parse(text) as Answer
}
