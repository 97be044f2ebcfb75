import { formatPartitionName } from '../../durable-objects/kafka-partition.ts'
import { formatShardName, type Plan } from '../../src/plan/index.ts'
import type { IngestBindings } from './app.ts'
import { type Restorable, type RestoreReport, type RestoreTo, restoreObjects } from './restore-order.ts'
import type { NamedShard } from './shards.ts'
import { partitionCount, topicsOf } from './sources.ts'

/** A puller is taken back further than the shards: what it reads again, they know by its place in the topic. */
const PULLER_MARGIN_MS = 60_000
/**
 * Takes every shard and puller of a region back, in the right order. Not the queues for other regions and not the dead letters: what
 * they hold is as true as before.
 *
 * @param cursor where a request before ended
 */
export async function restoreRegion(
  env: IngestBindings,
  plan: Plan,
  shards: readonly NamedShard[],
  to: RestoreTo,
  cursor: number,
): Promise<RestoreReport> {
  const timeMs = 'timeMs' in to ? to.timeMs : 0
  const pullers = await pullersOf(env, plan, timeMs)
  if ('problem' in pullers) return { restored: [], problems: [pullers.problem] }
  return await restoreObjects([...shards.map((shard) => shardOf(env, shard, timeMs)), ...pullers], to, cursor)
}

function shardOf(env: IngestBindings, { kind, name: parts }: NamedShard, timeMs: number): Restorable {
  const name = formatShardName(parts)
  if (kind === 'entity') return { kind, name, stub: () => env.SHARDS.get(env.SHARDS.idFromName(name)), timeMs }
  const stub = () => env.TABLES.getByName(name)
  return { kind, name, timeMs, stub, hold: () => stub().hold() }
}

async function pullersOf(
  env: IngestBindings,
  plan: Plan,
  timeMs: number,
): Promise<Restorable[] | { readonly problem: string }> {
  const pullers: Restorable[] = []
  for (const source of plan.sources.values()) {
    for (const { topic, cluster } of topicsOf(source)) {
      const count = await partitionCount(topic, cluster, env)
      if (typeof count !== 'number') return { problem: `the partitions of ${topic} cannot be listed: ${count.message}` }
      for (let partition = 0; partition < count; partition++) {
        const name = formatPartitionName({ region: env.REGION, source: source.spec.name, topic, partition })
        const stub = () => env.KAFKA_PARTITIONS.getByName(name)
        pullers.push({ kind: 'puller', name, timeMs: timeMs - PULLER_MARGIN_MS, stub, hold: () => stub().hold() })
      }
    }
  }
  return pullers
}
