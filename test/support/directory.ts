import type { EntityRuntime, Plan } from '../../src/plan/index.ts'
import type { ShardReads } from '../../src/serve/index.ts'
import { MemoryStorage, type ReadMessage, Shard, type ShardDirectory } from '../../src/shard/index.ts'

export interface MemoryDirectory extends ShardDirectory {
  /** Every read that reached a shard, with the shard's name. */
  readonly reads: { readonly shard: string; readonly message: ReadMessage }[]
  shard(entity: string, shard: number): ReturnType<ShardDirectory['shard']> & ShardReads
}

/** Shards in this process, as a door sees them. */
export function memoryDirectory(plan: Plan, shards: number, now: () => number): MemoryDirectory {
  const made = new Map<string, Shard>()
  const reads: MemoryDirectory['reads'][number][] = []
  const shardOf = (name: string, shard: number): Shard => {
    const id = `${name}/${shard}`
    const entity = plan.entities.get(name) as EntityRuntime
    const part = { region: 1, epoch: 3, shard }
    const known = made.get(id) ?? new Shard({ plan, entity, part, shards, storage: new MemoryStorage(), now })
    made.set(id, known)
    return known
  }
  return {
    region: 'here',
    epoch: 3,
    reads,
    shardsOf: () => shards,
    shard: (name, shard) => ({
      apply: async (message) => shardOf(name, shard).apply(message),
      read: async (message) => {
        reads.push({ shard: `${name}/${shard}`, message })
        return shardOf(name, shard).read(message)
      },
      copies: async (message) => shardOf(name, shard).copies(message),
    }),
  }
}
