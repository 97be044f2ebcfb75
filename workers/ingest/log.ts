import { Hono } from 'hono'
import type { App } from '../../durable-objects/app.ts'
import type { ShardLogStatus } from '../../src/offline/index.ts'
import { formatShardName, logBucket, type Plan, regionNamed } from '../../src/plan/index.ts'
import { type Problem, problemResponse } from '../../src/serve/index.ts'
import type { IngestBindings } from './app.ts'
import { type NamedShard, shardsOf } from './shards.ts'

export interface LogDoor {
  readonly plan: Plan
  readonly app: App
  refuse(env: IngestBindings, authorization: string | undefined, scope: string): Problem | undefined
}

/** How far the log of one shard is, or why nobody can tell. */
export type LogStatus = { readonly shard: string } & (ShardLogStatus | { readonly problem: string })

/** The log of this region, shard by shard. `log` tells how far it is, `log:read` reads it, `log:write` has it written at once. */
export function logRoutes({ plan, app, refuse }: LogDoor) {
  const http = new Hono<{ Bindings: IngestBindings }>()

  http.get('/', async (c) => {
    const denied = refuse(c.env, c.req.header('authorization'), 'log') ?? without(app, c.env)
    if (denied) return problemResponse(denied)
    return c.json(await told(plan, app, c.env, (stub) => stub.logStatus()))
  })

  http.post('/flush', async (c) => {
    const denied = refuse(c.env, c.req.header('authorization'), 'log:write') ?? without(app, c.env)
    if (denied) return problemResponse(denied)
    const answer = await told(plan, app, c.env, (stub) => stub.flushLog())
    const failed = answer.shards.find((shard) => 'problem' in shard)
    if (failed === undefined || !('problem' in failed)) return c.json(answer)
    const detail = `The log of ${failed.shard} could not be written: ${failed.problem}. It is tried again by itself; nothing is lost.`
    return problemResponse({ status: 503, code: 'log_behind', detail, retryAfter: 1 }, answer)
  })
  return http
}

/** Why there is no log to ask; undefined where there is one. */
export function without(app: App, { REGION }: IngestBindings): Problem | undefined {
  if (logBucket(regionNamed(app.regions, REGION)) !== undefined) return undefined
  const detail = `The region ${REGION} keeps no log: give it "log: {}" in regions.ts and deploy.`
  return { status: 404, code: 'no_log', detail }
}

type Stub = ReturnType<typeof stubOf>

const stubOf = ({ name }: NamedShard, { SHARDS }: IngestBindings) =>
  SHARDS.get(SHARDS.idFromName(formatShardName(name)))

async function told(plan: Plan, app: App, env: IngestBindings, ask: (stub: Stub) => Promise<ShardLogStatus | null>) {
  const region = regionNamed(app.regions, env.REGION)
  const shards = shardsOf(plan, app, env.REGION).filter(({ kind }) => kind === 'entity')
  const answers = await Promise.all(
    shards.map(async (shard): Promise<LogStatus> => {
      const name = formatShardName(shard.name)
      try {
        const status = await ask(stubOf(shard, env))
        return status === null ? { shard: name, problem: 'it has no bucket: deploy again' } : { shard: name, ...status }
      } catch (cause) {
        return { shard: name, problem: cause instanceof Error ? cause.message : String(cause) }
      }
    }),
  )
  return { region: region.name, bucket: logBucket(region) ?? null, shards: answers }
}
