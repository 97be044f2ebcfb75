import { type Context, Hono } from 'hono'
import type { App } from '../../durable-objects/app.ts'
import { storesOf } from '../../durable-objects/stores.ts'
import { publishingTo, type StorePublishing } from '../../src/online/index.ts'
import { formatShardName, type Plan } from '../../src/plan/index.ts'
import { type Problem, problemResponse } from '../../src/serve/index.ts'
import { didYouMean } from '../../src/util/did-you-mean.ts'
import type { IngestBindings } from './app.ts'
import { type NamedShard, shardsOf } from './shards.ts'

export interface StoreDoor {
  readonly plan: Plan
  readonly app: App
  refuse(env: IngestBindings, authorization: string | undefined, scope: string): Problem | undefined
}

/**
 * The online stores as the shards of this region publish to them. `stores` reads, `stores:write` publishes everything anew, pauses
 * and resumes that.
 */
export function storeRoutes({ plan, app, refuse }: StoreDoor) {
  const http = new Hono<{ Bindings: IngestBindings }>()

  http.get('/', async (c) => {
    const denied = refuse(c.env, c.req.header('authorization'), 'stores')
    if (denied) return problemResponse(denied)
    return c.json({ region: c.env.REGION, stores: await publishing(plan, app, c.env) })
  })

  http.post('/:region/:name/:order', async (c: Context<{ Bindings: IngestBindings }>) => {
    const denied = refuse(c.env, c.req.header('authorization'), 'stores:write')
    if (denied) return problemResponse(denied)
    const { region, name, order } = c.req.param() as Record<'region' | 'name' | 'order', string>
    const store = `${region}/${name}`
    const known = storesOf(app, c.env).map((one) => one.name)
    if (!known.includes(store)) {
      const detail = `There is no online store "${store}".${didYouMean(store, known)} There are: ${known.join(', ') || 'none'}.`
      return problemResponse({ status: 404, code: 'unknown_store', detail })
    }
    if (order !== 'publish' && order !== 'pause' && order !== 'resume') {
      const detail = `A store is told to publish, pause or resume, not "${order}".`
      return problemResponse({ status: 404, code: 'unknown_order', detail })
    }
    const shards = entityShards(plan, app, c.env.REGION)
    await Promise.all(shards.map((shard) => stubOf(shard, c.env).orderStore(store, order)))
    return c.json({ region: c.env.REGION, stores: await publishing(plan, app, c.env) })
  })
  return http
}

/** Sees to it that every shard publishes: one that was never asked has no alarm. Called by the cron. */
export async function wakeShards(plan: Plan, app: App, env: IngestBindings): Promise<void> {
  if (storesOf(app, env).length === 0) return
  await Promise.allSettled(entityShards(plan, app, env.REGION).map((shard) => stubOf(shard, env).storeStatus()))
}

const entityShards = (plan: Plan, app: App, region: string): NamedShard[] =>
  shardsOf(plan, app, region).filter(({ kind }) => kind === 'entity')

const stubOf = ({ name }: NamedShard, { SHARDS }: IngestBindings) =>
  SHARDS.get(SHARDS.idFromName(formatShardName(name)))

async function publishing(plan: Plan, app: App, env: IngestBindings): Promise<StorePublishing[]> {
  const shards = entityShards(plan, app, env.REGION)
  const answers = await Promise.all(
    shards.map(async (shard) => {
      const name = formatShardName(shard.name)
      try {
        return { name, statuses: await stubOf(shard, env).storeStatus() }
      } catch (cause) {
        return { name, problem: cause instanceof Error ? cause.message : String(cause) }
      }
    }),
  )
  return storesOf(app, env).map(({ name, spec, problem }) => publishingTo(name, spec.kind, problem, answers))
}
