import { formatPartitionName } from '../../durable-objects/kafka-partition.ts'
import type { Bookmark, RestorableStub } from '../../durable-objects/restore.ts'
import { formatShardName, type Plan } from '../../src/plan/index.ts'
import type { IngestBindings } from './app.ts'
import type { NamedShard } from './shards.ts'
import { partitionCount, topicsOf } from './sources.ts'

/** A puller is taken back further than the shards: what it reads again, they know by its place in the topic. */
const PULLER_MARGIN_MS = 60_000
/** Objects that are asked at once. */
const AT_ONCE = 32

interface Restorable {
  readonly name: string
  readonly stub: RestorableStub
  readonly timeMs: number
}

/** What became of a restore: all objects, or none of them and why. */
export type RestoreReport =
  | { readonly restored: readonly { readonly object: string; readonly undo: string }[] }
  | { readonly problems: readonly string[] }

/**
 * Takes every shard and puller of a region back to a time. All of them are asked first whether they can; then, one after the
 * other. Not the queues for other regions and not the dead letters: what they hold is as true as before.
 */
export async function restoreRegion(
  env: IngestBindings,
  plan: Plan,
  shards: readonly NamedShard[],
  timeMs: number,
): Promise<RestoreReport> {
  const objects = [...shards.map((shard) => shardOf(env, shard, timeMs)), ...(await pullersOf(env, plan, timeMs))]
  const bookmarks: string[] = []
  const problems: string[] = []
  for (let from = 0; from < objects.length; from += AT_ONCE) {
    const asked = objects.slice(from, from + AT_ONCE)
    const found = await Promise.all(asked.map(({ stub, timeMs: at }) => stub.bookmarkAt(at).catch(problemOf)))
    found.forEach((one, i) => {
      if ('bookmark' in one) bookmarks.push(one.bookmark)
      else problems.push(`${asked[i]?.name}: ${one.problem}`)
    })
  }
  if (problems.length > 0) return { problems }
  const restored: { object: string; undo: string }[] = []
  for (const [i, { name, stub }] of objects.entries()) {
    restored.push({ object: name, undo: (await stub.restoreTo(bookmarks[i] ?? '')).undo })
  }
  return { restored }
}

const problemOf = (cause: unknown): Bookmark => ({ problem: cause instanceof Error ? cause.message : String(cause) })

function shardOf(env: IngestBindings, { kind, name: parts }: NamedShard, timeMs: number): Restorable {
  const name = formatShardName(parts)
  const stub = kind === 'entity' ? env.SHARDS.get(env.SHARDS.idFromName(name)) : env.TABLES.getByName(name)
  return { name, stub, timeMs }
}

async function pullersOf(env: IngestBindings, plan: Plan, timeMs: number): Promise<Restorable[]> {
  const pullers: Restorable[] = []
  for (const source of plan.sources.values()) {
    for (const { topic, cluster } of topicsOf(source)) {
      const count = await partitionCount(topic, cluster, env)
      if (typeof count !== 'number') throw new Error(`the partitions of ${topic} cannot be listed: ${count.message}`)
      for (let partition = 0; partition < count; partition++) {
        const name = formatPartitionName({ region: env.REGION, source: source.spec.name, topic, partition })
        pullers.push({ name, stub: env.KAFKA_PARTITIONS.getByName(name), timeMs: timeMs - PULLER_MARGIN_MS })
      }
    }
  }
  return pullers
}
