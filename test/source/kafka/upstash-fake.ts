import { exactJson, plainJson } from '../../../scripts/kafka-http-bridge/records-json.ts'
import { BRIDGE_HEADERS, OUT_OF_RANGE_CODE } from '../../../src/source/index.ts'
import { bodyOf, type Handler, jsonResponse, type StoredRecord, type TestLog } from './test-log.ts'

interface FetchBody {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timeout: number
}

/** The Upstash dialect over a log: with the bridge's extension, or as a server that has never heard of it. */
export function upstashFake(log: TestLog, { extended }: { readonly extended: boolean }): Handler {
  return async (request) => {
    const [first, second] = new URL(request.url).pathname.split('/').filter(Boolean)
    if (first === 'fetch') return fetchRecords(await bodyOf(request), request.headers)
    if (first === 'offsets' && second !== undefined) return offsets(await bodyOf(request), second)
    if (first === 'produce') return produce(await bodyOf(request))
    if (first === 'topics' && second !== undefined && extended) {
      const topic = await log.topic(second)
      return topic === undefined ? failed(404, 'no such topic') : jsonResponse(200, { name: second, ...topic })
    }
    if (first === 'topics' && second === undefined) {
      const topic = await log.topic('conformance')
      return jsonResponse(200, topic === undefined ? {} : { conformance: topic.partitions })
    }
    return failed(404, 'no such route')
  }

  async function fetchRecords({ topic, partition, offset, timeout }: FetchBody, headers: Headers): Promise<Response> {
    const known = await log.topic(topic)
    if (known === undefined || partition >= known.partitions) return failed(404, 'no such partition')
    const wanted = headers.get(BRIDGE_HEADERS.topicId)
    if (extended && wanted !== null && wanted !== known.id) return failed(416, 'another topic', OUT_OF_RANGE_CODE)
    const page = await log.read(topic, partition, offset, timeout)
    if (page === 'out_of_range') return failed(416, 'out of range', OUT_OF_RANGE_CODE)
    const most = Number(headers.get(BRIDGE_HEADERS.maxBytes) ?? 1_000_000)
    let bytes = 0
    const records = page.records.filter(({ value }, i) => {
      bytes += value?.length ?? 0
      return bytes <= most || i === 0
    })
    const cut = records.length < page.records.length
    const next = cut ? (records.at(-1)?.offset ?? 0) + 1 : page.next
    const list = records.map(asBuffers)
    const exact = extended && headers.get(BRIDGE_HEADERS.records) === 'exact'
    return new Response(exact ? exactJson(list) : plainJson({ topic, partition }, list), {
      headers: {
        'content-type': 'application/json',
        ...(exact && { [BRIDGE_HEADERS.records]: 'exact', [BRIDGE_HEADERS.next]: String(next) }),
      },
    })
  }

  async function offsets(places: { topic: string; partition: number }[], time: string): Promise<Response> {
    const answers = places.map(async ({ topic, partition }) => {
      const { begin, end } = await log.offsets(topic, partition)
      return { topic, partition, offset: time === 'earliest' ? begin : end }
    })
    return jsonResponse(200, await Promise.all(answers))
  }

  async function produce(
    records: { topic: string; key: string; value: string; headers?: { key: string; value: string }[] }[],
  ): Promise<Response> {
    const written = []
    for (const { topic, key, value, headers } of records) {
      if ((await log.topic(topic)) === undefined) return failed(404, 'no such topic')
      const offset = await log.append(topic, 0, {
        key: Buffer.from(key),
        value: Buffer.from(value),
        headers: (headers ?? []).map(({ key, value }) => [key, Buffer.from(value)]),
        timestampMs: Date.now(),
      })
      written.push({ topic, partition: 0, offset, timestamp: 0 })
    }
    return jsonResponse(200, written)
  }
}

function failed(status: number, error: string, code?: string): Response {
  return jsonResponse(status, { result: 'Error', error, status, ...(code !== undefined && { code }) })
}

function asBuffers({ offset, timestampMs, key, value, headers }: StoredRecord) {
  return {
    offset,
    timestampMs,
    key: key && Buffer.from(key),
    value: value && Buffer.from(value),
    headers: headers.map(([name, bytes]) => [Buffer.from(name), Buffer.from(bytes)] as const),
  }
}
