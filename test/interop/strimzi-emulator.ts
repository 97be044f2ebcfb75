/**
 * An emulator of the Strimzi Kafka Bridge 0.33.1 over any log, its oddities included. The bridge itself is in no package
 * registry; what it says is checked against recordings of the real one in strimzi-emulator.test.ts.
 */
import { murmur2 } from '@platformatic/kafka'
import type { Handler, StoredRecord, TestLog } from '../source/kafka/test-log.ts'

type Format = 'json' | 'binary' | 'text'

interface Consumer {
  readonly format: Format
  readonly reset: 'earliest' | 'latest' | 'none'
  /** By `topic-partition`; undefined until there is one. */
  assigned: Map<string, { topic: string; partition: number; position: number | undefined }>
  // Both stick until a poll names others.
  timeoutMs: number
  maxBytes: number
  /** The poll that runs: the next waits for it. */
  polling: Promise<unknown>
}

const CONTROL = 'application/vnd.kafka.v2+json'
const FORMATS: readonly Format[] = ['json', 'binary', 'text']
const MOST_RECORDS = 500
const MOST_VALUE_BYTES = 1_048_576
const KNOWN_PROPERTIES = new Set([
  'name',
  'format',
  'auto.offset.reset',
  'fetch.min.bytes',
  'consumer.request.timeout.ms',
  'enable.auto.commit',
  'isolation.level',
])
const RESETS = ['earliest', 'latest', 'none'] as const
const KEYLESS_PARTITION = 1

export interface StrimziEmulator {
  readonly handler: Handler
  /** As after a restart of the bridge. */
  readonly loseConsumers: () => Promise<void>
}

