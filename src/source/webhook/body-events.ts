import {
  type Decoder,
  decoderOf,
  isRefusal,
  type Refusal,
  refusal,
  SchemaStore,
  type SourceRecord,
  splitEvents,
} from '../../contract/index.ts'
import type { FormatSpec, SourceSpec } from '../../engine/index.ts'
import { requestBatch } from '../batch.ts'
import { keptText, recordOfKept } from '../kept-record.ts'
import type { EventBatch } from '../route.ts'
import { cloudEventsMode } from './cloudevents-http.ts'

/** A request to a source's webhook, read. */
export interface WebhookRequest {
  readonly headers: Headers
  readonly text: string
  readonly arrivalMs: number
}

/** The events of a request. */
export interface BodyEvents {
  readonly batch: EventBatch
  /** Records that hold no event, and nothing wrong. */
  readonly skipped: number
  /** For each event its place in the request, where that is another than its place in the batch. */
  readonly places?: readonly number[]
}

/** How the body of a request becomes events. */
export type BodyFormat =
  /** Events as they are: JSON, a list of JSON, a line each. */
  | { readonly kind: 'json' }
  /** The whole body is one record of a format, with the request's headers. */
  | { readonly kind: 'record'; readonly format: FormatSpec }
  /** One record, a list of records, a record a line. */
  | { readonly kind: 'records'; readonly format: FormatSpec }

/** Content types of JSON; none at all is taken for it. */
export const JSON_TYPES: readonly string[] = [
  'application/json',
  'application/x-ndjson',
  'application/ndjson',
  'application/jsonl',
  'text/plain',
]
export const CLOUDEVENTS_TYPES: readonly string[] = [
  'application/cloudevents+json',
  'application/cloudevents-batch+json',
]

/** Reads the requests of one source's webhook. */
export class BodyReader {
  private readonly source: SourceSpec
  private readonly declared: FormatSpec
  private readonly decoders = new Map<FormatSpec['kind'], Decoder>()

  constructor(source: SourceSpec) {
    this.source = source
    this.declared = source.from.find((intake) => intake.kind === 'webhook')?.format ?? { kind: 'json' }
  }

  /** What a request's headers and the source's webhook say of a body; undefined for a content type that is not understood. */
  formatOf(headers: Headers): BodyFormat | undefined {
    const { declared } = this
    const type = headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
    const mode = cloudEventsMode(type, headers)
    if (declared.kind === 'json' || declared.kind === 'cloudevents') {
      if (mode === 'binary') return { kind: 'record', format: { kind: 'cloudevents' } }
      if (mode !== undefined) return { kind: 'records', format: { kind: 'cloudevents' } }
    }
    if (declared.kind === 'raw') return { kind: 'record', format: declared }
    if (type !== undefined && !JSON_TYPES.includes(type)) return undefined
    return declared.kind === 'json' ? declared : { kind: 'records', format: declared }
  }

  /**
   * The events of a body. What its format refuses is an event that is broken: it is told by its place, and kept as it came.
   * Ids are those of the format (of a CloudEvent its source and id), else the `webhook-id` and the place.
   */
  read(body: BodyFormat, { headers, text, arrivalMs }: WebhookRequest): BodyEvents | Refusal {
    const deliveryId = headers.get('webhook-id') ?? undefined
    if (body.kind === 'json') {
      const batch = requestBatch(text, arrivalMs, deliveryId)
      return isRefusal(batch) ? batch : { batch, skipped: 0 }
    }
    const decoder = this.decoderOf(body.format)
    if (body.kind === 'record') {
      const bytes = headerBytes(headers)
      return decodeAll([text], new Map(), decoder, bytes, arrivalMs, deliveryId)
    }
    const spans = splitEvents(text)
    if (isRefusal(spans)) return spans
    const texts = spans.starts.map((start, i) => text.slice(start, spans.ends[i]))
    return decodeAll(texts, spans.broken, decoder, new Map(), arrivalMs, deliveryId)
  }

  /** What a record that was refused is by now; undefined when it holds no event. */
  readAgain(payload: string): DecodedEvent | Refusal | undefined {
    const format = this.declared.kind === 'json' ? ({ kind: 'cloudevents' } as const) : this.declared
    const event = decode(this.decoderOf(format), recordOfKept(payload))
    return event === 'skipped' ? undefined : event
  }

  private decoderOf(format: FormatSpec): Decoder {
    let decoder = this.decoders.get(format.kind)
    if (decoder === undefined) {
      decoder = decoderOf(format, this.source, new SchemaStore())
      this.decoders.set(format.kind, decoder)
    }
    return decoder
  }
}

function decodeAll(
  texts: readonly string[],
  unreadable: ReadonlyMap<number, Refusal>,
  decoder: Decoder,
  headers: SourceRecord['headers'],
  arrivalMs: number,
  deliveryId: string | undefined,
): BodyEvents {
  const parts: string[] = []
  const starts: number[] = []
  const ends: number[] = []
  const ids: (string | undefined)[] = []
  const places: number[] = []
  const broken = new Map<number, Refusal>()
  let at = 0
  texts.forEach((valueText, place) => {
    const from = record(valueText, headers)
    const event = unreadable.get(place) ?? decode(decoder, from)
    if (event === 'skipped') return
    const isBroken = isRefusal(event)
    if (isBroken) broken.set(parts.length, event)
    const text = isBroken ? keptText(from, decoder.beside) : event.text
    const id = isBroken ? undefined : event.id
    places.push(place)
    ids.push(id ?? (deliveryId === undefined ? undefined : `${deliveryId}:${place}`))
    parts.push(text)
    starts.push(at)
    ends.push(at + text.length)
    at += text.length + 1
  })
  const spans = { count: parts.length, starts, ends, broken }
  const batch: EventBatch = { text: parts.join('\n'), spans, arrivalMs, ids, undecoded: true }
  return { batch, skipped: texts.length - parts.length, places }
}

const record = (valueText: string, headers: SourceRecord['headers']): SourceRecord => ({
  key: null,
  value: null,
  valueText,
  headers,
  timestampMs: null,
})

/** An event's text, and its id where its format has one. */
export interface DecodedEvent {
  readonly text: string
  readonly id?: string
}

function decode(decoder: Decoder, from: SourceRecord): DecodedEvent | 'skipped' | Refusal {
  const decoded = decoder.decode(from)
  switch (decoded.kind) {
    case 'event':
      return decoded
    case 'skipped':
      return 'skipped'
    case 'refused':
      return decoded.why
    case 'schema':
      return refusal(
        'unknown_schema',
        `The schema ${decoded.id} of registry ${decoded.registry} is not looked up for webhooks.`,
      )
  }
}

function headerBytes(headers: Headers): ReadonlyMap<string, Uint8Array> {
  const all = new Map<string, Uint8Array>()
  headers.forEach((value, name) => {
    if (!CREDENTIALS.includes(name)) all.set(name, utf8.encode(value))
  })
  return all
}

/** Headers that are no part of a record: what is refused is kept with its headers, for people to read. */
const CREDENTIALS: readonly string[] = ['authorization', 'proxy-authorization', 'cookie']

const utf8 = new TextEncoder()
