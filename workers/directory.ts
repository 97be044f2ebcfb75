import { formatShardName, type Region, shardCount } from '../src/plan/index.ts'
import type { ShardClient, ShardDirectory } from '../src/shard/index.ts'

/** The shards' namespace as a Worker is bound to it. */
export interface ShardNamespace {
  getByName(name: string): ShardClient
}

/** The shards of a region as Durable Objects. A stub is made anew for each call: after a failure an old one is of no use. */
export function shardDirectory(region: Region, namespace: ShardNamespace): ShardDirectory {
  const shardsOf = (entity: string) => shardCount(region, entity)
  return {
    region: region.name,
    epoch: region.epoch,
    shardsOf,
    shard: (entity, shard) =>
      namespace.getByName(
        formatShardName({ region: region.name, entity, epoch: region.epoch, shards: shardsOf(entity), shard }),
      ),
  }
}
