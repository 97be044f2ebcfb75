import { expect, test } from 'vitest'
import type { Decoder, SourceRecord } from '../../../src/contract/index.ts'
import type { FieldSpec, FieldType, FormatSpec, SourceSpec } from '../../../src/engine/index.ts'
import { recordAgain } from '../../../src/source/index.ts'
import { decodePage } from '../../../src/source/kafka/decode-page.ts'
import { SchemaLearner } from '../../../src/source/kafka/schema-learner.ts'
import { keptText, recordOfKept } from '../../../src/source/kept-record.ts'
import { toBase64 } from '../../../src/util/base64.ts'
import { forSeeds, type Random } from '../../support/random.ts'

const utf8 = new TextEncoder()
const field = (name: string, type: FieldType): FieldSpec => ({ name, type, nullable: true, optional: true })
const source: SourceSpec = {
  name: 's',
  fields: [field('id', 'int'), { ...field('at', 'timestamp'), format: 'ms' }],
  time: 'at',
  maxFutureMs: 1,
  redeliveryHorizonMs: 1,
  from: [],
}

function learner(format: FormatSpec, of = source): SchemaLearner {
  const intake = { topic: 't', format }
  return new SchemaLearner({ source: of, intake, partition: 0, registryOf: () => undefined, now: () => 0 })
}

interface Given {
  readonly key?: string
  readonly value: string | Uint8Array | null
  readonly headers?: Readonly<Record<string, string>>
}

function record({ key, value, headers = {} }: Given): SourceRecord {
  return {
    key: key === undefined ? null : utf8.encode(key),
    value: typeof value === 'string' ? utf8.encode(value) : value,
    ...(typeof value === 'string' && { valueText: value }),
    headers: new Map(Object.entries(headers).map(([name, text]) => [name, utf8.encode(text)])),
    timestampMs: 1_700_000_000_000,
  }
}

/** The payload of the letter of a record that is refused, whatever it holds. */
function letterOf(of: SourceRecord, { beside }: Pick<Decoder, 'beside'>): string {
  const decoder: Decoder = { decode: () => ({ kind: 'refused', why: { reason: 'poison', message: '' } }), beside }
  const page = decodePage([{ ...of, offset: 0 }], {
    decoder,
    onPoison: 'park',
    sequence: 't/0',
    incarnation: 0,
    generation: 1,
    arrivalMs: 0,
  })
  if (page.batch === null) throw new Error('nothing was kept')
  const { text, spans } = page.batch
  return text.slice(spans.starts[0], spans.ends[0])
}

/** What a record is when it comes, and when its letter is replayed. */
async function twice(format: FormatSpec, given: Given, of = source): Promise<[unknown, unknown]> {
  const decoder = learner(format, of)
  const first = decoder.decode(record(given))
  const again = await recordAgain(decoder, letterOf(record(given), decoder))
  const now = first.kind === 'refused' ? first.why : first.kind === 'skipped' ? undefined : first
  return [now, again]
}

const debezium: FormatSpec = { kind: 'debezium', value: { kind: 'json' }, decimals: 'precise', times: 'connect' }
const table: SourceSpec = { ...source, changes: { key: ['id'] } }
const about = '"source":{"ts_ms":1}'
const created = `{"before":null,"after":{"id":1,"at":1700000000000},${about},"op":"c"}`
const inBase64 = `base64:${toBase64(utf8.encode('{"id":666,"at":1700000000000}'))}`

test.each<[string, FormatSpec, Given, SourceSpec?]>([
  ['a text that begins with base64:', { kind: 'json' }, { value: inBase64 }],
  ['a text that begins like a record', { kind: 'json' }, { value: '{"$record":1,"value":"{\\"id\\":1}"}' }],
  ['an event', { kind: 'json' }, { key: 'k', value: '{"id":1}' }],
  ['bytes that are no text', { kind: 'json' }, { value: Uint8Array.of(0x7b, 0xff) }],
  ['a CloudEvent whose attributes are headers', { kind: 'cloudevents' }, { value: '{"id":1}', headers: binary({}) }],
  [
    'a CloudEvent of no JSON',
    { kind: 'cloudevents' },
    { value: '{"id":1}', headers: binary({ 'content-type': 'text/plain' }) },
  ],
  [
    'the other half of a change of key',
    { ...debezium, only: 'inserts' },
    { value: created, headers: { '__debezium.oldkey': '' } },
  ],
  [
    'a delete by its key',
    debezium,
    { key: '{"id":7}', value: `{"before":null,"after":null,${about},"op":"d"}` },
    table,
  ],
  ['a delete that is a null value', { ...debezium, unwrapped: true }, { key: '{"id":7}', value: null }, table],
  ['a record as it is', { kind: 'raw' }, { key: 'k', value: 'v', headers: { '1': 'one', a: 'é' } }],
  ['a record as it is without value', { kind: 'raw' }, { value: null }],
])('%s is decoded again as it was', async (_, format, given, of) => {
  const [first, again] = await twice(format, given, of)
  expect(again).toEqual(first)
})

