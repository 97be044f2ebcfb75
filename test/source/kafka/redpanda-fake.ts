import { bodyOf, type Handler, jsonResponse, type TestLog } from './test-log.ts'

/** Records that the proxy gives although they lie before the offset: a batch is given whole. */
const BATCH = 3
const BINARY = 'application/vnd.kafka.binary.v2+json'

/** Redpanda's HTTP Proxy over a log, as its sources have it: whole batches, no offsets, no headers, no timestamps. */
export function redpandaFake(log: TestLog): Handler {
  return async (request) => {
    const url = new URL(request.url)
    const [, topic = '', , partitionText, records] = url.pathname.split('/').filter(Boolean)
    const known = await log.topic(topic)
    if (request.method === 'POST' && known !== undefined) return produce(topic, await bodyOf(request))
    const partition = Number(partitionText)
    if (records !== 'records' || known === undefined || partition >= known.partitions)
      return refused(404, 40402, 'partition_not_found')
    if (request.headers.get('accept') !== BINARY) return refused(406, 406, 'HTTP 406 Not Acceptable')
    const [offset, timeout, maxBytes] = ['offset', 'timeout', 'max_bytes'].map((name) => url.searchParams.get(name))
    if (offset == null || timeout == null || maxBytes == null) return refused(400, 400, 'a parameter is missing')
    const from = Math.max(Number(offset) - (Number(offset) % BATCH), (await log.offsets(topic, partition)).begin)
    const asked = await log.read(topic, partition, Number(offset), Number(timeout))
    if (asked === 'out_of_range') return refused(400, 40002, 'offset_out_of_range')
    const page = await log.read(topic, partition, from, 0)
    const list = page === 'out_of_range' ? asked.records : page.records
    const wire = list.map(({ key, value, offset }) => ({
      topic,
      key: base64(key),
      value: base64(value),
      partition,
      offset,
    }))
    return jsonResponse(200, wire, BINARY)
  }

  async function produce(topic: string, body: { records: { key: string; value: string }[] }): Promise<Response> {
    const offsets = []
    for (const { key, value } of body.records) {
      const record = {
        key: Buffer.from(key, 'base64'),
        value: Buffer.from(value, 'base64'),
        headers: [],
        timestampMs: 0,
      }
      offsets.push({ partition: 0, offset: await log.append(topic, 0, record) })
    }
    return jsonResponse(200, { offsets }, 'application/vnd.kafka.v2+json')
  }
}

function refused(status: number, code: number, message: string): Response {
  return jsonResponse(status, { error_code: code, message }, 'application/vnd.kafka.v2+json')
}

function base64(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString('base64')
}
