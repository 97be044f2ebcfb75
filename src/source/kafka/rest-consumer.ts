import { binaryRecord } from './binary-record.ts'
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
  ReadRequest,
  ReadResult,
  TopicInfo,
} from './kafka-http.ts'
import { answerCap, pageOf } from './page.ts'
import type { RestDialect } from './rest-dialects.ts'
import { type Instance, instances } from './rest-instances.ts'
import { REST_V2, restProduce } from './rest-produce.ts'

/** Creating an instance, assigning and seeking come on top of the wait. */
const READ_GRACE_MS = 8_000
const CALL_MS = 10_000
/** A page that was refused for its size is asked for with this much more room, up to the largest. */
const ROOM_FACTOR = 4
const LARGEST_PAGE_BYTES = 32 * 1024 * 1024

/**
 * Reads through a REST v2 proxy that keeps consumers: one instance for each partition, and before every poll a seek, so that
 * whatever the server remembers does not count. An instance that is lost, or whose poll ended in a way that leaves its
 * position in doubt, is let go and made again.
 */
export function connectRestConsumer(
  connection: KafkaConnection,
  environment: KafkaHttpEnvironment,
  dialect: RestDialect,
): KafkaHttp {
  const call = httpCaller(connection, environment)
  const { now } = environment
  const held = instances(call, environment, dialect)
  /** The last read of each partition: polls of one instance may not overlap. */
  const queues = new Map<string, Promise<unknown>>()
  const offsets = (partition: PartitionRef, deadlineMs: number) => offsetsOf(call, partition, deadlineMs)

  return {
    read: (request) => {
      const place = `${request.topic}/${request.partition}`
      const turn = (queues.get(place) ?? Promise.resolve()).then(() => read(request))
      queues.set(place, turn)
      return turn
    },
    offsets: (partition) => offsets(partition, now() + CALL_MS),
    topic: (topic) => topicInfo(call, now, topic),
    produce: (topic, records) => restProduce(call, now, { headers: dialect.writesHeaders }, topic, records),
    close: () => held.close(),
  }

  async function read(request: ReadRequest): Promise<ReadResult> {
    const deadlineMs = now() + request.waitMs + READ_GRACE_MS
    const first = await readOnce(request, deadlineMs)
    // The server lost the instance (it was idle for too long, or the server started anew): once more with a new one.
    const result = first === 'lost' ? await readOnce(request, deadlineMs) : first
    if (result === 'lost')
      return failure(`${dialect.name} does not know the consumer instance that it just made.`, true)
    return result.kind === 'records' && dialect.outOfRange === 'silently'
      ? compared(request, result, deadlineMs)
      : result
  }

  async function readOnce(request: ReadRequest, deadlineMs: number): Promise<ReadResult | 'lost'> {
    const instance = await held.at(request, deadlineMs)
    if (instance.kind === 'failed') return instance
    const result = await seekAndPoll(instance, request, deadlineMs)
    if (result === 'lost') held.forget(instance)
    else if (result.kind === 'records') instance.position = result.next
    else if (result.kind === 'failed') await held.drop(instance)
    return result
  }

  async function seekAndPoll(
    instance: Instance,
    request: ReadRequest,
    deadlineMs: number,
  ): Promise<ReadResult | 'lost'> {
    const what = `Reading ${request.topic}/${request.partition} from ${request.offset}`
    const room = Math.max(answerCap(request), instance.pageBytes)
    for (let bytes = room; ; bytes = Math.min(bytes * ROOM_FACTOR, LARGEST_PAGE_BYTES)) {
      const sought = await held.seek(instance, request, deadlineMs)
      if (sought !== 'done') return sought
      const answer = await poll(instance, request, bytes, deadlineMs)
      if (answer.kind === 'failed') return answer
      if (answer.status === 404) return 'lost'
      if (answer.status === 500 && answer.text.includes('OffsetOutOfRangeException')) return { kind: 'out_of_range' }
      if (answer.status === 422 && dialect.maxBytesRefuses) {
        if (bytes >= LARGEST_PAGE_BYTES)
          return failure(
            `${what}: the server cannot give a page of less than ${bytes} bytes. Make the records smaller.`,
            false,
          )
        // The server has moved on past the page that it refused: seek again.
        instance.pageBytes = Math.min(bytes * ROOM_FACTOR, LARGEST_PAGE_BYTES)
        continue
      }
      const parsed = jsonOf(what, answer)
      return parsed.kind === 'failed' ? parsed : pageOf(what, request, parsed.json, binaryRecord)
    }
  }

  /** Both parameters every time: they stick to the instance. */
  function poll(instance: Instance, { waitMs, maxBytes }: ReadRequest, room: number, deadlineMs: number) {
    const asked = dialect.maxBytesRefuses ? room : maxBytes
    return call({
      method: 'GET',
      path: `${instance.path}/records?timeout=${waitMs}&max_bytes=${asked}`,
      headers: { accept: REST_V2.binary },
      deadlineMs,
      maxBytes: room,
    })
  }

  /** A consumer that resets itself shows an offset that is not there as nothing, or as a gap. */
  async function compared(
    request: ReadRequest,
    page: ReadResult & { kind: 'records' },
    deadlineMs: number,
  ): Promise<ReadResult> {
    if (page.records[0]?.offset === request.offset) return page
    const range = await offsets(request, deadlineMs)
    if (range.kind === 'failed') return range
    return request.offset < range.begin || request.offset > range.end ? { kind: 'out_of_range' } : page
  }
}

async function offsetsOf(
  call: Caller,
  { topic, partition }: PartitionRef,
  deadlineMs: number,
): Promise<OffsetRange | KafkaFailure> {
  const what = `Asking for the offsets of ${topic}/${partition}`
  const answer = await call({
    method: 'GET',
    path: `/topics/${encodeURIComponent(topic)}/partitions/${partition}/offsets`,
    headers: { accept: REST_V2.control },
    deadlineMs,
  })
  const parsed = answer.kind === 'failed' ? answer : jsonOf(what, answer)
  if (parsed.kind === 'failed') return parsed
  const begin = member(parsed.json, 'beginning_offset')
  const end = member(parsed.json, 'end_offset')
  if (isWhole(begin) && isWhole(end) && begin <= end) return { kind: 'offsets', begin, end }
  return failure(`${what} was answered without two proper offsets.`, true)
}

async function topicInfo(call: Caller, now: () => number, topic: string): Promise<TopicInfo | KafkaFailure> {
  const what = `Asking for the partitions of ${topic}`
  const path = `/topics/${encodeURIComponent(topic)}/partitions`
  const answer: HttpAnswer | KafkaFailure = await call({
    method: 'GET',
    path,
    headers: { accept: REST_V2.control },
    deadlineMs: now() + CALL_MS,
  })
  if (answer.kind === 'failed') return answer
  if (answer.status !== 200) return refusedAnswer(what, answer)
  const parsed = jsonOf(what, answer)
  if (parsed.kind === 'failed') return parsed
  if (Array.isArray(parsed.json) && parsed.json.length > 0)
    return { kind: 'topic', id: null, partitions: parsed.json.length }
  return failure(`${what} was answered without a list of them.`, true)
}
