/** What everything is measured against, in the same process: routes that do nothing. And the shards' own counters. */
import { Hono } from 'hono'
import { formatShardName, shardCount } from '../../../src/plan/index.ts'
import { app } from './definitions.ts'
import type { FeatureShard, IdlePuller, Ping } from './ingest.ts'

interface YardstickEnv {
  readonly PING: DurableObjectNamespace<Ping>
  readonly IDLE: DurableObjectNamespace<IdlePuller>
  readonly SHARDS: DurableObjectNamespace<FeatureShard>
}

const http = new Hono<{ Bindings: YardstickEnv }>()

http.get('/v1/health', (c) => c.text('ok'))
http.post('/noop', (c) => c.text('ok'))

/** Spread over as many objects as there are shards, as lookups are. */
let next = 0
http.post('/ping', async (c) => {
  next = (next + 1) % 8
  await c.env.PING.getByName(`ping-${next}`).ping()
  return c.text('ok')
})

/** Reads partitions to their ends, each in an object of its own, side by side. */
http.post('/pull/:topic/:partitions', async (c) => {
  const { topic, partitions } = c.req.param()
  const pulls = partitions.split(',').map((p) => c.env.IDLE.getByName(`${topic}/${p}`).pull(topic, Number(p)))
  const records = await Promise.all(pulls)
  return c.json({ records: records.reduce((sum, count) => sum + count, 0) })
})

http.get('/stats/:entity', async (c) => {
  const [region] = app.regions
  if (region === undefined) return c.text('no region', 500)
  const entity = c.req.param('entity')
  const shards = shardCount(region, entity)
  const all = await Promise.all(
    Array.from({ length: shards }, (_, shard) => {
      const name = formatShardName({ region: region.name, entity, epoch: region.epoch, shards, shard })
      return c.env.SHARDS.getByName(name).benchStats()
    }),
  )
  return c.json(all)
})

export default http