export function strimziEmulator(log: TestLog): StrimziEmulator {
  const consumers = new Map<string, Consumer>()
  return { handler, loseConsumers: async () => consumers.clear() }

  async function handler(request: Request): Promise<Response> {
    const url = new URL(request.url)
    const path = url.pathname.split('/').filter(Boolean).map(decodeURIComponent)
    if (path.length === 0) return new Response('{"bridge_version":"null"}', json('application/json'))
    if (path[0] === 'healthy') return noContent()
    if (path[0] === 'topics') return topics(path, request, url)
    if (path[0] === 'consumers' && path.length === 2) return create(path[1] as string, url, request)
    const name = path[3] ?? ''
    const consumer = consumers.get(`${path[1]}/${name}`)
    if (consumer === undefined) return refused(404, 'The specified consumer instance was not found.')
    if (request.method === 'DELETE') {
      consumers.delete(`${path[1]}/${name}`)
      return noContent()
    }
    if (path[4] === 'records') return poll(consumer, url, request)
    return control(consumer, path.slice(4).join('/'), request)
  }

  async function create(group: string, url: URL, request: Request): Promise<Response> {
    if (request.headers.get('content-type') !== CONTROL) return wrongType()
    const body = await bodyOf(request)
    if (body === undefined) return cannotDecode()
    const unknown = Object.keys(body).filter((property) => !KNOWN_PROPERTIES.has(property))
    if (unknown.length > 0)
      return invalid(unknown.map((name) => `Property "${name}" does not match additional properties schema`))
    if (body['enable.auto.commit'] !== undefined && typeof body['enable.auto.commit'] !== 'boolean')
      return invalid([
        'Property "enable.auto.commit" does not match schema',
        `Instance type ${typeof body['enable.auto.commit']} is invalid. Expected boolean`,
        'Property "enable.auto.commit" does not match additional properties schema',
      ])
    const name = typeof body.name === 'string' ? body.name : `emulator-${crypto.randomUUID()}`
    if (consumers.has(`${group}/${name}`))
      return refused(409, 'A consumer instance with the specified name already exists in the Kafka Bridge.')
    consumers.set(`${group}/${name}`, {
      format: FORMATS.find((format) => format === body.format) ?? 'binary',
      reset: RESETS.find((reset) => reset === body['auto.offset.reset']) ?? 'latest',
      assigned: new Map(),
      timeoutMs: 1_000,
      maxBytes: Number.MAX_SAFE_INTEGER,
      polling: Promise.resolve(),
    })
    return ok({ instance_id: name, base_uri: `${url.origin}/consumers/${group}/instances/${name}` })
  }

  async function control(consumer: Consumer, what: string, request: Request): Promise<Response> {
    if (request.headers.get('content-type') !== CONTROL) return wrongType()
    const body = await bodyOf(request)
    if (body === undefined) return cannotDecode()
    if (what === 'assignments') {
      const places = body.partitions as { topic: string; partition: number }[]
      consumer.assigned = new Map(places.map((place) => [placeOf(place), { ...place, position: undefined }]))
      return noContent()
    }
    if (what === 'offsets') return noContent()
    const wanted = (body.offsets ?? body.partitions) as { topic: string; partition: number; offset?: number }[]
    for (const place of wanted) {
      const at = consumer.assigned.get(placeOf(place))
      if (at === undefined) return refused(404, `No current assignment for partition ${placeOf(place)}`)
      if ((place.offset ?? 0) < 0) return refused(500, 'seek offset must not be a negative number')
      const { begin, end } = await log.offsets(place.topic, place.partition).catch(() => ({ begin: 0, end: 0 }))
      at.position = place.offset ?? (what === 'positions/beginning' ? begin : end)
    }
    return noContent()
  }

  /** Polls of one consumer wait for each other, and one whose asker has left takes its records all the same. */
  function poll(consumer: Consumer, url: URL, request: Request): Promise<Response> {
    if (request.headers.get('accept') !== contentType(consumer.format))
      return Promise.resolve(
        refused(406, 'Consumer format does not match the embedded format requested by the Accept header.'),
      )
    if (consumer.assigned.size === 0)
      return Promise.resolve(refused(500, 'Consumer is not subscribed to any topics or assigned any partitions'))
    consumer.timeoutMs = Number(url.searchParams.get('timeout') ?? consumer.timeoutMs)
    consumer.maxBytes = Number(url.searchParams.get('max_bytes') ?? consumer.maxBytes)
    const answer = consumer.polling.then(() => pollNow(consumer))
    consumer.polling = answer.catch(() => {})
    return answer
  }

  async function pollNow(consumer: Consumer): Promise<Response> {
    const deadline = Date.now() + consumer.timeoutMs
    const taken: string[] = []
    let undecodable: string | undefined
    for (let first = true; taken.length === 0 && (first || Date.now() < deadline); first = false) {
      for (const at of consumer.assigned.values()) {
        const trouble = await resetPosition(consumer, at)
        if (trouble !== undefined) return trouble
        const waitMs = consumer.assigned.size === 1 ? Math.max(0, deadline - Date.now()) : 10
        // A broker that cannot be reached looks like a topic without records.
        const page = await log.read(at.topic, at.partition, at.position ?? 0, waitMs).catch(() => undefined)
        if (page === undefined || page === 'out_of_range') continue
        const records = page.records.slice(0, MOST_RECORDS - taken.length)
        at.position = records.length < page.records.length ? (records.at(-1)?.offset ?? -1) + 1 : page.next
        for (const record of records) {
          const text = onWire(consumer.format, at, record)
          if (text === undefined) undecodable ??= 'Failed to decode:Unexpected token'
          else taken.push(text)
        }
      }
    }
    if (undecodable !== undefined) return refused(406, undecodable)
    const body = `[${taken.join()}]`
    if (Buffer.byteLength(body) > consumer.maxBytes && taken.length > 0)
      return refused(422, 'Response exceeds the maximum number of bytes the consumer can receive')
    return new Response(body, json(contentType(consumer.format)))
  }

  /** Undefined when the position is good, or was made good; else the 500 that names Kafka's exception. */
  async function resetPosition(
    { reset }: Consumer,
    at: { topic: string; partition: number; position: number | undefined },
  ): Promise<Response | undefined> {
    const range = await log.offsets(at.topic, at.partition).catch(() => undefined)
    if (range === undefined && (await log.topic(at.topic).catch(() => null)) === null) return undefined
    const inside =
      at.position !== undefined && range !== undefined && at.position >= range.begin && at.position <= range.end
    if (inside) return undefined
    if (reset === 'none' || range === undefined) {
      const exception =
        at.position === undefined || range === undefined
          ? `NoOffsetForPartitionException: Undefined offset with no reset policy for partitions: [${placeOf(at)}]`
          : `OffsetOutOfRangeException: Fetch position FetchPosition{offset=${at.position}} is out of range for partition ${placeOf(at)}`
      return refused(500, `org.apache.kafka.clients.consumer.${exception}`)
    }
    at.position = reset === 'earliest' ? range.begin : range.end
    return undefined
  }

  async function topics(path: readonly string[], request: Request, url: URL): Promise<Response> {
    const [, topic, partitions, partition, offsets] = path
    if (request.method === 'POST') return produce(topic ?? '', partition, request, url)
    if (topic === undefined) return refused(404, 'not emulated')
    const known = await log.topic(topic)
    if (known === undefined)
      return refused(
        404,
        'org.apache.kafka.common.errors.UnknownTopicOrPartitionException: This server does not host this topic-partition.',
      )
    const list = Array.from({ length: known.partitions }, (_, index) => partitionInfo(index))
    if (partitions === undefined) return ok({ name: topic, configs: {}, partitions: list })
    if (partition === undefined) return ok(list)
    if (Number(partition) >= known.partitions)
      return refused(404, `Topic '${topic}' does not have partition with id ${partition}`)
    if (offsets === undefined) return ok(partitionInfo(Number(partition)))
    const { begin, end } = await log.offsets(topic, Number(partition))
    return ok({ beginning_offset: begin, end_offset: end })
  }

  async function produce(topic: string, partition: string | undefined, request: Request, url: URL): Promise<Response> {
    const format = FORMATS.find((candidate) => contentType(candidate) === request.headers.get('content-type'))
    if (format === undefined) return wrongType()
    const body = await bodyOf(request)
    if (body === undefined) return cannotDecode()
    const records = body.records as WireRecord[]
    if (records.some(({ value }) => typeof value === 'number' || value === undefined)) return invalid(NUMBER_ERRORS)
    if (format === 'text' && records.some(({ value }) => typeof value !== 'string'))
      return refused(422, "Because the embedded format is 'text', the value must be a string")
    const offsets = []
    for (const record of records) offsets.push(await append(topic, partition, format, record))
    return url.searchParams.get('async') === 'true' ? noContent() : ok({ offsets })
  }

  async function append(
    topic: string,
    partitionText: string | undefined,
    format: Format,
    { key, value, partition, timestamp, headers }: WireRecord,
  ): Promise<object> {
    const known = await log.topic(topic)
    if (known === undefined)
      return { error_code: 404, message: `Topic ${topic} not present in metadata after 60000 ms.` }
    const keyBytes = key === undefined || key === null ? null : bytesOf(format, key)
    const asked = partitionText === undefined ? partition : Number(partitionText)
    const at =
      asked ?? (keyBytes === null ? KEYLESS_PARTITION % known.partitions : partitionOf(keyBytes, known.partitions))
    if (at >= known.partitions)
      return {
        error_code: 404,
        message: `Partition ${at} of topic ${topic} with partition count ${known.partitions} is not present in metadata after 60000 ms.`,
      }
    // No tombstones: null becomes the text `null`, and in base64 the three bytes that its letters decode to.
    const valueBytes = bytesOf(format, format === 'binary' ? (value ?? 'null') : value)
    if (valueBytes.length > MOST_VALUE_BYTES)
      return {
        error_code: 500,
        message: `The message is ${valueBytes.length + 88} bytes when serialized which is larger than ${MOST_VALUE_BYTES}, which is the value of the max.request.size configuration.`,
      }
    const offset = await log.append(topic, at, {
      key: keyBytes,
      value: valueBytes,
      headers: (headers ?? []).map((header) => [header.key, Buffer.from(header.value, 'base64')]),
      timestampMs: timestamp ?? Date.now(),
    })
    return { partition: at, offset }
  }
}

