import { Hono } from 'hono'
import { type App, deploymentOf, planOf } from '../../durable-objects/app.ts'
import type { ShardNamespace, TableNamespace } from '../../durable-objects/directory.ts'
import type { ForwarderNamespace } from '../../durable-objects/forwarder.ts'
import { intakesOf } from '../../durable-objects/intakes.ts'
import { isRefusal } from '../../src/contract/index.ts'
import { bodyText, MAX_BODY_BYTES, type Problem, problemResponse, readBytes } from '../../src/serve/index.ts'
import {
  type BodyEvents,
  BodyReader,
  CLOUDEVENTS_TYPES,
  JSON_TYPES,
  type Receipt,
  takeIn,
} from '../../src/source/index.ts'
import { didYouMean } from '../../src/util/did-you-mean.ts'
import { Admission } from './admission.ts'
import { backfillRoutes } from './backfills.ts'
import { type DeadLettersStub, deadLetterRoutes, type Way } from './dead-letters.ts'
import { epochRoutes } from './epochs.ts'
import { erasureRoutes } from './erasures.ts'
import { importRoutes } from './imports.ts'
import { type LogDoor, logRoutes } from './log.ts'
import { logObjectRoutes } from './log-objects.ts'
import { parityReportRoutes } from './parity-report.ts'
import { unavailable, unreadable } from './problems.ts'
import { shardRoutes } from './shards.ts'
import { type PartitionStub, sourceRoutes, wakeAll } from './sources.ts'
import { storeRoutes, wakeShards } from './stores.ts'

/** What the ingest Worker is bound to. */
export interface IngestBindings {
  readonly REGION: string
  readonly TOKENS: string
  /** JSON: keys of webhooks, clusters and registries (docs/webhooks.md). */
  readonly CONNECTIONS?: string
  readonly SHARDS: ShardNamespace
  readonly TABLES: TableNamespace
  readonly KAFKA_PARTITIONS: { getByName(name: string): PartitionStub }
  readonly FORWARDERS: ForwarderNamespace
  readonly DEAD_LETTERS: { getByName(name: string): DeadLettersStub }
}

/** Bytes of bodies that one isolate works on at once: beyond that its memory is better spent on those it has. */
const MAX_BYTES_IN_FLIGHT = 32 * 1024 * 1024
/** It is kept with every event of the request. */
const MAX_DELIVERY_ID_UNITS = 256

