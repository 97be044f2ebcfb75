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
import type { RestoreTo } from './restore-order.ts'

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
/** As large as the list of what was restored of a large region. */
const MAX_REQUEST_BYTES = 1024 * 1024

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
  /** `{ "at": time }`: every shard and puller as they were then; `{ "undo": [...] }`: as they were before that (docs/operations.md). */
  http.post('/restore', async (c: Context<{ Bindings: IngestBindings }>) => {
    const denied = refuse(c.env, c.req.header('authorization'), 'admin')
    if (denied) return problemResponse(denied)
    const text = await readSmallBody(c.req.raw, MAX_REQUEST_BYTES)
    if (typeof text !== 'string') return problemResponse(text)
    const asked = restoreRequest(text, Date.now())
    if ('detail' in asked) return problemResponse(asked)
    const { to, cursor } = asked
    const report = await restoreRegion(c.env, plan, shardsOf(plan, app, c.env.REGION), to, cursor)
    const { problems, failed, next } = report
    if (problems !== undefined) {
      const detail = `Nothing was restored: ${problems.length} objects cannot go back to then; the first: ${problems[0]}`
      return problemResponse({ status: 409, code: 'not_restorable', detail }, report)
    }
    if (failed === undefined) return c.json(report)
    const detail =
      `${failed.object}: ${failed.problem}. Keep "restored". Send the same again with "cursor": ${next} to go on, or ` +
      '{ "undo": what was restored so far, of all answers } to go back; until then pullers and tables are held.'
    return problemResponse({ status: 502, code: 'restore_broken', detail }, report)
  })
  return http
}

function restoreRequest(text: string, nowMs: number): Problem | { readonly to: RestoreTo; readonly cursor: number } {
  const { at, undo, cursor = 0 } = objectOf(text)
  if (!Number.isSafeInteger(cursor) || (cursor as number) < 0)
    return { status: 400, code: 'bad_cursor', detail: '"cursor" is not what an answer gave as "next".' }
  if (undo !== undefined) {
    const known = undoOf(undo)
    if (known !== undefined) return { to: { undo: known }, cursor: cursor as number }
    return { status: 400, code: 'bad_undo', detail: '"undo" is not the list that an answer gave as "restored".' }
  }
  const timeMs = typeof at === 'string' ? parseRfc3339(at) : undefined
  if (typeof timeMs === 'number' && timeMs < nowMs) return { to: { timeMs }, cursor: cursor as number }
  const detail = 'The body is { "at": a time in the past, as RFC 3339 with an offset }, such as 2026-01-31T12:00:00Z.'
  return { status: 400, code: 'bad_time', detail }
}

function objectOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const parsed = JSON.parse(text) as unknown
    return typeof parsed === 'object' && parsed !== null ? (parsed as Readonly<Record<string, unknown>>) : {}
  } catch {
    return {}
  }
}

/** By object its state of before; of one that was restored twice the first counts. */
function undoOf(list: unknown): ReadonlyMap<string, string> | undefined {
  if (!Array.isArray(list) || list.length === 0) return undefined
  const known = new Map<string, string>()
  for (const one of list as readonly unknown[]) {
    const { object, undo } = (typeof one === 'object' && one !== null ? one : {}) as Readonly<Record<string, unknown>>
    if (typeof object !== 'string' || typeof undo !== 'string' || undo === '') return undefined
    if (!known.has(object)) known.set(object, undo)
  }
  return known
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
