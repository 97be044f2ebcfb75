import { exactRecord, plainRecord } from './exact-record.ts'
import {
  type Caller,
  failure,
  type HttpAnswer,
  httpCaller,
  isWhole,
  jsonOf,
  type KafkaHttpEnvironment,
  member,
  refusedAnswer,
} from './http-call.ts'
import type {
  KafkaConnection,
  KafkaFailure,
  KafkaHttp,
  OffsetRange,
  PartitionRef,
  ProducedRecord,
  ReadRequest,
  ReadResult,
  TopicInfo,
} from './kafka-http.ts'
import { answerCap, pageOf } from './page.ts'

/** What a read may take beyond its `waitMs`. */
const READ_GRACE_MS = 5_000
const CALL_MS = 10_000
const PRODUCE_MS = 15_000

/**
 * The headers by which our bridge and this adapter know each other; a server that knows only the Upstash dialect ignores
 * the first three, and its answers have none of the others.
 */
export const BRIDGE_HEADERS = {
  /** Request: `exact` asks for the exact transport. Answer: `exact` when it is. */
  records: 'tidemark-records',
  /** Request: about how many bytes of values. */
  maxBytes: 'tidemark-max-bytes',
  /** Request: the id the topic must have; another one is answered as out of range. */
  topicId: 'tidemark-topic-id',
  /** Answer: where to go on, past transaction markers and aborted records too. */
  next: 'tidemark-next-offset',
} as const

/** The code in the bridge's error for an offset that is not there (any more, or yet). */
export const OUT_OF_RANGE_CODE = 'OFFSET_OUT_OF_RANGE'

/**
 * Reads by offset in the Upstash dialect, as `scripts/kafka-http-bridge` serves it. With the bridge bytes are exact, the
 * topic's id is known, and pages heed `maxBytes`; a server that speaks only the dialect gives texts.
 *
 * `@upstash/kafka` speaks the same, but repeats every failed request for 15 seconds and knows neither deadline nor cap.
 */
export function connectUpstash(connection: KafkaConnection, environment: KafkaHttpEnvironment): KafkaHttp {
  const call = httpCaller(connection, environment)
  const { now } = environment
  const server = { limits: false }
  return {
    read: (request) => read(call, now, server, request),
    offsets: (partition) => offsets(call, now, partition),
    topic: async (topic) => {
      const info = await topicInfo(call, now, topic)
      // Only our bridge tells ids.
      server.limits ||= info.kind === 'topic' && info.id !== null
      return info
    },
    produce: (topic, records) => produce(call, now, topic, records),
    close: async () => {},
  }
}

/** What is known of the server: whether its pages heed the limit that we ask for, as those of our bridge do. */
interface Server {
  limits: boolean
}

async function read(call: Caller, now: () => number, server: Server, request: ReadRequest): Promise<ReadResult> {
  const { topic, partition, offset, waitMs, maxBytes, topicId } = request
  const what = `Reading ${topic}/${partition} from ${offset}`
  const answer = await call({
    method: 'POST',
    path: '/fetch',
    headers: {
      'content-type': 'application/json',
      [BRIDGE_HEADERS.records]: 'exact',
      [BRIDGE_HEADERS.maxBytes]: String(maxBytes),
      ...(topicId !== undefined && { [BRIDGE_HEADERS.topicId]: topicId }),
    },
    body: JSON.stringify({ topic, partition, offset, timeout: waitMs }),
    deadlineMs: now() + waitMs + READ_GRACE_MS,
    maxBytes: answerCap(request),
  })
  if (answer.kind === 'failed') return answer.oversized && !server.limits ? unlimited(what, answer) : answer
  if (isOutOfRange(answer)) return { kind: 'out_of_range' }
  const parsed = jsonOf(what, answer)
  if (parsed.kind === 'failed') return parsed
  const exact = answer.header(BRIDGE_HEADERS.records) === 'exact'
  server.limits ||= exact
  const page = pageOf(what, request, parsed.json, exact ? exactRecord : plainRecord)
  return page.kind === 'records' && exact ? withNext(what, page, request, answer.header(BRIDGE_HEADERS.next)) : page
}

/** No record is to blame: the page is too large because nobody limits it. */
function unlimited(what: string, { message }: KafkaFailure): KafkaFailure {
  const how = 'This server does not limit its pages: lower its own limit, or read through kafka-http-bridge.'
  return failure(`${what}: ${message} ${how}`, false)
}