/** The ingest Worker of an app: takes in events over HTTP, and shows what was refused. */
export function createIngest(app: App) {
  const plan = planOf(app)
  const intakeOf = intakesOf(app)
  const readers = new Map<string, BodyReader>()
  let bytesInFlight = 0
  let admission: Admission | undefined

  /** Secrets are parsed once an isolate; a new secret comes with a new isolate, but tests change it. */
  const admissionOf = ({ TOKENS, CONNECTIONS }: IngestBindings): Admission => {
    if (!admission?.isOf(TOKENS, CONNECTIONS)) admission = new Admission(TOKENS, CONNECTIONS)
    return admission
  }

  /** The way of a source's events into the shards, and what reads its bodies; undefined for a source that is not in the plan. */
  const wayOf = (env: IngestBindings, name: string): Way | undefined => {
    const source = plan.sources.get(name)
    const intake = intakeOf(env, name)
    if (source === undefined || intake === undefined) return undefined
    const reader = readers.get(name) ?? new BodyReader(source.spec)
    readers.set(name, reader)
    return { ...intake, reader }
  }

  /** Has the body of a request in memory while there is room for it. */
  const withRoom = async (request: Request, work: () => Promise<Response>): Promise<Response> => {
    const bytes = bytesOf(request)
    if (bytesInFlight + bytes > MAX_BYTES_IN_FLIGHT) {
      const detail = 'Too much at once: send this request again later.'
      return problemResponse({ status: 429, code: 'busy', detail, retryAfter: 1 })
    }
    bytesInFlight += bytes
    try {
      return await work()
    } finally {
      bytesInFlight -= bytes
    }
  }

  const http = new Hono<{ Bindings: IngestBindings }>()

  http.post('/v1/sources/:source/events', async (c) => {
    const arrivalMs = Date.now()
    const name = c.req.param('source')
    const { headers } = c.req.raw
    const check = admissionOf(c.env).send(name, headers, arrivalMs)
    if ('status' in check) return problemResponse(check)
    const way = wayOf(c.env, name)
    if (way === undefined) {
      return problemResponse({
        status: 404,
        code: 'unknown_source',
        detail: `There is no source "${name}".${didYouMean(name, [...plan.sources.keys()])}`,
      })
    }
    const format = way.reader.formatOf(headers)
    if (format === undefined) {
      const types = [...JSON_TYPES, ...CLOUDEVENTS_TYPES].join(', ')
      const detail = `Content-Type ${headers.get('content-type')} is not understood; send one of ${types}.`
      return problemResponse({ status: 415, code: 'unknown_type', detail })
    }
    const deliveryId = c.req.header('webhook-id')
    if (deliveryId !== undefined && deliveryId.length > MAX_DELIVERY_ID_UNITS) {
      const detail = `The header webhook-id has ${deliveryId.length} characters; at most ${MAX_DELIVERY_ID_UNITS} are taken.`
      return problemResponse({ status: 400, code: 'bad_webhook_id', detail })
    }
    return await withRoom(c.req.raw, async () => {
      const body = await readBytes(c.req.raw)
      if ('status' in body) return problemResponse(body)
      const forged = await check(body)
      if (forged) return problemResponse(forged)
      const text = bodyText(body)
      if (typeof text !== 'string') return problemResponse(text)
      const events = way.reader.read(format, { headers, text, arrivalMs })
      if (isRefusal(events)) return unreadable(events)
      const receipt = await takeIn(way, events.batch)
      if (isRefusal(receipt)) return unreadable(receipt)
      if ('unavailable' in receipt) return unavailable(receipt)
      const isDebezium = format.kind !== 'json' && format.format.kind === 'debezium'
      return receiptResponse(placed(receipt, events), isDebezium)
    })
  })

  http.route(
    '/v1/imports',
    importRoutes({
      plan,
      refuse: (env, authorization, scope) => admissionOf(env).tokens.refuse(authorization, scope),
      wayOf,
      withRoom,
    }),
  )

  http.route(
    '/v1/dead-letters',
    deadLetterRoutes({
      plan,
      refuse: (env, authorization, scope) => admissionOf(env).tokens.refuse(authorization, scope),
      wayOf,
    }),
  )

  http.route(
    '/v1/sources',
    sourceRoutes({
      plan,
      app,
      refuse: (env, authorization, scope) => admissionOf(env).tokens.refuse(authorization, scope),
    }),
  )

  http.route(
    '/v1/shards',
    shardRoutes({
      plan,
      app,
      refuse: (env, authorization, scope) => admissionOf(env).tokens.refuse(authorization, scope),
    }),
  )

  http.route(
    '/v1/stores',
    storeRoutes({
      plan,
      app,
      refuse: (env, authorization, scope) => admissionOf(env).tokens.refuse(authorization, scope),
    }),
  )

  http.route(
    '/v1/erasures',
    erasureRoutes({
      plan,
      app,
      refuse: (env, authorization, scope) => admissionOf(env).tokens.refuse(authorization, scope),
    }),
  )

  http.route(
    '/v1/backfills',
    backfillRoutes({
      plan,
      app,
      refuse: (env, authorization, scope) => admissionOf(env).tokens.refuse(authorization, scope),
    }),
  )

  const logDoor: LogDoor = {
    plan,
    app,
    refuse: (env, authorization, scope) => admissionOf(env).tokens.refuse(authorization, scope),
  }
  http.route('/v1/log/objects', logObjectRoutes(logDoor))
  http.route('/v1/log/parity', parityReportRoutes(logDoor))
  http.route('/v1/log', logRoutes(logDoor))

  http.route(
    '/v1/epochs',
    epochRoutes({
      plan,
      regions: app.regions,
      refuse: (env, authorization, scope) => admissionOf(env).tokens.refuse(authorization, scope),
    }),
  )

  http.get('/v1/health', (c) =>
    c.json({ status: 'ok', worker: 'ingest', region: c.env.REGION, plan: plan.hash, deployment: deploymentOf(app) }),
  )
  http.notFound((c) => problemResponse(notFound(c.req.method, new URL(c.req.url).pathname)))
  http.onError((error) =>
    problemResponse({
      status: 503,
      code: 'failed',
      detail: `${error.message}. Send the request again.`,
      retryAfter: 1,
    }),
  )
  return {
    fetch: (request: Request, env: IngestBindings, context?: ExecutionContext) => http.fetch(request, env, context),
    /** The watchdog: wakes every partition that should be pulled, finds those that are new, and wakes shards that publish. */
    scheduled: async (_: unknown, env: IngestBindings): Promise<void> => {
      await Promise.all([wakeAll(app, env), wakeShards(plan, app, env)])
    },
  }
}

/** What a body may come to: what it declares, or the most there is when that is not known. */
function bytesOf(request: Request): number {
  const declared = request.headers.get('content-length')
  const isKnown = declared !== null && !request.headers.has('content-encoding')
  return isKnown ? Math.min(Number(declared), MAX_BODY_BYTES) : MAX_BODY_BYTES
}

function notFound(method: string, path: string): Problem {
  return {
    status: 404,
    code: 'no_route',
    detail: `Nothing answers ${method} ${path}. Events go to POST /v1/sources/{source}/events.`,
  }
}

/** A receipt whose places are those of the request, and which says what was passed over. */
function placed(receipt: Receipt, { places, skipped }: BodyEvents): Receipt {
  const refused = receipt.refused.map((one) => ({ ...one, index: places?.[one.index] ?? one.index }))
  return { ...receipt, refused, ...(skipped > 0 && { skipped }) }
}

/**
 * 202 when something was taken, known or forwarded; else 409 for the one event in conflict, 422 for everything refused. `isPatient`: 202
 * also then, for Debezium Server stops for good on anything else; its refusals are dead letters.
 */
function receiptResponse(receipt: Receipt, isPatient = false): Response {
  const { accepted, duplicates, forwarded = 0, refused } = receipt
  const first = refused[0]
  if (accepted + duplicates + forwarded > 0 || first === undefined || isPatient)
    return Response.json(receipt, { status: 202 })
  const isConflict = refused.length === 1 && first.reason === 'conflict'
  const problem = isConflict
    ? { status: 409, code: 'conflict', detail: first.message }
    : { status: 422, code: 'all_refused', detail: allRefused(refused.length, first.message) }
  return problemResponse(problem, receipt)
}

const allRefused = (count: number, first: string): string =>
  count === 1
    ? `The event was refused: ${first} It is kept as a dead letter.`
    : `All ${count} events were refused; the first: ${first} They are kept as dead letters.`
