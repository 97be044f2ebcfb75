import { WorkerEntrypoint } from 'cloudflare:workers'
import { type Context, Hono } from 'hono'
import { type App, deploymentOf, planOf } from '../../durable-objects/app.ts'
import { type ReadBindings, reachesOf } from '../../durable-objects/reach.ts'
import {
  lookup,
  lookupProblem,
  parseFeaturesRequest,
  placeOf,
  problemResponse,
  readSmallBody,
  Tokens,
  type TypedRow,
  typedRows,
  wireText,
} from '../../src/serve/index.ts'
import { keepServedOf, type ServedBindings } from './served.ts'

/** What the lookup Worker is bound to. */
export interface LookupBindings extends ReadBindings, ServedBindings {
  readonly TOKENS: string
}

const JSON_ANSWER = { headers: { 'content-type': 'application/json' } } as const
/** Largest request for features: 1,000 rows of a few keys each. */
const MAX_REQUEST_BYTES = 1024 * 1024

/** The lookup Worker of an app over HTTP. */
export function createLookup(app: App) {
  const plan = planOf(app)
  let tokens: { readonly json: string; readonly parsed: Tokens } | undefined
  const tokensOf = (json: string): Tokens => {
    if (tokens?.json !== json) tokens = { json, parsed: new Tokens(json) }
    return tokens.parsed
  }

  const answer = async (
    body: unknown,
    env: LookupBindings,
    authorization: string | undefined,
    place: string | undefined,
    waitUntil: (work: Promise<void>) => void,
  ): Promise<Response> => {
    // Before anything is said about the request: names of features are told to those who may read them.
    const denied = tokensOf(env.TOKENS).refuse(authorization, scopeOf(body))
    if (denied) return problemResponse(denied)
    const request = parseFeaturesRequest(plan, body, Date.now())
    if ('status' in request) return problemResponse(request)
    const rows = await lookup(plan, reachesOf(app, env).from(place), request)
    if ('failure' in rows) return problemResponse(lookupProblem(rows))
    keepServedOf(app, env)(request, rows, waitUntil)
    return new Response(wireText(request.vector, request.t, rows), JSON_ANSWER)
  }

  const http = new Hono<{ Bindings: LookupBindings }>()

  http.post('/v1/features', async (c) => {
    const text = await readSmallBody(c.req.raw, MAX_REQUEST_BYTES)
    if (typeof text !== 'string') return problemResponse(text)
    let body: unknown
    try {
      body = JSON.parse(text)
    } catch {
      return problemResponse({ status: 400, code: 'bad_json', detail: 'The body is no JSON.' })
    }
    return answer(body, c.env, c.req.header('authorization'), placeOfRequest(c.req.raw), waitUntilOf(c))
  })

  /** For a person and a browser: keys, `at`, `after` and `maxStalenessMs` in the query. */
  http.get('/v1/features/:service', (c) => {
    const { at, after, maxStalenessMs, ...keys } = c.req.query()
    const body = {
      service: c.req.param('service'),
      entities: [keys],
      at: atOf(at),
      after: after?.split(','),
      maxStalenessMs: atOf(maxStalenessMs),
    }
    return answer(body, c.env, c.req.header('authorization'), placeOfRequest(c.req.raw), waitUntilOf(c))
  })

  http.get('/v1/health', (c) =>
    c.json({ status: 'ok', worker: 'lookup', region: c.env.REGION, plan: plan.hash, deployment: deploymentOf(app) }),
  )
  http.notFound((c) =>
    problemResponse({
      status: 404,
      code: 'no_route',
      detail: `Nothing answers ${c.req.method} ${new URL(c.req.url).pathname}. Vectors come from POST /v1/features.`,
    }),
  )
  http.onError((error) => problemResponse({ status: 503, code: 'failed', detail: error.message, retryAfter: 1 }))
  return http
}

/** Hono throws where there is no context, so it is asked for only when something is left to do. */
const waitUntilOf = (c: Context) => (work: Promise<void>) => c.executionCtx.waitUntil(work)

const atOf = (at: string | undefined): string | number | undefined =>
  at !== undefined && /^\d+$/.test(at) ? Number(at) : at

/** Where a request came in; not known where Cloudflare does not say it. */
function placeOfRequest({ cf }: { readonly cf?: unknown }): string | undefined {
  const { colo, continent } = (cf ?? {}) as { readonly colo?: string; readonly continent?: string }
  return placeOf(colo, continent)
}

/** What a request needs: to read its service, or (with a list of features) everything. */
function scopeOf(body: unknown): string {
  const service = typeof body === 'object' && body !== null && 'service' in body ? body.service : undefined
  return `read:${typeof service === 'string' ? service.split('@')[0] : '*'}`
}

/** Options of a read over RPC. */
export interface GetOptions {
  /** RFC 3339 with an offset, or ms since the epoch; default now. */
  readonly at?: string | number
  /** Commits to see, as an ingest answer gives them. */
  readonly after?: readonly string[]
  /** How old the copy may be that a vector is read from, ms; 0: through the shards. Default: the service's own. */
  readonly maxStalenessMs?: number
  /** Adds status, exactness, event time, commits and the age of each part to each row. */
  readonly metadata?: boolean
}

/** The lookup Worker over a service binding: `env.FEATURES.get('fraud', [{ user_id: 'u1' }])`. */
export function featureServiceOf(app: App) {
  return class FeatureServiceEntrypoint<Env extends LookupBindings> extends WorkerEntrypoint<Env> {
    /** Vectors as objects by feature name. Throws an Error of `code: detail`, as the problems of HTTP have them. */
    async get(
      service: string,
      entities: readonly object[],
      { at, after, maxStalenessMs, metadata }: GetOptions = {},
    ): Promise<{ at: string; rows: TypedRow[] }> {
      const plan = planOf(app)
      const request = parseFeaturesRequest(plan, { service, entities, at, after, maxStalenessMs }, Date.now())
      if ('status' in request) throw new Error(`${request.code}: ${request.detail}`)
      const rows = await lookup(plan, reachesOf(app, this.env).from(undefined), request)
      if ('failure' in rows) {
        const { code, detail } = lookupProblem(rows)
        throw new Error(`${code}: ${detail}`)
      }
      keepServedOf(app, this.env)(request, rows, (work) => this.ctx.waitUntil(work))
      return { at: new Date(request.t).toISOString(), rows: typedRows(request.vector, rows, metadata ?? false) }
    }
  }
}
