import { createExecutionContext } from 'cloudflare:test'
import { env, exports } from 'cloudflare:workers'
import { app } from '../../workers/app.ts'
import { createLookup, featureServiceOf, type GetOptions } from '../../workers/lookup/app.ts'

/** The doors as a client sees them: the ingest Worker is the main one of the suite, the lookup Worker runs beside it. */

export const TOKEN = 'test-token'
/** Of vitest.config.ts: may ingest, and nothing else. */
export const INGEST_ONLY = 'ingest-only'
const lookup = createLookup(app)

export interface FlightEvent {
  readonly id: number
  readonly scheduled: string
  readonly departed: string
  readonly delay: number
  readonly distance: number
  readonly origin: string
  readonly destination: string
}

export const DAY = Date.UTC(2001, 0, 1)

/** A right event, `minute` minutes into the first of January 2001. */
export function flight(id: number, minute: number, change: Partial<FlightEvent> = {}): FlightEvent {
  const at = new Date(DAY + minute * 60_000).toISOString()
  return { id, scheduled: at, departed: at, delay: 0, distance: 100, origin: 'SEA', destination: 'LAX', ...change }
}

export const at = (minute: number): string => new Date(DAY + minute * 60_000).toISOString()

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: {
    readonly code?: string
    readonly detail?: string
    readonly accepted?: number
    readonly duplicates?: number
    readonly refused?: readonly { index: number; reason: string; field?: string; message: string }[]
    readonly commits?: readonly string[]
    readonly count?: number
    readonly byReason?: Readonly<Record<string, number>>
    readonly letters?: readonly { payload: string; reason: string; by: string[]; times: number }[]
    readonly rows?: readonly { values: unknown[]; status: string[]; exact: boolean[]; commits: string[] }[]
    readonly features?: readonly string[]
  }
}

async function answer(response: Response): Promise<Answer> {
  return { status: response.status, headers: response.headers, body: await response.json() }
}

export interface SendOptions {
  readonly source?: string
  readonly token?: string | null
  readonly headers?: Readonly<Record<string, string>>
}

/** Sends a body to the webhook; what is no text or bytes is sent as JSON. */
export async function send(
  body: unknown,
  { source = 'flights', token = TOKEN, headers = {} }: SendOptions = {},
): Promise<Answer> {
  const isRaw = typeof body === 'string' || body instanceof Uint8Array
  const response = await exports.default.fetch(`http://door/v1/sources/${source}/events`, {
    method: 'POST',
    headers: {
      ...(token !== null && { authorization: `Bearer ${token}` }),
      'content-type': 'application/json',
      ...headers,
    },
    body: isRaw ? (body as string) : JSON.stringify(body),
  })
  return await answer(response)
}

export async function deadLetters(query = '', token: string | null = TOKEN): Promise<Answer> {
  const headers = token === null ? {} : { authorization: `Bearer ${token}` }
  return await answer(await exports.default.fetch(`http://door/v1/dead-letters${query}`, { headers }))
}

export async function read(body: unknown, token: string | null = TOKEN): Promise<Answer> {
  const request = new Request('http://door/v1/features', {
    method: 'POST',
    headers: token === null ? {} : { authorization: `Bearer ${token}` },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  return await answer(await lookup.fetch(request, env, createExecutionContext()))
}

export async function get(path: string, token: string | null = TOKEN): Promise<Answer> {
  const headers = token === null ? {} : { authorization: `Bearer ${token}` }
  return await answer(await lookup.fetch(new Request(`http://door${path}`, { headers }), env, createExecutionContext()))
}

class FeatureService extends featureServiceOf(app)<IngestEnv> {}

/** As another Worker asks over a service binding. */
export function rpcGet(service: string, entities: readonly object[], options?: GetOptions) {
  return new FeatureService(createExecutionContext(), env).get(service, entities, options)
}

export const SEA_LAX = { airport: 'SEA', origin: 'SEA', destination: 'LAX' }

/** Some features by name, of one row. */
export async function values(
  features: readonly string[],
  minute: number,
  entity: object = SEA_LAX,
): Promise<unknown[]> {
  const { status, body } = await read({ features, entities: [entity], at: at(minute) })
  if (status !== 200) throw new Error(`${status} ${body.detail}`)
  return body.rows?.[0]?.values ?? []
}

/** The stub of the shard that a commit names. */
export function shardOfCommit(commit: string) {
  const [region, entity, epoch, shard] = commit.split('/')
  return env.SHARDS.getByName(`${region}/${entity}/${epoch}/4/${shard}`)
}
