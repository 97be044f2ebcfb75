import { Hono } from 'hono'
import type { App } from '../../durable-objects/app.ts'
import type { LogEdit, ShardLogStatus } from '../../src/offline/index.ts'
import {
  epochsFrom,
  formatShardName,
  logBucket,
  type Plan,
  regionNamed,
  type ShardEpoch,
  type ShardName,
  shardCount,
} from '../../src/plan/index.ts'
import { type Problem, problemResponse, readSmallBody } from '../../src/serve/index.ts'
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

  /** `{ "remove": [keys], "add": [segments], "removed"?, "fromSeq"? }`: names other files in the place of some; they are there already. */
  http.post('/:entity/:epoch/:shard/edit', async (c) => {
    const denied = refuse(c.env, c.req.header('authorization'), 'log:write') ?? without(app, c.env)
    if (denied) return problemResponse(denied)
    const text = await readSmallBody(c.req.raw, MAX_EDIT_BYTES)
    if (typeof text !== 'string') return problemResponse(text)
    const { entity, epoch, shard } = c.req.param()
    const name = nameOf(plan, app, c.env.REGION, entity, Number(epoch), Number(shard))
    const change = editIn(text)
    if (name === undefined)
      return problemResponse({
        status: 404,
        code: 'unknown_shard',
        detail: `There is no shard ${entity}/${epoch}/${shard} here.`,
      })
    if (change === undefined) {
      const detail =
        'The body is { "remove": [keys], "add": [segments of the manifest] }, as npx tidemark log sends it.'
      return problemResponse({ status: 400, code: 'bad_edit', detail })
    }
    const answer = await c.env.SHARDS.get(c.env.SHARDS.idFromName(formatShardName(name))).editLog(change)
    if (answer === 'edited') return c.json({ edited: true })
    const detail = `The log of ${entity}/${epoch}/${shard} ${answer === 'changed' ? 'does not name a file that is to go: read its manifest again' : 'is not there'}.`
    return problemResponse({ status: 409, code: 'log_changed', detail })
  })
  return http
}

const MAX_EDIT_BYTES = 4 * 1024 * 1024

function shardsIn(region: string, epoch: ShardEpoch, entity: string): NamedShard[] {
  const shards = shardCount(epoch, entity)
  return Array.from({ length: shards }, (_, shard) => ({
    kind: 'entity',
    name: { region, entity, epoch: epoch.epoch, shards, shard },
  }))
}

/** A shard of any epoch of the region. */
function nameOf(
  plan: Plan,
  app: App,
  regionName: string,
  entity: string,
  epoch: number,
  shard: number,
): ShardName | undefined {
  const region = regionNamed(app.regions, regionName)
  const found = epochsFrom(region).find((one) => one.epoch === epoch)
  if (found === undefined || !plan.entities.has(entity)) return undefined
  const shards = shardCount(found, entity)
  return shard >= 0 && shard < shards ? { region: region.name, entity, epoch, shards, shard } : undefined
}

function editIn(text: string): LogEdit | undefined {
  try {
    const { remove, add, removed, fromSeq } = JSON.parse(text) as Partial<LogEdit>
    if (!Array.isArray(remove) || !Array.isArray(add)) return undefined
    if (fromSeq !== undefined && !Number.isSafeInteger(fromSeq)) return undefined
    return { remove, add, ...(removed && { removed }), ...(fromSeq !== undefined && { fromSeq }) }
  } catch {
    return undefined
  }
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
  // Shards that have handed over may have something left, too: what came last before a change of their number.
  const before = epochsFrom(region).slice(1)
  const shards = [
    ...shardsOf(plan, app, env.REGION).filter(({ kind }) => kind === 'entity'),
    ...before.flatMap((epoch) => [...plan.entities.keys()].flatMap((entity) => shardsIn(region.name, epoch, entity))),
  ]
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
