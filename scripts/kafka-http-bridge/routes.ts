/** What the bridge answers: the Upstash dialect and the extension that docs/kafka.md describes. */
import { BRIDGE_HEADERS, OUT_OF_RANGE_CODE } from '../../src/source/index.ts'
import { type Cluster, Unavailable } from './cluster.ts'
import { BadRequest, isWhole, newRecords } from './new-records.ts'
import { EARLIEST, LATEST, offsetAt, type Page, readPage, type Trouble } from './reading.ts'
import { exactJson, type Partition, plainJson } from './records-json.ts'
import { appendRecords, type Written } from './writing.ts'

export interface BridgeRequest {
  readonly method: string
  /** Without the query, decoded by segment. */
  readonly path: readonly string[]
  readonly header: (name: string) => string | undefined
  /** The body as JSON; undefined without one. Throws {@link BadRequest}. */
  readonly json: () => Promise<unknown>
  /** The asker has gone away. */
  readonly signal: AbortSignal
}

export interface BridgeAnswer {
  readonly status: number
  /** JSON. */
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

const DEFAULT_PAGE_BYTES = 1024 * 1024
const MOST_PAGE_BYTES = 16 * 1024 * 1024
const MOST_WAIT_MS = 60_000
/** Upstash's default when a fetch names no timeout. */
const DEFAULT_WAIT_MS = 1_000

/** Answers one request; throws {@link BadRequest} and {@link Unavailable}, which {@link troubleAnswer} makes answers of. */
export async function answerRequest(cluster: Cluster, request: BridgeRequest): Promise<BridgeAnswer> {
  const [first, second, ...rest] = request.path
  const route = rest.length === 0 ? `${request.method} ${first ?? ''}` : ''
  if (route === 'POST fetch' && second === undefined) return fetchRecords(cluster, request)
  if (route === 'POST produce' && second === undefined) return produce(cluster, request)
  if (route === 'POST offsets' && second !== undefined) return offsets(cluster, second, request)
  if (route === 'GET topics') return second === undefined ? topics(cluster) : topic(cluster, second)
  return errorAnswer(
    404,
    `There is no ${request.method} /${request.path.join('/')} here: POST /fetch, /offsets/{earliest|latest|ms}, /produce; GET /topics, /topics/{topic}, /health. The bridge keeps no consumers: read by offset.`,
  )
}

async function fetchRecords(cluster: Cluster, request: BridgeRequest): Promise<BridgeAnswer> {
  const body = objectOf(await request.json())
  const waitMs = numberOf(body.timeout, 'timeout', DEFAULT_WAIT_MS, MOST_WAIT_MS)
  const asked = Array.isArray(body.topicPartitionOffsets) ? [...(body.topicPartitionOffsets as unknown[])] : []
  if (body.topic !== undefined || asked.length === 0) asked.push(body)
  const maxBytes = numberOf(headerNumber(request, BRIDGE_HEADERS.maxBytes), BRIDGE_HEADERS.maxBytes, DEFAULT_PAGE_BYTES)
  const topicId = request.header(BRIDGE_HEADERS.topicId)
  const places = asked.map((place) => ({ ...partitionOf(place), offset: offsetOf(place) }))
  const pages = await Promise.all(
    places.map((place) =>
      readPage(cluster, {
        ...place,
        waitMs,
        maxBytes: Math.max(1, Math.min(maxBytes, MOST_PAGE_BYTES)),
        signal: request.signal,
        ...(topicId !== undefined && { topicId }),
      }),
    ),
  )
  const bad = pages.find((page): page is Trouble => page.kind !== 'page')
  if (bad !== undefined) return troubleAnswer(bad)
  const good = pages as Page[]
  if (request.header(BRIDGE_HEADERS.records) === 'exact' && good.length === 1) {
    const page = good[0] as Page
    const headers = { [BRIDGE_HEADERS.records]: 'exact', [BRIDGE_HEADERS.next]: String(page.next) }
    return { status: 200, body: exactJson(page.records), headers }
  }
  const lists = good.map((page, i) => plainJson(places[i] as Partition, page.records).slice(1, -1))
  return { status: 200, body: `[${lists.filter((list) => list !== '').join()}]` }
}

async function offsets(cluster: Cluster, time: string, request: BridgeRequest): Promise<BridgeAnswer> {
  const json = await request.json()
  const places = (Array.isArray(json) ? (json as unknown[]) : [json]).map(partitionOf)
  const timestamp = timeOf(time)
  const found = await Promise.all(places.map((place) => offsetAt(cluster, place, timestamp)))
  const bad = found.find((answer) => typeof answer !== 'number')
  if (bad !== undefined) return troubleAnswer(bad)
  return { status: 200, body: JSON.stringify(places.map((place, i) => ({ ...place, offset: found[i] }))) }
}

function timeOf(time: string): bigint {
  if (time === 'earliest') return EARLIEST
  if (time === 'latest') return LATEST
  if (/^\d{1,15}$/.test(time)) return BigInt(time)
  throw new BadRequest(`Ask for /offsets/earliest, /offsets/latest or /offsets/{milliseconds}, not "${time}".`)
}

async function topics(cluster: Cluster): Promise<BridgeAnswer> {
  const list = await cluster.topics()
  return {
    status: 200,
    body: JSON.stringify(Object.fromEntries(list.map(({ name, leaders }) => [name, leaders.length]))),
  }
}

async function topic(cluster: Cluster, name: string): Promise<BridgeAnswer> {
  const found = await cluster.topic(name, true)
  if (found === undefined) return errorAnswer(404, `There is no topic ${name}.`)
  return { status: 200, body: JSON.stringify({ name, id: found.id, partitions: found.leaders.length }) }
}

/** 200 when all are written. Otherwise each record's own result is in `results`, and some may be written. */
async function produce(cluster: Cluster, request: BridgeRequest): Promise<BridgeAnswer> {
  const written = await appendRecords(cluster, newRecords(await request.json()))
  const refused = written.filter((result) => result.kind === 'refused')
  const results = written.map(resultOf)
  const first = refused[0]
  if (first === undefined) return { status: 200, body: JSON.stringify(results) }
  const status = FOREVER.get(first.code) ?? 503
  const error = `${refused.length} of ${written.length} records were not written: ${first.code}, ${first.message}.`
  return { status, body: JSON.stringify({ result: 'Error', error, status, results }) }
}

/** Refusals that another try would meet again. */
const FOREVER: ReadonlyMap<string, number> = new Map([
  ['UNKNOWN_TOPIC_OR_PARTITION', 404],
  ['INVALID_TOPIC_EXCEPTION', 400],
  ['MESSAGE_TOO_LARGE', 413],
  ['RECORD_LIST_TOO_LARGE', 413],
  ['INVALID_RECORD', 422],
  ['INVALID_TIMESTAMP', 422],
  ['TOPIC_AUTHORIZATION_FAILED', 403],
])

function resultOf(result: Written): object {
  if (result.kind === 'refused') return { error: result.message, code: result.code }
  const { topic, partition, offset, timestampMs } = result
  return { topic, partition, offset, timestamp: timestampMs }
}

/** What trouble looks like on the wire. */
export function troubleAnswer({ kind, message }: Trouble): BridgeAnswer {
  if (kind === 'out_of_range') return errorAnswer(416, message, OUT_OF_RANGE_CODE)
  if (kind === 'unknown') return errorAnswer(404, message)
  return errorAnswer(503, message)
}

/** The dialect's shape of an error. */
export function errorAnswer(status: number, error: string, code?: string): BridgeAnswer {
  const body = JSON.stringify({ result: 'Error', error, status, ...(code !== undefined && { code }) })
  return { status, body, ...(status === 503 && { headers: { 'retry-after': '1' } }) }
}

/** What an exception of {@link answerRequest} means. */
export function exceptionAnswer(error: unknown): BridgeAnswer {
  if (error instanceof BadRequest) return errorAnswer(400, error.message)
  if (error instanceof Unavailable) return errorAnswer(503, error.message)
  return errorAnswer(500, error instanceof Error ? error.message : String(error))
}

function objectOf(json: unknown): Record<string, unknown> {
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Record<string, unknown>
  throw new BadRequest('The body must be a JSON object such as {"topic": "t", "partition": 0, "offset": 0}.')
}

function partitionOf(json: unknown): Partition {
  const { topic, partition } = objectOf(json)
  if (typeof topic !== 'string' || topic === '') throw new BadRequest('"topic" must be the name of a topic.')
  if (!isWhole(partition)) throw new BadRequest('"partition" must be a whole number.')
  return { topic, partition }
}

function offsetOf(json: unknown): number {
  const { offset } = objectOf(json)
  if (isWhole(offset)) return offset
  throw new BadRequest('"offset" must be a whole number.')
}

function headerNumber({ header }: BridgeRequest, name: string): number | undefined {
  const text = header(name)
  return text === undefined ? undefined : Number(text)
}

function numberOf(value: unknown, name: string, preset: number, most = Number.MAX_SAFE_INTEGER): number {
  if (value === undefined) return preset
  if (isWhole(value)) return Math.min(value, most)
  throw new BadRequest(`${name} must be a whole number.`)
}
