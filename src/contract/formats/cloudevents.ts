import { fromBase64 } from '../../util/base64.ts'
import { MAX_EVENT_UNITS, MAX_TEXT_UNITS } from '../../util/limits.ts'
import { type Refusal, refusal, shown } from '../refusal.ts'
import type { Decoded, Decoder, SourceRecord } from './format.ts'
import { eventObject, oneObject } from './json.ts'
import { Members, textOf } from './json-members.ts'
import { utf8Text, valueText } from './value-text.ts'

/** Attributes and data of an event in JSON, as base64 they are a third longer. */
const MAX_STRUCTURED_UNITS = 2 * MAX_EVENT_UNITS

const TOMBSTONE: Decoded = { kind: 'skipped', why: 'tombstone' }

/** What of a CloudEvent counts here. */
interface CloudEvent {
  readonly id: string | undefined
  readonly source: string | undefined
  readonly specversion: string | undefined
  readonly contentType: string | undefined
  /** The text of its data. */
  readonly data: string | null | Refusal
}

/**
 * CloudEvents 1.0 in Kafka records and HTTP requests: structured (the value is the whole event in JSON) or binary (the
 * value is the data, attributes are headers `ce_...`, over HTTP `ce-...`). The event is the data, which must be a JSON
 * object; `source` and `id`, which together name an event, become its id.
 *
 * Refuses `bad_envelope` (an attribute is missing, the data is no JSON object), `bad_encoding`, `bad_json`, `too_large`.
 * The Kafka and HTTP protocol bindings of the specification: https://github.com/cloudevents/spec
 */
export const cloudEventsDecoder: Decoder = {
  beside: { header: (name) => name === 'content-type' || name.startsWith('ce_') || name.startsWith('ce-') },
  decode(record) {
    const { headers } = record
    const prefix = headers.has('ce_specversion') ? 'ce_' : headers.has('ce-specversion') ? 'ce-' : undefined
    const event = prefix === undefined ? structured(record) : binary(record, prefix)
    if (event === null) return TOMBSTONE
    return 'reason' in event ? { kind: 'refused', why: event } : eventOf(event)
  },
}

function eventOf({ id, source, specversion, contentType, data }: CloudEvent): Decoded {
  if (specversion !== '1.0') {
    return refused(`The CloudEvent's specversion is ${shown(specversion)}; expected "1.0".`)
  }
  if (id === undefined || id === '' || source === undefined || source === '') {
    return refused(`The CloudEvent has no ${id === undefined || id === '' ? 'id' : 'source'}; expected a text.`)
  }
  if (id.length + source.length > MAX_TEXT_UNITS || !id.isWellFormed() || !source.isWellFormed()) {
    return refused(`The CloudEvent's source and id are texts of at most ${MAX_TEXT_UNITS} characters together.`)
  }
  if (contentType !== undefined && !JSON_TYPE.test(contentType)) {
    return refused(`The CloudEvent's data is ${shown(contentType)}; expected application/json.`)
  }
  if (data === null) return refused('The CloudEvent has no data; expected a JSON object.')
  if (typeof data !== 'string') return { kind: 'refused', why: data }
  const text = eventObject(data, "The CloudEvent's data")
  if (typeof text !== 'string') return { kind: 'refused', why: text }
  // A list in JSON: no source and no id can be written so that another pair gives the same text.
  return { kind: 'event', text, id: JSON.stringify([source, id]) }
}

/** `application/json`, `application/vnd.any+json`, `text/json`, each with parameters. */
const JSON_TYPE = /^[\w.+-]+\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i

function structured(record: SourceRecord): CloudEvent | Refusal | null {
  const value = valueText(record, MAX_STRUCTURED_UNITS)
  if (value === null) return null
  if (typeof value !== 'string') return value
  const text = oneObject(value, 'The CloudEvent')
  if (typeof text !== 'string') return text
  const found = new Map<string, string>()
  const members = new Members(text, 0, text.length)
  while (members.next()) found.set(members.name(), members.value())
  if (members.isBroken) return refusal('bad_json', 'The CloudEvent is no JSON object.')
  const attribute = (name: string) => textOf(found.get(name) ?? '')
  return {
    id: attribute('id'),
    source: attribute('source'),
    specversion: attribute('specversion'),
    contentType: attribute('datacontenttype'),
    data: found.get('data') ?? fromBase64Member(found.get('data_base64')),
  }
}

function fromBase64Member(raw: string | undefined): string | null | Refusal {
  if (raw === undefined || raw === 'null') return null
  const bytes = fromBase64(textOf(raw) ?? '?')
  const text = bytes && utf8Text(bytes)
  return text ?? refusal('bad_encoding', "The CloudEvent's data_base64 is no base64 of UTF-8 text.")
}

function binary(record: SourceRecord, prefix: 'ce_' | 'ce-'): CloudEvent | null {
  const data = valueText(record, MAX_EVENT_UNITS)
  if (data === null) return null
  const attribute = (name: string) => {
    const bytes = record.headers.get(prefix + name)
    const text = bytes && utf8Text(bytes)
    return text === undefined || prefix === 'ce_' ? text : percentDecoded(text)
  }
  const contentType = record.headers.get('content-type')
  return {
    id: attribute('id'),
    source: attribute('source'),
    specversion: attribute('specversion'),
    contentType: contentType && utf8Text(contentType),
    data,
  }
}

/** HTTP headers are ASCII: the binding has other characters percent-encoded, perhaps within quotes. */
function percentDecoded(text: string): string | undefined {
  const bare = /^".*"$/.test(text) ? text.slice(1, -1).replace(/\\(.)/g, '$1') : text
  try {
    return decodeURIComponent(bare)
  } catch {
    return undefined
  }
}

function refused(message: string): Decoded {
  return { kind: 'refused', why: refusal('bad_envelope', message) }
}
