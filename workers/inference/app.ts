import { type Problem, problemResponse, readBody, Tokens, type TypedRow } from '../../src/serve/index.ts'
import trained from './delay-model.json'
import { type DelayModel, delayProbability } from './delay-model.ts'
import { type FlightKeys, parseBody, parseQuery } from './request.ts'

/** What the inference Worker is bound to: its features come over the service binding, not over the internet. */
export interface InferenceBindings {
  readonly TOKENS: string
  readonly FEATURES: {
    get(
      service: string,
      entities: readonly FlightKeys[],
      options: { readonly at: number; readonly metadata: boolean },
    ): Promise<{ readonly at: string; readonly rows: readonly TypedRow[] }>
  }
}

const model: DelayModel = trained
/** The service's name without its version, as a lookup asks for it. */
const service = model.service.split('@')[0] ?? model.service
/** Said to be late from here on. Half, because a missed late flight costs here what a false alarm does. */
const THRESHOLD = 0.5
const MAX_REQUEST_BYTES = 256 * 1024

/** Answers `POST /v1/predict` for programs, and `GET /v1/predict?origin=SEA&destination=LAX` for a person. */
export async function answer(request: Request, env: InferenceBindings, nowMs: number): Promise<Response> {
  const url = new URL(request.url)
  if (url.pathname === '/v1/health') return Response.json({ status: 'ok', worker: 'inference', model: model.service })
  if (url.pathname !== '/v1/predict') {
    const detail = `Nothing answers ${request.method} ${url.pathname}. Predictions come from POST /v1/predict.`
    return problemResponse({ status: 404, code: 'no_route', detail })
  }
  const denied = new Tokens(env.TOKENS).refuse(request.headers.get('authorization'), `read:${service}`)
  if (denied) return problemResponse(denied)
  if (request.method !== 'GET' && request.method !== 'POST') {
    return problemResponse({
      status: 405,
      code: 'bad_method',
      detail: `${request.method} is not understood; send GET or POST.`,
    })
  }
  const parsed = request.method === 'GET' ? parseQuery(url.searchParams) : await bodyOf(request)
  if ('status' in parsed) return problemResponse(parsed)
  // The model's clock is the request's: its windows end here, and so does the hour of the day.
  return await predict(env, parsed.entities, parsed.atMs ?? nowMs)
}

async function bodyOf(request: Request) {
  const text = await readBody(request, MAX_REQUEST_BYTES)
  return typeof text === 'string' ? parseBody(text) : text
}

async function predict(env: InferenceBindings, entities: readonly FlightKeys[], atMs: number): Promise<Response> {
  let vectors: Awaited<ReturnType<InferenceBindings['FEATURES']['get']>>
  try {
    vectors = await env.FEATURES.get(service, entities, { at: atMs, metadata: true })
  } catch (error) {
    return problemResponse(lookupProblem(error))
  }
  const predictions = vectors.rows.map(({ features, metadata }, i) => {
    const probability = delayProbability(model, features, atMs)
    const { origin, destination } = entities[i] ?? {}
    return {
      origin,
      destination,
      probability,
      delayed: probability >= THRESHOLD,
      features,
      status: metadata?.status,
      exact: metadata?.exact,
      eventTime: metadata?.eventTime,
      commits: metadata?.commits,
    }
  })
  const { auc, baseRate } = trained.test
  const learnedFrom = trained.train.from
  return Response.json({
    at: vectors.at,
    model: {
      service: model.service,
      predicts: 'more than 15 minutes late',
      threshold: THRESHOLD,
      auc,
      baseRate,
      learnedFrom,
    },
    predictions,
  })
}

/** The binding throws Errors of `code: detail`; a code that names a mistake of the asker goes back to them. */
function lookupProblem(error: unknown): Problem {
  const message = error instanceof Error ? error.message : String(error)
  const [, code = 'unavailable', detail = message] = /^([a-z_]+): (.*)$/s.exec(message) ?? []
  const isOurs = code === 'unavailable' || code === 'commit_not_seen'
  return isOurs ? { status: 503, code, detail, retryAfter: 1 } : { status: 400, code, detail }
}