function binary(more: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return { ce_specversion: '1.0', ce_id: 'x', ce_source: '/s', 'content-type': 'application/json', ...more }
}

test('a value on its own is kept as its text, and what stands beside it where a person can read it', () => {
  const given = { key: '{"id":7}', value: '{"id":1', headers: { traceparent: '00-1', ce_id: 'x' } }
  expect(letterOf(record(given), learner({ kind: 'json' }))).toBe('{"id":1')
  expect(letterOf(record(given), learner({ kind: 'avro', registry: 'r' }))).toBe('{"id":1')
  expect(letterOf(record(given), learner(debezium))).toBe('{"$record":1,"key":"{\\"id\\":7}","value":"{\\"id\\":1"}')
  expect(letterOf(record(given), learner({ kind: 'cloudevents' }))).toBe(
    '{"$record":1,"headers":[["ce_id","x"]],"value":"{\\"id\\":1"}',
  )
})

test('letters of before, which had a value alone, are read as they were', () => {
  expect(recordOfKept(inBase64)).toMatchObject({ value: utf8.encode('{"id":666,"at":1700000000000}') })
  for (const text of ['base64:no', '{"$record":1', '{"$record":1}', '{"$record":1,"value":7}', '', '[]']) {
    expect(recordOfKept(text)).toMatchObject({ key: null, valueText: text, value: utf8.encode(text) })
  }
})

const pieces = ['base64:', '{"$record":', '1', '"value"', '"', '\\', '{}', '\n', '\ufeff', 'é', '😀', '\0', 'AAAA', '']

function randomPart(r: Random): Uint8Array {
  const text = () => utf8.encode(Array.from({ length: r.int(0, 6) }, () => r.pick(pieces)).join(''))
  return r.chance(0.6) ? text() : Uint8Array.from({ length: r.int(0, 8) }, () => r.int(0, 255))
}

function randomRecord(r: Random): SourceRecord {
  const value = r.chance(0.1) ? null : randomPart(r)
  const text = value === null ? '' : new TextDecoder('utf-8', { ignoreBOM: true }).decode(value)
  const isText = value !== null && Buffer.from(utf8.encode(text)).equals(value)
  const names = ['10', '2', 'a', '__proto__', 'ce_id', '']
  return {
    key: r.chance(0.3) ? null : randomPart(r),
    value,
    ...(isText && r.chance(0.5) && { valueText: text }),
    headers: new Map(Array.from({ length: r.int(0, 3) }, () => [r.pick(names), randomPart(r)])),
    timestampMs: r.chance(0.3) ? null : r.int(0, 2 ** 41),
  }
}

test('any record is kept so that what its format reads of it comes back, byte for byte', () => {
  const besides = [
    undefined,
    { key: true, header: () => true, time: true },
    { key: true, header: (name: string) => name === 'a' },
    { header: (name: string) => name.startsWith('ce_') },
  ] as const
  forSeeds(4_000, (r) => {
    const beside = r.pick(besides)
    const from = randomRecord(r)
    const kept = keptText(from, beside)
    const back = recordOfKept(kept)
    const isRead = beside && 'key' in beside
    expect(back.value && Buffer.from(back.value)).toEqual(from.value && Buffer.from(from.value))
    expect(back.key && Buffer.from(back.key)).toEqual(isRead && from.key ? Buffer.from(from.key) : null)
    expect([...back.headers].map(([name, bytes]) => [name, toBase64(bytes)])).toEqual(
      [...from.headers].filter(([name]) => beside?.header(name)).map(([name, bytes]) => [name, toBase64(bytes)]),
    )
    expect(back.timestampMs).toBe(beside && 'time' in beside ? from.timestampMs : null)
    if (back.valueText !== undefined) expect(Buffer.from(back.valueText)).toEqual(Buffer.from(from.value ?? []))
    expect(keptText(back, beside)).toBe(kept)
  })
})
