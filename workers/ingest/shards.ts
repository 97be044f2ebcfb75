import { type Context, Hono } from 'hono'
import type { App } from '../../durable-objects/app.ts'
import type { ShardAbout } from '../../durable-objects/directory.ts'
import {
  formatShardName,
  type Plan,
  regionNamed,
  type ShardName,
  shardCount,
  tableShardCount,
} from '../../src/plan/index.ts'
import { type Problem, problemResponse, readSmallBody } from '../../src/serve/index.ts'
import { parseRfc3339 } from '../../src/util/rfc3339.ts'
import type { IngestBindings } from './app.ts'
import { restoreRegion } from './restore.ts'

export interface ShardDoor {
  readonly plan: Plan
  readonly app: App
  refuse(env: IngestBindings, authorization: string | undefined, scope: string): Problem | undefined
}

/** A shard as a deployment waits for it. */
export type ShardStatus = Omit<ShardName, 'region'> & {
  readonly kind: 'entity' | 'table'
} & (ShardAbout | { readonly problem: string })

/** Shards that one request asks, at most: a Worker may not ask for ever. */
const PAGE = 256
const MAX_REQUEST_BYTES = 1024

/**
 * Every shard of the region with the plan that it runs and its last commit: an object that is busy may run the code of before
 * for minutes after a deploy. Needs the scope `admin`. `?cursor=` goes on with what an answer gave as `next`.
 */
export function shardRoutes({ plan, app, refuse }: ShardDoor) {
  const http = new Hono<{ Bindings: IngestBindings }>()

  http.get('/', async (c: Context<{ Bindings: IngestBindings }>) => {
    const denied = refuse(c.env, c.req.header('authorization'), 'admin')
    if (denied) return problemResponse(denied)
    const from = Number(c.req.query('cursor') ?? 0)
    if (!Number.isSafeInteger(from) || from < 0) {
      const detail = '"cursor" is not what an answer gave as "next".'
      return problemResponse({ status: 400, code: 'bad_cursor', detail })
    }
    const all = shardsOf(plan, app, c.env.REGION)
    const shards = await Promise.all(all.slice(from, from + PAGE).map((shard) => statusOf(shard, c.env)))
    const next = from + PAGE < all.length ? from + PAGE : undefined
    return c.json({ region: c.env.REGION, plan: plan.hash, shards, ...(next !== undefined && { next }) })
  })
  /** `{ "at": time }`: every shard and puller as they were then (docs/operations.md). */
  http.post('/restore', async (c: Context<{ Bindings: IngestBindings }>) => {
    const denied = refuse(c.env, c.req.header('authorization'), 'admin')
    if (denied) return problemResponse(denied)
    const text = await readSmallBody(c.req.raw, MAX_REQUEST_BYTES)
    if (typeof text !== 'string') return problemResponse(text)
    const timeMs = restoreTime(text)
    if (timeMs === undefined || timeMs >= Date.now()) {
      const detail =
        'The body is { "at": a time in the past, as RFC 3339 with an offset }, such as 2026-01-31T12:00:00Z.'
      return problemResponse({ status: 400, code: 'bad_time', detail })
    }
    const report = await restoreRegion(c.env, plan, shardsOf(plan, app, c.env.REGION), timeMs)
    if ('restored' in report) return c.json(report)
    const detail = `Nothing was restored: ${report.problems.length} objects cannot go back to then; the first: ${report.problems[0]}`
    return problemResponse({ status: 409, code: 'not_restorable', detail }, report)
  })
  return http
}

function restoreTime(text: string): number | undefined {
  try {
    const { at } = JSON.parse(text) as { readonly at?: unknown }
    const timeMs = typeof at === 'string' ? parseRfc3339(at) : undefined
    return typeof timeMs === 'number' ? timeMs : undefined
  } catch {
    return undefined
  }
}

/** A shard of the epoch that is served. */
export interface NamedShard {
  readonly kind: 'entity' | 'table'
  readonly name: ShardName
}

/** Every shard of a region's own epoch. */
export function shardsOf(plan: Plan, app: App, regionName: string): NamedShard[] {
  const region = regionNamed(app.regions, regionName)
  const each = (kind: NamedShard['kind'], entity: string, shards: number): NamedShard[] =>
    Array.from({ length: shards }, (_, shard) => ({
      kind,
      name: { region: region.name, entity, epoch: region.epoch, shards, shard },
    }))
  const tables = [...plan.sources.values()].filter(({ table }) => table !== null).map(({ spec }) => spec.name)
  return [
    ...[...plan.entities.keys()].flatMap((entity) => each('entity', entity, shardCount(region, entity))),
    ...tables.flatMap((table) => each('table', table, tableShardCount(region))),
  ]
}

async function statusOf({ kind, name }: NamedShard, env: IngestBindings): Promise<ShardStatus> {
  const { region: _, ...where } = name
  const text = formatShardName(name)
  try {
    const stub = kind === 'entity' ? env.SHARDS.get(env.SHARDS.idFromName(text)) : env.TABLES.getByName(text)
    return { kind, ...where, ...(await stub.about()) }
  } catch (cause) {
    return { kind, ...where, problem: cause instanceof Error ? cause.message : String(cause) }
  }
}
