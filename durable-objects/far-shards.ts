import { oldestEpochOf, type Region, shardCount } from '../src/plan/index.ts'
import type { RegionShards } from '../src/serve/index.ts'
import { parseCopies, parseReadAnswer, writeRead } from '../src/shard/index.ts'
import { atRegion, regionLink } from './region-link.ts'

/** An answer later than this is none: there are copies, and other regions. */
const DEADLINE_MS = 2_000

/** The shards of another region, by way of its door. */
export function farShards(env: object, region: Region): RegionShards {
  const { name, epoch } = region
  const ask = async (path: string, body: string): Promise<Response> => {
    const signal = AbortSignal.timeout(DEADLINE_MS)
    const response = await regionLink(env, name).fetch(atRegion(`${path}?epoch=${epoch}`), {
      method: 'POST',
      body,
      signal,
    })
    if (response.ok) return response
    throw new Error(`region ${name} answered ${response.status}: ${(await response.text()).slice(0, 500)}`)
  }
  return {
    region: name,
    epoch,
    oldestEpoch: oldestEpochOf(region),
    shardsOf: (entity) => shardCount(region, entity),
    shard: (entity, shard) => ({
      read: async (message) =>
        parseReadAnswer(await (await ask(`/shards/${entity}/${shard}/read`, writeRead(message))).text()),
      copies: async (message) => {
        const response = await ask(`/shards/${entity}/${shard}/copies`, JSON.stringify(message))
        return parseCopies(new Uint8Array(await response.arrayBuffer()))
      },
    }),
  }
}
