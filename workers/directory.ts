import { formatShardName, type Region, shardCount } from '../src/plan/index.ts'
import {
  type ApplyAnswer,
  type ApplyMessage,
  parseReadAnswer,
  type ShardDirectory,
  type ShardUnavailable,
  writeRead,
} from '../src/shard/index.ts'

/** A shard as its Durable Object offers it over RPC. */
interface ShardStub {
  apply(message: ApplyMessage): Promise<ApplyAnswer | ShardUnavailable>
  read(message: string): Promise<string>
}

/** The shards' namespace as a Worker is bound to it. */
export interface ShardNamespace {
  idFromName(name: string): DurableObjectId
  get(id: DurableObjectId): ShardStub
}

/** Ids by name: each is a cryptographic hash of the name, and a read is short enough for that to show. */
const ids = new WeakMap<ShardNamespace, Map<string, DurableObjectId>>()

function idOf(namespace: ShardNamespace, name: string): DurableObjectId {
  let known = ids.get(namespace)
  if (known === undefined) {
    known = new Map()
    ids.set(namespace, known)
  }
  let id = known.get(name)
  if (id === undefined) {
    id = namespace.idFromName(name)
    known.set(name, id)
  }
  return id
}

/** The shards of a region as Durable Objects. A stub is made anew for each call: after a failure an old one is of no use. */
export function shardDirectory(region: Region, namespace: ShardNamespace): ShardDirectory {
  const shardsOf = (entity: string) => shardCount(region, entity)
  return {
    region: region.name,
    epoch: region.epoch,
    shardsOf,
    shard: (entity, shard) => {
      const name = formatShardName({
        region: region.name,
        entity,
        epoch: region.epoch,
        shards: shardsOf(entity),
        shard,
      })
      const stub = namespace.get(idOf(namespace, name))
      return {
        apply: (message) => stub.apply(message),
        read: async (message) => parseReadAnswer(await stub.read(writeRead(message))),
      }
    },
  }
}
