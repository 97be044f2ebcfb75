import { type Context, Hono } from 'hono'
import type { App } from '../../durable-objects/app.ts'
import { type OpenStore, storesOf } from '../../durable-objects/stores.ts'
import type { EntityStoreStatus } from '../../src/online/index.ts'
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

/** How the shards of this region do in publishing to one store. */
export interface StorePublishing {
  /** `REGION/NAME`. */
  readonly store: string
  readonly kind: string
  /** Batches whose changes it has not, of all shards. */
  readonly waiting: number
  /** When the oldest of them was accepted, ms; null when it has all. */
  readonly oldestMs: number | null
  /** Pages of entities that were listed for it, and all there are; equal when it has been told of everything. */
  readonly pages: { readonly done: number; readonly all: number }
  /** Shards in which listing is paused. */
  readonly paused: number
  /** Since the shards were opened: copies put, those that the store had already, those that it did not take. */
  readonly copies: number
  readonly older: number
  readonly refused: number
  /** What fails, with the shard where there is one. */
  readonly problems: readonly string[]
}

/** Problems that are listed of one store: they are mostly the same one. */
const MOST_PROBLEMS = 5

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
  return storesOf(app, env).map((store) => together(store, answers))
}

type ShardAnswer = { readonly name: string } & (
  | { readonly statuses: readonly EntityStoreStatus[] }
  | { readonly problem: string }
)

function together({ name, spec, problem }: OpenStore, answers: readonly ShardAnswer[]): StorePublishing {
  const statuses: EntityStoreStatus[] = []
  const problems = problem === undefined ? [] : [problem]
  for (const answer of answers) {
    const own = 'statuses' in answer ? answer.statuses.find(({ store }) => store === name) : undefined
    if (own) statuses.push(own)
    const why = 'problem' in answer ? answer.problem : own?.problem
    if (why && why !== problem) problems.push(`${answer.name}: ${why}`)
  }
  const sum = (of: (status: EntityStoreStatus) => number) => statuses.reduce((all, status) => all + of(status), 0)
  const oldest = statuses.flatMap(({ oldestMs }) => (oldestMs === null ? [] : [oldestMs]))
  return {
    store: name,
    kind: spec.kind,
    waiting: sum(({ rows }) => rows),
    oldestMs: oldest.length === 0 ? null : Math.min(...oldest),
    pages: { done: sum(({ page, pages }) => page ?? pages), all: sum(({ pages }) => pages) },
    paused: statuses.filter(({ isPaused }) => isPaused).length,
    copies: sum(({ copies }) => copies),
    older: sum(({ older }) => older),
    refused: sum(({ refused }) => refused),
    problems: problems.slice(0, MOST_PROBLEMS),
  }
}
