import { binaryRecord } from './binary-record.ts'
import { type Caller, failure, httpCaller, jsonOf, type KafkaHttpEnvironment, refusedAnswer } from './http-call.ts'
import type { KafkaConnection, KafkaFailure, KafkaHttp, ReadRequest, ReadResult, TopicInfo } from './kafka-http.ts'
import { answerCap, cannot, pageOf } from './page.ts'
import { REST_V2, restProduce } from './rest-produce.ts'

const READ_GRACE_MS = 5_000
const CALL_MS = 10_000
/** A topic with more partitions than this is not counted by asking for one after the other. */
const MOST_PARTITIONS = 65_536

/**
 * Reads by offset from Redpanda's HTTP Proxy. It tells neither offsets nor ids nor timestamps nor headers; it wants offset,
 * timeout and max_bytes all three, and gives whole batches, so also records before the offset asked for.
 */
export function connectRedpanda(connection: KafkaConnection, environment: KafkaHttpEnvironment): KafkaHttp {
  const call = httpCaller(connection, environment)
  const { now } = environment
  return {
    read: (request) => read(call, now, request),
    offsets: async ({ topic, partition }) =>
      cannot(
        `Redpanda's HTTP Proxy does not tell the offsets of ${topic}/${partition}. Read from an offset that is known, or put scripts/kafka-http-bridge in front of the brokers.`,
      ),
    topic: (topic) => topicInfo(call, now, topic),
    produce: (topic, records) => restProduce(call, now, { headers: false }, topic, records),
    close: async () => {},
  }
}

async function read(call: Caller, now: () => number, request: ReadRequest): Promise<ReadResult> {
  const { topic, partition, offset, waitMs, maxBytes } = request
  const what = `Reading ${topic}/${partition} from ${offset}`
  const answer = await call({
    method: 'GET',
    path: recordsPath(topic, partition, offset, waitMs, maxBytes),
    headers: { accept: REST_V2.binary },
    deadlineMs: now() + waitMs + READ_GRACE_MS,
    maxBytes: answerCap(request),
  })
  if (answer.kind === 'failed') return answer
  if (answer.status !== 200 && OUT_OF_RANGE.test(answer.text)) return { kind: 'out_of_range' }
  const parsed = jsonOf(what, answer)
  return parsed.kind === 'failed' ? parsed : pageOf(what, request, parsed.json, binaryRecord)
}

const OUT_OF_RANGE = /offset[ _]?out[ _]?of[ _]?range/i

function recordsPath(topic: string, partition: number, offset: number, waitMs: number, maxBytes: number): string {
  return `/topics/${encodeURIComponent(topic)}/partitions/${partition}/records?offset=${offset}&timeout=${waitMs}&max_bytes=${maxBytes}`
}

/** The proxy lists names only, so partitions are found by reading from them: doubling, then halving. */
async function topicInfo(call: Caller, now: () => number, topic: string): Promise<TopicInfo | KafkaFailure> {
  const deadlineMs = now() + CALL_MS
  const exists = async (partition: number): Promise<boolean | KafkaFailure> => {
    const path = recordsPath(topic, partition, 0, 0, 1)
    const answer = await call({ method: 'GET', path, headers: { accept: REST_V2.binary }, deadlineMs })
    if (answer.kind === 'failed') return answer
    if (answer.status === 200 || OUT_OF_RANGE.test(answer.text)) return true
    return answer.status === 404 ? false : refusedAnswer(`Looking for partition ${partition} of ${topic}`, answer)
  }
  let known = -1
  let beyond = 0
  for (; beyond < MOST_PARTITIONS; beyond = known * 2 + 1) {
    const there = await exists(beyond)
    if (typeof there !== 'boolean') return there
    if (!there) break
    known = beyond
  }
  if (known < 0) return failure(`The topic ${topic} does not exist there. Create it, or correct its name.`, true)
  while (beyond - known > 1) {
    const middle = Math.floor((known + beyond) / 2)
    const there = await exists(middle)
    if (typeof there !== 'boolean') return there
    if (there) known = middle
    else beyond = middle
  }
  return { kind: 'topic', id: null, partitions: known + 1 }
}
