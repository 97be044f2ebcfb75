import { refusal } from '../refusal.ts'
import type { Meanings, SchemaMeanings } from './connect-schema.ts'
import type { ChangeFacts } from './debezium-row.ts'
import type { Decoded } from './format.ts'
import { Members, textOf } from './json-members.ts'

/** Where an object is in the text of a record. */
export interface Span {
  readonly start: number
  readonly stop: number
}

/** `row`: what ExtractNewRecordState makes of an envelope. */
export type Form = 'envelope' | 'row'

/** What a message of Debezium says, in whichever of its forms it came. */
export interface Envelope {
  readonly form: Form
  /** `c`, `u`, `r`, `d`, `t`, `m`; undefined where an unwrapped row does not tell. */
  readonly op: string | undefined
  readonly before: Span | undefined
  readonly after: Span | undefined
  readonly meanings: Meanings | undefined
  readonly facts: Facts
}

type Facts = Omit<ChangeFacts, 'op'>
type Found = ReadonlyMap<string, Span>

const skipped = (why: string): Decoded => ({ kind: 'skipped', why })
const broken: Decoded = {
  kind: 'refused',
  why: refusal('bad_json', 'The value is no JSON object: brackets, quotes or commas do not match up.'),
}

/** The members of the object at `span`, of a repeated one the last; undefined when it is none. */
export function membersOf(text: string, { start, stop }: Span): Found | undefined {
  const found = new Map<string, Span>()
  const members = new Members(text, start, stop)
  while (members.next()) found.set(members.name(), { start: members.start, stop: members.stop })
  return members.isBroken || text.charCodeAt(start) !== OPEN_OBJECT ? undefined : found
}

const OPEN_OBJECT = 123

/**
 * Finds out what a message is: an envelope, bare or with its schema or as the data of a CloudEvent; a row that was
 * unwrapped; or one that is about no row.
 *
 * @param readSchema reads an inline schema
 * @param isField whether the source has a field of this name
 */
export function readEnvelope(
  text: string,
  whole: Span,
  readSchema: (raw: string) => SchemaMeanings,
  isField: (name: string) => boolean,
): Envelope | Decoded {
  const outer = membersOf(text, whole)
  if (outer === undefined) return broken
  if (outer.has('specversion') && outer.has('iodebeziumop')) return ofCloudEvent(text, outer, readSchema)
  const payload = payloadOf(text, outer)
  if (payload === undefined) return ofMessage(text, whole, outer, undefined, isField)
  if (isNull(text, payload)) return skipped('tombstone')
  const inner = membersOf(text, payload)
  if (inner === undefined) return broken
  return ofMessage(text, payload, inner, schemaOf(text, outer, readSchema), isField)
}

/** `payload`, when these are the members of a record with its schema. */
function payloadOf(text: string, members: Found): Span | undefined {
  const schema = members.get('schema')
  const payload = members.get('payload')
  if (members.size !== 2 || schema === undefined || payload === undefined) return undefined
  const areBoth = [schema, payload].every((span) => isObject(text, span) || isNull(text, span))
  return areBoth ? payload : undefined
}

function schemaOf(text: string, members: Found, readSchema: (raw: string) => SchemaMeanings) {
  const schema = members.get('schema')
  return schema === undefined || !isObject(text, schema) ? undefined : readSchema(slice(text, schema))
}

function ofMessage(
  text: string,
  whole: Span,
  members: Found,
  schema: SchemaMeanings | undefined,
  isField: (name: string) => boolean,
): Envelope | Decoded {
  const source = members.get('source')
  if (source !== undefined && isObject(text, source)) {
    if (members.has('op')) return ofEnvelope(text, members, source, schema)
    if (members.has('ddl') || members.has('tableChanges')) return skipped('schema_change')
  }
  if (members.has('status') && members.has('event_count') && members.has('data_collections')) {
    return skipped('transaction')
  }
  if (members.size === 1 && members.has('ts_ms') && !isField('ts_ms')) return skipped('heartbeat')
  return ofRow(text, whole, members, schema)
}

