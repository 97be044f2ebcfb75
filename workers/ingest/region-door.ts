import { WorkerEntrypoint } from 'cloudflare:workers'
import { Hono } from 'hono'
import { type App, planOf } from '../../durable-objects/app.ts'
import { intakesOf } from '../../durable-objects/intakes.ts'
import { formatPartitionName } from '../../durable-objects/kafka-partition.ts'
import type { PullerGlance } from '../../durable-objects/other-pullers.ts'
import { formatShardName, type Region, regionNamed, type ShardEpoch, shardCount } from '../../src/plan/index.ts'
import { type Problem, problemResponse } from '../../src/serve/index.ts'
import { parseForwarded, takeForwarded } from '../../src/source/index.ts'
import type { IngestBindings } from './app.ts'
import { topicsOf } from './sources.ts'

/** What other regions and lookups of the environment ask of this one. Bindings lead here and nothing else does: no token is asked for. */
export function createRegionDoor(app: App) {
  const plan = planOf(app)
  const intakeOf = intakesOf(app)
  const http = new Hono<{ Bindings: IngestBindings }>()

  /** A read of a shard: a text in, a text out (`src/shard/read-text.ts`). `?epoch=` when the asker means a certain one. */
  http.post('/shards/:entity/:shard/read', async (c) => {
    const region = regionNamed(app.regions, c.env.REGION)
    const name = shardNamed(region, c.req.param('entity'), c.req.param('shard'), c.req.query('epoch'))
    if (typeof name !== 'string') return problemResponse(name)
    return c.text(await c.env.SHARDS.get(c.env.SHARDS.idFromName(name)).read(await c.req.text()))
  })

  /** Events of a source that lives here: rows of another region's queue in, how many of them were taken out. */
  http.post('/forward/:source', async (c) => {
    const name = c.req.param('source')
    const intake = intakeOf(c.env, name)
    // During a deploy the regions may know different sources: the queue waits.
    if (intake === undefined) {
      const detail = `Region ${c.env.REGION} knows no source "${name}" yet.`
      return problemResponse({ status: 503, code: 'unknown_source', detail, retryAfter: 1 })
    }
    const forwarded = parseForwarded(await c.req.text())
    if ('unreadable' in forwarded) {
      const detail = `Region ${c.env.REGION} cannot read what was forwarded: ${forwarded.unreadable}.`
      return problemResponse({ status: 503, code: 'unknown_version', detail, retryAfter: 1 })
    }
    return c.json(await takeForwarded(intake, forwarded, () => Date.now()))
  })

  /** How far this region's puller of a partition is: asked by another that is about to begin with it. */
  http.get('/pullers/:source/:topic/:partition', async (c) => {
    const { source, topic, partition } = c.req.param()
    const runtime = plan.sources.get(source)
    const isRead = runtime !== undefined && topicsOf(runtime).some((intake) => intake.topic === topic)
    // During a deploy the regions may know different sources: who asks waits.
    if (!isRead || !/^\d{1,6}$/.test(partition)) {
      const detail = `Region ${c.env.REGION} knows no partition ${topic}/${partition} of a source "${source}" yet.`
      return problemResponse({ status: 503, code: 'unknown_partition', detail, retryAfter: 1 })
    }
    const name = formatPartitionName({ region: c.env.REGION, source, topic, partition: Number(partition) })
    const { phase, offset, generation } = await c.env.KAFKA_PARTITIONS.getByName(name).status()
    return c.json({ phase, offset, generation } satisfies PullerGlance)
  })

  /** Entities of a shard as bytes (`src/shard/copies.ts`), to be merged with other regions' parts. */
  http.post('/shards/:entity/:shard/copies', async (c) => {
    const region = regionNamed(app.regions, c.env.REGION)
    const name = shardNamed(region, c.req.param('entity'), c.req.param('shard'), c.req.query('epoch'))
    if (typeof name !== 'string') return problemResponse(name)
    const bytes = await c.env.SHARDS.get(c.env.SHARDS.idFromName(name)).copies(await c.req.text())
    return new Response(bytes as Uint8Array<ArrayBuffer>, { headers: { 'content-type': 'application/octet-stream' } })
  })

  http.get('/health', (c) => c.json({ status: 'ok', worker: 'region-door', region: c.env.REGION, plan: plan.hash }))
  http.notFound((c) => {
    const detail = `Nothing answers ${c.req.method} ${new URL(c.req.url).pathname} at the door between regions.`
    return problemResponse({ status: 404, code: 'no_route', detail })
  })
  http.onError((error) => problemResponse({ status: 503, code: 'failed', detail: error.message, retryAfter: 1 }))
  return http

  /** The name of a shard's object, or what is wrong with what was asked for. */
  function shardNamed(region: Region, entity: string, shard: string, epoch: string | undefined): string | Problem {
    if (!plan.entities.has(entity))
      return { status: 503, code: 'unknown_plan', detail: `There is no entity "${entity}" in ${region.name}.` }
    const own = epoch === undefined ? region : epochOf(region, Number(epoch))
    if (own === undefined)
      return { status: 503, code: 'unknown_epoch', detail: `Region ${region.name} knows no epoch ${epoch}.` }
    const shards = shardCount(own, entity)
    const number = Number(shard)
    if (!Number.isInteger(number) || number < 0 || number >= shards)
      return {
        status: 404,
        code: 'unknown_shard',
        detail: `${entity} has ${shards} shards in ${region.name}, no ${shard}.`,
      }
    return formatShardName({ region: region.name, entity, epoch: own.epoch, shards, shard: number })
  }
}

const epochOf = (region: Region, epoch: number): ShardEpoch | undefined =>
  [region, region.previous, region.next].find((one) => one?.epoch === epoch)

/** The door between regions as a named entrypoint, which only service bindings lead to. */
export function regionDoorOf(app: App) {
  const http = createRegionDoor(app)
  return class RegionDoorEntrypoint<Env extends IngestBindings> extends WorkerEntrypoint<Env> {
    override async fetch(request: Request): Promise<Response> {
      return await http.fetch(request, this.env)
    }
  }
}
