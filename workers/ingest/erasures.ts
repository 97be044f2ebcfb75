import { Hono } from 'hono'
import type { App } from '../../durable-objects/app.ts'
import { isRefusal, keyFromJson } from '../../src/contract/index.ts'
import {
  epochsFrom,
  formatShardName,
  type Plan,
  regionNamed,
  type ShardName,
  shardCount,
  sliceShard,
  spreadOf,
} from '../../src/plan/index.ts'
import { type Problem, problemResponse, readSmallBody } from '../../src/serve/index.ts'
import { didYouMean } from '../../src/util/did-you-mean.ts'
import type { IngestBindings } from './app.ts'

export interface ErasureDoor {
  readonly plan: Plan
  readonly app: App
  refuse(env: IngestBindings, authorization: string | undefined, scope: string): Problem | undefined
}

/** What became of an entity in one shard. */
export interface ErasedIn {
  readonly shard: string
  /** The commit of the erasure. */
  readonly seq: number
  /** How many of the keys it knew. */
  readonly found: number
  /** Places of the keys that live in it, among those that were given. */
  readonly keys: readonly number[]
}

const MAX_REQUEST_BYTES = 512 * 1024
/** Each shard forgets all of them in one transaction. */
const MAX_KEYS = 500

/**
 * `POST /v1/erasures` with `{ "entity": "user", "keys": { "user_id": "u1" } }`, or a list of such keys: this region's shards forget them, also those that have handed over.
 * The log's files are rewritten by `npx tidemark erase`. Needs the scope `erase`.
 */
export function erasureRoutes({ plan, app, refuse }: ErasureDoor) {
  const http = new Hono<{ Bindings: IngestBindings }>()

  http.post('/', async (c) => {
    const denied = refuse(c.env, c.req.header('authorization'), 'erase')
    if (denied) return problemResponse(denied)
    const text = await readSmallBody(c.req.raw, MAX_REQUEST_BYTES)
    if (typeof text !== 'string') return problemResponse(text)
    const asked = erasureIn(text, plan)
    if ('detail' in asked) return problemResponse(asked)
    const { entity, keys } = asked
    // By the clock of the region: what arrived up to now is meant.
    const atMs = Date.now()
    const byShard = new Map<string, number[]>()
    keys.forEach((key, place) => {
      for (const name of shardsOfKey(plan, app, c.env.REGION, entity, key)) {
        const shard = formatShardName(name)
        byShard.set(shard, [...(byShard.get(shard) ?? []), place])
      }
    })
    const erased: ErasedIn[] = []
    for (const [shard, places] of byShard) {
      const own = places.map((place) => keys[place] as string)
      const { seq, found } = await c.env.SHARDS.get(c.env.SHARDS.idFromName(shard)).erase(own)
      erased.push({ shard, seq, found, keys: places })
    }
    return c.json({ region: c.env.REGION, entity, atMs, shards: erased })
  })
  return http
}

/** Every shard of a region, of any epoch, that a key lives in or has lived in. */
function shardsOfKey(plan: Plan, app: App, regionName: string, entity: string, key: string): ShardName[] {
  const region = regionNamed(app.regions, regionName)
  const runtime = plan.entities.get(entity)
  if (runtime === undefined) return []
  return epochsFrom(region).flatMap((epoch) => {
    const shards = shardCount(epoch, entity)
    return Array.from({ length: spreadOf(runtime) }, (_, slice) => ({
      region: region.name,
      entity,
      epoch: epoch.epoch,
      shards,
      shard: sliceShard(key, slice, shards),
    }))
  })
}

function erasureIn(text: string, plan: Plan): Problem | { readonly entity: string; readonly keys: readonly string[] } {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    parsed = null
  }
  const { entity, keys } = (typeof parsed === 'object' && parsed !== null ? parsed : {}) as Readonly<
    Record<string, unknown>
  >
  const runtime = typeof entity === 'string' ? plan.entities.get(entity) : undefined
  if (runtime === undefined) {
    const known = [...plan.entities.keys()]
    const hint = typeof entity === 'string' ? didYouMean(entity, known) : ''
    const detail = `The body is { "entity": "${known[0] ?? 'user'}", "keys": { ... } }; there is no entity ${JSON.stringify(entity)}.${hint}`
    return { status: 400, code: 'unknown_entity', detail }
  }
  const given: readonly unknown[] = Array.isArray(keys) ? keys : [keys]
  if (given.length === 0 || given.length > MAX_KEYS) {
    const detail = `"keys" is one key, or a list of 1 to ${MAX_KEYS}; got ${given.length}.`
    return { status: 400, code: 'bad_keys', detail }
  }
  const texts: string[] = []
  for (const one of given) {
    const key = keyFromJson(one, runtime.spec)
    if (isRefusal(key)) return { status: 400, code: key.reason, detail: key.message }
    texts.push(key.key)
  }
  return { entity: runtime.spec.name, keys: texts }
}