function ofEnvelope(
  text: string,
  members: Found,
  source: Span,
  schema: SchemaMeanings | undefined,
): Envelope | Decoded {
  const about = membersOf(text, source)
  if (about === undefined) return broken
  const transaction = imageOf(text, members.get('transaction'))
  const ordered = transaction && membersOf(text, transaction)
  return {
    form: 'envelope',
    op: textAt(text, members.get('op')),
    before: imageOf(text, members.get('before')),
    after: imageOf(text, members.get('after')),
    meanings: schema?.images,
    facts: {
      lsn: digitsAt(text, about.get('lsn')),
      order: digitsAt(text, ordered?.get('total_order')),
      time: digitsAt(text, about.get('ts_ms')) ?? digitsAt(text, members.get('ts_ms')),
    },
  }
}

/** What ExtractNewRecordState leaves of an envelope: the row, with what was asked for by `add.fields` among its columns. */
function ofRow(text: string, whole: Span, members: Found, schema: SchemaMeanings | undefined): Envelope {
  const isDeleted = textAt(text, members.get('__deleted'))
  return {
    form: 'row',
    op: isDeleted === 'true' ? 'd' : textAt(text, members.get('__op')),
    before: whole,
    after: whole,
    meanings: schema?.row,
    facts: {
      lsn: digitsAt(text, members.get('__source_lsn') ?? members.get('__lsn')),
      order: digitsAt(text, members.get('__transaction_total_order')),
      time: digitsAt(text, members.get('__source_ts_ms') ?? members.get('__ts_ms')),
    },
  }
}

/** Debezium's CloudEvents have what `source` and `transaction` say as attributes, and the images as data. */
function ofCloudEvent(text: string, outer: Found, readSchema: (raw: string) => SchemaMeanings): Envelope | Decoded {
  const data = outer.get('data')
  const given = data && membersOf(text, data)
  if (data === undefined || given === undefined) {
    return {
      kind: 'refused',
      why: refusal('bad_envelope', 'The CloudEvent of Debezium has no data that is an object.'),
    }
  }
  const payload = payloadOf(text, given)
  const images = payload === undefined ? given : membersOf(text, payload)
  return {
    form: 'envelope',
    op: textAt(text, outer.get('iodebeziumop')),
    before: imageOf(text, images?.get('before')),
    after: imageOf(text, images?.get('after')),
    meanings: payload === undefined ? undefined : schemaOf(text, given, readSchema)?.images,
    facts: {
      lsn: digitsAt(text, outer.get('iodebeziumlsn')),
      order: digitsAt(text, outer.get('iodebeziumtxtotalorder')),
      time: digitsAt(text, outer.get('iodebeziumtsms')),
    },
  }
}

/** The row of a record's key, where the value has none: `{"id":3}`, bare or with schema. */
export function keySpan(text: string): Span | undefined {
  return readKey(text, () => undefined)?.span
}

/** The same with what its own schema says of its columns; `meanings` are undefined where it has none. */
export function readKey(
  text: string,
  readSchema: (raw: string) => SchemaMeanings | undefined,
): { readonly span: Span; readonly meanings: Meanings | undefined } | undefined {
  const whole = { start: 0, stop: text.length }
  const members = membersOf(text, whole)
  if (members === undefined) return undefined
  const payload = payloadOf(text, members)
  if (payload === undefined) return { span: whole, meanings: undefined }
  const schema = members.get('schema') as Span
  return { span: payload, meanings: isObject(text, schema) ? readSchema(slice(text, schema))?.row : undefined }
}

function imageOf(text: string, span: Span | undefined): Span | undefined {
  return span !== undefined && isObject(text, span) ? span : undefined
}

function textAt(text: string, span: Span | undefined): string | undefined {
  return span && textOf(slice(text, span))
}

/** The digits of a whole number, bare or in quotes; undefined for everything else, null too. */
function digitsAt(text: string, span: Span | undefined): string | undefined {
  if (span === undefined) return undefined
  const raw = slice(text, span)
  const digits = textOf(raw) ?? raw
  return DIGITS.test(digits) ? digits : undefined
}

/** As JSON writes them: without zeros in front. */
const DIGITS = /^(?:0|[1-9]\d{0,19})$/

const slice = (text: string, { start, stop }: Span) => text.slice(start, stop)
const isObject = (text: string, { start }: Span) => text.charCodeAt(start) === OPEN_OBJECT
const isNull = (text: string, { start, stop }: Span) => stop - start === 4 && text.startsWith('null', start)