/** Where the server says to go on: never back, never before a record that it gave. */
function withNext(
  what: string,
  page: ReadResult & { kind: 'records' },
  { offset }: ReadRequest,
  header: string | null,
): ReadResult {
  if (header === null) return page
  const next = /^\d{1,16}$/.test(header) ? Number(header) : Number.NaN
  if (!isWhole(next) || next < offset || next < page.next)
    return failure(`${what} was answered with the next offset ${header}, which lies before what it holds.`, true)
  return { ...page, next }
}

function isOutOfRange({ status, text }: HttpAnswer): boolean {
  return status !== 200 && new RegExp(`"${OUT_OF_RANGE_CODE}"`).test(text)
}

async function offsets(
  call: Caller,
  now: () => number,
  { topic, partition }: PartitionRef,
): Promise<OffsetRange | KafkaFailure> {
  const ask = async (time: 'earliest' | 'latest') => {
    const what = `The ${time} offset of ${topic}/${partition}`
    const answer = await call({
      method: 'POST',
      path: `/offsets/${time}`,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify([{ topic, partition }]),
      deadlineMs: now() + CALL_MS,
    })
    const parsed = answer.kind === 'failed' ? answer : jsonOf(what, answer)
    if (parsed.kind === 'failed') return parsed
    const list = Array.isArray(parsed.json) ? (parsed.json as unknown[]) : []
    const mine = list.find((entry) => member(entry, 'topic') === topic && member(entry, 'partition') === partition)
    const offset = member(mine, 'offset')
    return isWhole(offset) ? offset : failure(`${what} was answered without it: ${shownJson(parsed.json)}`, true)
  }
  const [begin, end] = await Promise.all([ask('earliest'), ask('latest')])
  if (typeof begin !== 'number') return begin
  if (typeof end !== 'number') return end
  return end < begin
    ? failure(`The offsets of ${topic}/${partition} changed while they were read.`, true)
    : { kind: 'offsets', begin, end }
}

function shownJson(json: unknown): string {
  return JSON.stringify(json).slice(0, 200)
}

async function topicInfo(call: Caller, now: () => number, topic: string): Promise<TopicInfo | KafkaFailure> {
  const what = `Asking for the topic ${topic}`
  const deadlineMs = now() + CALL_MS
  const own = await call({ method: 'GET', path: `/topics/${encodeURIComponent(topic)}`, deadlineMs })
  if (own.kind === 'failed') return own
  if (own.status === 200) {
    const parsed = jsonOf(what, own)
    if (parsed.kind === 'failed') return parsed
    const id = member(parsed.json, 'id')
    const partitions = member(parsed.json, 'partitions')
    if (typeof id === 'string' && isWhole(partitions)) return { kind: 'topic', id, partitions }
  } else if (own.status !== 404 && own.status !== 405) return refusedAnswer(what, own)
  // The dialect itself has only the list of all topics.
  const all = await call({ method: 'GET', path: '/topics', deadlineMs })
  const parsed = all.kind === 'failed' ? all : jsonOf('Asking for the topics', all)
  if (parsed.kind === 'failed') return parsed
  const partitions = Object.hasOwn(Object(parsed.json), topic) ? member(parsed.json, topic) : undefined
  if (isWhole(partitions)) return { kind: 'topic', id: null, partitions }
  return failure(`The topic ${topic} does not exist there. Create it, or correct its name in the source.`, true)
}

async function produce(
  call: Caller,
  now: () => number,
  topic: string,
  records: readonly ProducedRecord[],
): Promise<{ readonly kind: 'produced' } | KafkaFailure> {
  if (records.length === 0) return { kind: 'produced' }
  const what = `Writing ${records.length} records to ${topic}`
  const body = records.map(({ key, value, headers }) => ({
    topic,
    key,
    value,
    ...(headers !== undefined && { headers: Object.entries(headers).map(([key, value]) => ({ key, value })) }),
  }))
  const answer = await call({
    method: 'POST',
    path: '/produce',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    deadlineMs: now() + PRODUCE_MS,
  })
  const parsed = answer.kind === 'failed' ? answer : jsonOf(what, answer)
  if (parsed.kind === 'failed') return parsed
  const list = Array.isArray(parsed.json) ? (parsed.json as unknown[]) : []
  const wrong = list.findIndex((entry) => !isWhole(member(entry, 'offset')))
  if (list.length === records.length && wrong < 0) return { kind: 'produced' }
  return failure(
    wrong < 0
      ? `${what} was answered with ${list.length} results.`
      : `${what}: record ${wrong} was not written: ${shownJson(list[wrong])}`,
    true,
  )
}
