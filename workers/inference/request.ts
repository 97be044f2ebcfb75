import type { Problem } from '../../src/serve/index.ts'
import { parseRfc3339 } from '../../src/util/rfc3339.ts'

/** The row of keys of a flight that is about to leave. `airport` is where it leaves from. */
export interface FlightKeys {
  readonly airport: string
  readonly origin: string
  readonly destination: string
}

export interface PredictRequest {
  readonly entities: readonly FlightKeys[]
  /** Scheduled departure, ms since the epoch; absent: the arrival of the request. */
  readonly atMs?: number
}

/** A flight is three columns of one row: more than a few hundred is a batch job, not a prediction. */
export const MAX_FLIGHTS = 500
const example = '{"entities": [{"origin": "SEA", "destination": "LAX"}], "at": "2001-01-19T09:24:00Z"}'

/** Reads the body of a POST: what is wrong with it, where, and how it should look. */
export function parseBody(text: string): PredictRequest | Problem {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    return bad('bad_json', `The body is no JSON. Send for example ${example}.`)
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return bad('bad_request', `The body must be an object such as ${example}.`)
  }
  const { entities, at } = body as { readonly entities?: unknown; readonly at?: unknown }
  if (!Array.isArray(entities) || entities.length === 0) {
    return bad('bad_entities', `"entities" must be a list of at least one flight: ${example}.`)
  }
  if (entities.length > MAX_FLIGHTS) {
    return bad('too_many_rows', `${entities.length} flights; at most ${MAX_FLIGHTS} in one request. Send several.`, 413)
  }
  const flights: FlightKeys[] = []
  for (const [index, row] of (entities as unknown[]).entries()) {
    const flight = flightOf(row, `entities[${index}]`)
    if ('status' in flight) return flight
    flights.push(flight)
  }
  return withTime(flights, at ?? undefined)
}

/** Reads the query of a GET: `?origin=SEA&destination=LAX&at=...`. */
export function parseQuery(query: URLSearchParams): PredictRequest | Problem {
  const { at, ...keys } = Object.fromEntries(query)
  const flight = flightOf(keys, 'the query')
  if ('status' in flight) return flight
  return withTime([flight], at !== undefined && /^\d+$/.test(at) ? Number(at) : at)
}

function flightOf(row: unknown, where: string): FlightKeys | Problem {
  const { origin, destination, airport = origin } = (row ?? {}) as Readonly<Record<string, unknown>>
  for (const [name, value] of Object.entries({ origin, destination })) {
    if (typeof value === 'string' && value !== '') continue
    const got = value === undefined ? 'is missing' : `is ${JSON.stringify(value)}`
    return bad('bad_key', `${where}: "${name}" ${got}; expected the code of an airport, such as "SEA".`)
  }
  if (airport !== origin) {
    const detail = `${where}: "airport" is ${JSON.stringify(airport)} and "origin" is ${JSON.stringify(origin)}; `
    return bad('bad_key', `${detail}the model is about the airport that the flight leaves from. Leave "airport" out.`)
  }
  return { airport: origin as string, origin: origin as string, destination: destination as string }
}

function withTime(entities: readonly FlightKeys[], at: unknown): PredictRequest | Problem {
  if (at === undefined) return { entities }
  const atMs = typeof at === 'string' ? parseRfc3339(at) : at
  if (typeof atMs === 'number' && Number.isSafeInteger(atMs) && atMs >= 0) return { entities, atMs }
  const why = typeof atMs === 'string' && typeof at === 'string' ? `: ${atMs}` : ''
  return bad('bad_at', `"at" is ${JSON.stringify(at)}${why}. Expected a time such as "2001-01-19T09:24:00Z".`)
}

function bad(code: string, detail: string, status = 400): Problem {
  return { status, code, detail }
}