interface WireRecord {
  readonly key?: unknown
  readonly value?: unknown
  readonly partition?: number
  readonly timestamp?: number
  readonly headers?: readonly { readonly key: string; readonly value: string }[]
}

function bytesOf(format: Format, value: unknown): Buffer {
  if (format === 'json') return Buffer.from(JSON.stringify(value))
  return Buffer.from(String(value), format === 'binary' ? 'base64' : 'utf8')
}

function partitionOf(key: Buffer, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions
}

/** One record of an answer; undefined when it is no JSON and that was the format. */
function onWire(
  format: Format,
  { topic, partition }: { readonly topic: string; readonly partition: number },
  { key, value, offset, timestampMs, headers }: StoredRecord,
): string | undefined {
  const written = (bytes: Uint8Array | null) => {
    if (bytes === null) return 'null'
    const buffer = Buffer.from(bytes)
    if (format === 'json') return isJson(buffer.toString()) ? buffer.toString() : undefined
    return JSON.stringify(buffer.toString(format === 'binary' ? 'base64' : 'utf8'))
  }
  const [keyText, valueText] = [written(key), written(value)]
  if (keyText === undefined || valueText === undefined) return undefined
  const list = headers.map(([name, bytes]) => ({ key: name, value: Buffer.from(bytes).toString('base64') }))
  const tail = list.length === 0 ? '' : `,"headers":${JSON.stringify(list)}`
  return `{"topic":${JSON.stringify(topic)},"key":${keyText},"value":${valueText},"partition":${partition},"offset":${offset},"timestamp":${timestampMs}${tail}}`
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function contentType(format: Format): string {
  return `application/vnd.kafka.${format}.v2+json`
}

function placeOf({ topic, partition }: { readonly topic: string; readonly partition: number }): string {
  return `${topic}-${partition}`
}

function partitionInfo(partition: number): object {
  return { partition, leader: 1, replicas: [{ broker: 1, leader: true, in_sync: true }] }
}

async function bodyOf(request: Request): Promise<Record<string, unknown> | undefined> {
  try {
    return JSON.parse(await request.text())
  } catch {
    return undefined
  }
}

function json(type: string, status = 200): ResponseInit {
  return { status, headers: { 'content-type': type } }
}

function ok(body: unknown): Response {
  return new Response(JSON.stringify(body), json(CONTROL))
}

function noContent(): Response {
  return new Response(null, { status: 204 })
}

function refused(status: number, message: string, errors?: readonly string[]): Response {
  const body = { error_code: status, message, ...(errors !== undefined && { validation_errors: errors }) }
  return new Response(JSON.stringify(body), json(CONTROL, status))
}

function wrongType(): Response {
  return refused(400, 'Validation error on: The format of the request body is not supported')
}

function cannotDecode(): Response {
  return refused(400, "Validation error on: The request body can't be decoded")
}

function invalid(errors: readonly string[]): Response {
  return refused(400, 'Validation error on: Schema validation error', errors)
}

const NUMBER_ERRORS = [
  'Property "records" does not match schema',
  'Items did not match schema',
  'A subschema had errors',
  'Property "value" does not match schema',
  'A subschema had errors',
  'Instance does not match exactly one subschema (0 matches)',
  'Instance type number is invalid. Expected array',
  'Instance type number is invalid. Expected object',
  'Instance type number is invalid. Expected string',
  'Instance type number is invalid. Expected null',
  'Property "value" does not match additional properties schema',
  'Property "records" does not match additional properties schema',
]
