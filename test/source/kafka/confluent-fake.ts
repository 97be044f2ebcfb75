import { bodyOf, type Handler, jsonResponse, type StoredRecord, type TestLog } from './test-log.ts'

const CONTROL = 'application/vnd.kafka.v2+json'
const BINARY = 'application/vnd.kafka.binary.v2+json'
/** Records that a poll takes from the broker, and keeps what does not fit into its answer. */
const FETCHED = 6
const GIVEN = 4

interface Consumer {
  place?: { topic: string; partition: number }
  position: number
  /** Fetched and not given yet; a seek leaves it. */
  buffer: StoredRecord[]
}

interface Control {
  readonly partitions?: readonly { readonly topic: string; readonly partition: number }[]
  readonly offsets?: readonly { readonly offset: number }[]
}

/**
 * The Confluent REST Proxy (and Karapace) over a log, with what is treacherous about it: an offset out of range resets
 * silently, a seek leaves what was fetched before, records have neither headers nor, with Confluent, timestamps.
 */
export function confluentFake(
  log: TestLog,
  { timestamps }: { readonly timestamps: boolean },
): { handler: Handler; loseConsumers: () => Promise<void> } {
  const consumers = new Map<string, Consumer>()
  return {
    loseConsumers: async () => consumers.clear(),
    handler: async (request) => {
      const url = new URL(request.url)
      const path = url.pathname.split('/').filter(Boolean)
      if (path[0] === 'topics') return topics(path, request)
      if (request.method === 'POST' && path.length === 2) return create(path[1] as string, await bodyOf(request))
      const name = path[3] ?? ''
      const consumer = consumers.get(name)
      if (consumer === undefined) return refused(404, 40403, 'Consumer instance not found.')
      if (request.method === 'DELETE') {
        consumers.delete(name)
        return new Response(null, { status: 204 })
      }
      if (path[4] === 'records') return poll(consumer, url, request.headers.get('accept'))
      const { partitions, offsets } = await bodyOf<Control>(request)
      if (partitions?.[0] !== undefined) consumer.place = partitions[0]
      consumer.position = offsets?.[0]?.offset ?? consumer.position
      return new Response(null, { status: 204 })
    },
  }

  function create(group: string, body: Record<string, unknown>): Response {
    if (body['auto.commit.enable'] !== 'false' || body.format !== 'binary' || body['auto.offset.reset'] !== 'earliest')
      return refused(422, 42204, 'Invalid consumer configuration')
    consumers.set(String(body.name), { position: 0, buffer: [] })
    const baseUri = `http://proxy.internal:8082/consumers/${group}/instances/${body.name}`
    return jsonResponse(200, { instance_id: body.name, base_uri: baseUri }, CONTROL)
  }

  async function poll(consumer: Consumer, url: URL, accept: string | null): Promise<Response> {
    if (accept !== BINARY) return refused(406, 406, 'HTTP 406 Not Acceptable')
    const { place } = consumer
    if (place === undefined) return refused(500, 500, 'not assigned')
    if (consumer.buffer.length === 0) {
      const wait = Number(url.searchParams.get('timeout'))
      let page = await log.read(place.topic, place.partition, consumer.position, wait)
      if (page === 'out_of_range') {
        consumer.position = (await log.offsets(place.topic, place.partition)).begin
        page = await log.read(place.topic, place.partition, consumer.position, 0)
      }
      if (page !== 'out_of_range') consumer.buffer = page.records.slice(0, FETCHED)
    }
    const given = consumer.buffer.splice(0, GIVEN)
    consumer.position = (given.at(-1)?.offset ?? consumer.position - 1) + 1
    const wire = given.map(({ key, value, offset, timestampMs }) => ({
      ...place,
      key: base64(key),
      value: base64(value),
      offset,
      ...(timestamps && { timestamp: timestampMs }),
    }))
    return jsonResponse(200, wire, BINARY)
  }

  async function topics(path: readonly string[], request: Request): Promise<Response> {
    const [, topic = '', , partition, offsets] = path
    const known = await log.topic(topic)
    if (known === undefined) return refused(404, 40401, 'Topic not found.')
    if (request.method === 'POST') return produce(topic, known.partitions, await bodyOf(request))
    if (offsets === 'offsets') {
      const { begin, end } = await log.offsets(topic, Number(partition))
      return jsonResponse(200, { beginning_offset: begin, end_offset: end }, CONTROL)
    }
    const list = Array.from({ length: known.partitions }, (_, partition) => ({ partition, leader: 1, replicas: [] }))
    return jsonResponse(200, list, CONTROL)
  }

  /** 200 although single records failed. */
  async function produce(
    topic: string,
    partitions: number,
    { records }: { records: { key: string; value: string }[] },
  ): Promise<Response> {
    const offsets = []
    for (const { key, value } of records) {
      if (value.length > 1_400_000) {
        offsets.push({ partition: null, offset: null, error_code: 50002, error: 'The message is too large.' })
        continue
      }
      const record = {
        key: Buffer.from(key, 'base64'),
        value: Buffer.from(value, 'base64'),
        headers: [],
        timestampMs: 1,
      }
      const partition = partitions - 1
      offsets.push({ partition, offset: await log.append(topic, partition, record), error_code: null, error: null })
    }
    return jsonResponse(200, { key_schema_id: null, value_schema_id: null, offsets }, CONTROL)
  }
}

function refused(status: number, code: number, message: string): Response {
  return jsonResponse(status, { error_code: code, message }, CONTROL)
}

function base64(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString('base64')
}
