import { base64OfText } from './binary-record.ts'
import { type Caller, failure, isWhole, jsonOf, member } from './http-call.ts'
import type { KafkaFailure, ProducedRecord } from './kafka-http.ts'
import { cannot } from './page.ts'

/** Content types of the REST v2 family. Strimzi compares them letter by letter: no charset. */
export const REST_V2 = {
  control: 'application/vnd.kafka.v2+json',
  binary: 'application/vnd.kafka.binary.v2+json',
} as const

const PRODUCE_MS = 15_000

/**
 * Appends through a REST v2 proxy, in base64. These proxies answer 200 although single records failed: every one's own
 * result is looked at. A failure may have written some of them.
 */
export async function restProduce(
  call: Caller,
  now: () => number,
  able: { readonly headers: boolean },
  topic: string,
  records: readonly ProducedRecord[],
): Promise<{ readonly kind: 'produced' } | KafkaFailure> {
  if (records.length === 0) return { kind: 'produced' }
  const what = `Writing ${records.length} records to ${topic}`
  if (!able.headers && records.some(({ headers }) => headers !== undefined && Object.keys(headers).length > 0))
    return cannot(`${what}: this proxy cannot write headers. Leave them out, or write through the Kafka bridge.`)
  const answer = await call({
    method: 'POST',
    path: `/topics/${encodeURIComponent(topic)}`,
    headers: { 'content-type': REST_V2.binary, accept: REST_V2.control },
    body: JSON.stringify({ records: records.map(onWire) }),
    deadlineMs: now() + PRODUCE_MS,
  })
  const parsed = answer.kind === 'failed' ? answer : jsonOf(what, answer)
  if (parsed.kind === 'failed') return parsed
  const offsets = member(parsed.json, 'offsets')
  const results = Array.isArray(offsets) ? (offsets as unknown[]) : []
  if (results.length !== records.length) return failure(`${what} was answered with ${results.length} results.`, true)
  const refused = results.filter((result) => !isWhole(member(result, 'offset')))
  if (refused.length === 0) return { kind: 'produced' }
  const first = JSON.stringify(refused[0]).slice(0, 200)
  return failure(`${what}: ${refused.length} were not written, the first because of ${first}`, true)
}

function onWire({ key, value, headers }: ProducedRecord): object {
  const list = Object.entries(headers ?? {}).map(([key, value]) => ({ key, value: base64OfText(value) }))
  return { key: base64OfText(key), value: base64OfText(value), ...(list.length > 0 && { headers: list }) }
}
