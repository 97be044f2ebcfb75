import { type Plan, shardOf } from '../plan/index.ts'
import { MESSAGE_VERSION, type ReadAnswer, type ShardUnavailable } from '../shard/index.ts'
import type { RegionShards } from './reach.ts'
import { afterOf, commitOf, type KeyRead, type PartAge, type RunFailure, type RunRead } from './run.ts'

/** One call to one shard: some of the keys, and their places among all. */
interface Call {
  readonly shard: number
  readonly keys: string[]
  readonly places: number[]
}

const freshParts = new WeakMap<RegionShards, readonly PartAge[]>()

/** Reads a run of features where they are computed: one call a shard, which answers with values. */
export async function readAtShards(
  plan: Plan,
  region: RegionShards,
  read: RunRead,
): Promise<readonly KeyRead[] | { failed: RunFailure }> {
  const { name } = read.entity.spec
  const calls = callsOf(read.keys, region.shardsOf(name))
  const answers = await Promise.all(calls.map((call) => ask(plan, region, read, call)))
  const found = new Array<KeyRead>(read.keys.length)
  let parts = freshParts.get(region)
  if (parts === undefined) {
    parts = [{ region: region.region, ageMs: 0, tier: 'shard' }]
    freshParts.set(region, parts)
  }
  for (let i = 0; i < calls.length; i++) {
    const { shard, places } = calls[i] as Call
    const answer = answers[i] as ReadAnswer | ShardUnavailable
    if ('unavailable' in answer) return { failed: { unavailable: answer.message } }
    if ('notYet' in answer)
      return { failed: { notYet: commitOf(region.region, region.epoch, name, shard, answer.notYet.seq) } }
    if ('tooOld' in answer) {
      const { row, oldestMs } = answer.tooOld
      return { failed: { tooOld: { key: places[row] as number, oldestMs } } }
    }
    const commits = [commitOf(region.region, region.epoch, name, shard, answer.seq)]
    for (let at = 0; at < places.length; at++) {
      const text = answer.rows[at] as KeyRead['text']
      found[places[at] as number] = { text, commits, parts }
    }
  }
  return found
}

function callsOf(keys: readonly string[], shards: number): Call[] {
  const calls = new Map<number, Call>()
  for (let place = 0; place < keys.length; place++) {
    const key = keys[place] as string
    const shard = shardOf(key, shards)
    let call = calls.get(shard)
    if (call === undefined) {
      call = { shard, keys: [], places: [] }
      calls.set(shard, call)
    }
    call.keys.push(key)
    call.places.push(place)
  }
  return [...calls.values()]
}

async function ask(
  plan: Plan,
  region: RegionShards,
  { vector, run, entity, t, after }: RunRead,
  { shard, keys }: Call,
): Promise<ReadAnswer | ShardUnavailable> {
  const { name } = entity.spec
  const seen = afterOf(after, region, name, shard)
  const ref = vector.runs[run]?.ref ?? ''
  const about = { version: MESSAGE_VERSION, plan: plan.hash, t, keys, run: ref }
  try {
    return await region.shard(name, shard).read(seen === undefined ? about : { ...about, after: seen })
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    return { unavailable: 'overloaded', message: `shard ${name}/${shard} did not answer: ${why}` }
  }
}
