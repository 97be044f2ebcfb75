import { expect, test } from 'vitest'
import { decoderOf, SchemaStore, type SourceRecord } from '../../../src/contract/index.ts'
import type { FieldSpec, FormatSpec, SourceSpec } from '../../../src/engine/index.ts'
import { MAX_EVENT_UNITS } from '../../../src/util/limits.ts'
import { forSeeds } from '../../support/random.ts'
import { nastyEvent } from '../nasty-json.ts'
import { bytesOf, outcome, record } from './records.ts'

const at: FieldSpec = { name: 'timestamp', type: 'timestamp', format: 'ms', nullable: true, optional: false }
const source: SourceSpec = {
  name: 's',
  fields: [at],
  time: 'timestamp',
  maxFutureMs: 1,
  redeliveryHorizonMs: 1,
  from: [],
}
const decode = (kind: FormatSpec, of: SourceRecord, to = source) => decoderOf(kind, to, new SchemaStore()).decode(of)
const json = (value: string | Uint8Array | null) => decode({ kind: 'json' }, record({ value }))
const reason = (decoded: ReturnType<typeof json>) => (decoded.kind === 'refused' ? decoded.why.reason : decoded.kind)

test('the text of a JSON object goes on untouched: numbers of any length, repeated keys, spaces within', () => {
  const text = '{ "n": 12345678901234567890.5e1, "a":1, "a" : 2, "s":"\\ud800" }'
  expect(json(text)).toEqual({ kind: 'event', text })
  expect(json(`\n ${text}\t`)).toEqual({ kind: 'event', text })
  expect(json(`\ufeff${text}`)).toEqual({ kind: 'event', text })
})

test('a text that the transport decoded is the same as its bytes', () => {
  forSeeds(300, (r) => {
    const text = JSON.stringify(nastyEvent(r, 3))
    const given = decode({ kind: 'json' }, { ...record({}), valueText: text })
    expect(given).toEqual({ kind: 'event', text })
    // A lone surrogate has no bytes: JSON.stringify wrote it as an escape.
    expect(json(text)).toEqual(given)
  })
})

test('no value is a tombstone, and so is the text null, which HTTP proxies write for it', () => {
  expect([json(null), json('null')].map(outcome)).toEqual(['tombstone', 'tombstone'])
  expect(reason(json(''))).toBe('bad_json')
})

test.each([
  ['a list', '[{}]'],
  ['a number', '1'],
  ['two objects', '{}{}'],
  ['an object that does not end', '{"a":[1,2}'],
  ['a string that does not end', '{"a":"b}'],
  ['the wrong bracket', '{"a":[1}]'],
  ['depth 65', `${'{"a":'.repeat(65)}1${'}'.repeat(65)}`],
  ['depth one million', '{"a":'.repeat(1_000_000)],
])('%s is bad JSON', (_, text) => {
  expect(reason(json(text.slice(0, MAX_EVENT_UNITS)))).toBe('bad_json')
})

test('depth 64 is taken', () => {
  expect(json(`${'{"a":'.repeat(64)}1${'}'.repeat(64)}`).kind).toBe('event')
})

test.each([
  ['a lone continuation byte', [0x7b, 0x80, 0x7d]],
  ['an overlong slash', [0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x7d]],
  ['an encoded surrogate', [0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x7d]],
  ['a character cut short', [0x7b, 0x22, 0xe2, 0x82]],
])('%s is no UTF-8, and never replaced', (_, bytes) => {
  expect(reason(json(Uint8Array.from(bytes)))).toBe('bad_encoding')
})

test("Avro's frame in a JSON topic is told as such", () => {
  const decoded = json(Uint8Array.from([0, 0, 0, 0, 7, 2, 65]))
  expect(decoded).toMatchObject({
    kind: 'refused',
    why: { reason: 'bad_json', message: expect.stringContaining('avro()') },
  })
})

test('an event of the cap is taken, one more character is too large, whatever its bytes', () => {
  const sized = (units: number, character: string) => `{"a":"${character.repeat(units - 8)}"}`
  for (const character of ['x', '\u20ac']) {
    expect(json(sized(MAX_EVENT_UNITS, character)).kind).toBe('event')
    expect(reason(json(sized(MAX_EVENT_UNITS + 1, character)))).toBe('too_large')
  }
  expect(reason(json(new Uint8Array(3 * MAX_EVENT_UNITS + 1)))).toBe('too_large')
})

test('raw records are events of texts, where null is not empty', () => {
  const raw = (given: Parameters<typeof record>[0]) => outcome(decode({ kind: 'raw' }, record(given)))
  expect(raw({ key: 'k', value: 'a"\n', headers: { h: '1' }, timestampMs: 5 })).toEqual({
    key: 'k',
    value: 'a"\n',
    headers: '{"h":"1"}',
    timestamp: 5,
  })
  expect(raw({ value: '' })).toEqual({ key: null, value: '', headers: '{}', timestamp: null })
  expect(raw({ key: '' })).toEqual({ key: '', value: null, headers: '{}', timestamp: null })
  expect(raw({ key: Uint8Array.of(0xff) })).toBe('bad_encoding')
  const iso: SourceSpec = { ...source, fields: [{ ...at, format: 'iso' }] }
  const decoded = decode({ kind: 'raw' }, record({ value: 'x', timestampMs: 0 }), iso)
  expect(outcome(decoded)).toMatchObject({ timestamp: '1970-01-01T00:00:00.000Z' })
})

const cloud = (given: Parameters<typeof record>[0]) => decode({ kind: 'cloudevents' }, record(given))
const structured = (event: object) => cloud({ value: JSON.stringify(event) })
const attributes = { specversion: '1.0', type: 't', source: '/a', id: '1' }
const ce = { ce_specversion: '1.0', ce_type: 't', ce_source: '/a', ce_id: '1' }

test('structured and binary CloudEvents give the same event and the same id', () => {
  const event = { kind: 'event', text: '{"n":12345678901234567890}', id: '["/a","1"]' }
  expect(
    cloud({ value: '{"specversion":"1.0","id":"1","source":"/a","type":"t","data":{"n":12345678901234567890}}' }),
  ).toEqual(event)
  expect(cloud({ value: event.text, headers: ce })).toEqual(event)
  expect(cloud({ value: event.text, headers: { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '%2Fa' } })).toEqual(
    event,
  )
  const base64 = { ...attributes, data_base64: Buffer.from(event.text).toString('base64') }
  expect(structured(base64)).toEqual(event)
})

test('no two pairs of source and id have the same id', () => {
  const idOf = (source: string, id: string) => structured({ ...attributes, source, id, data: {} })
  const ids = [idOf('a', 'b\nc'), idOf('a\nb', 'c'), idOf('a","b', 'c'), idOf('a', 'b","c')]
  expect(new Set(ids.map((decoded) => (decoded.kind === 'event' ? decoded.id : '')))).toHaveLength(4)
})

test.each([
  ['no specversion', { ...attributes, specversion: undefined, data: {} }, 'bad_envelope'],
  ['another specversion', { ...attributes, specversion: '0.3', data: {} }, 'bad_envelope'],
  ['no id', { ...attributes, id: undefined, data: {} }, 'bad_envelope'],
  ['an id that is no text', { ...attributes, id: 1, data: {} }, 'bad_envelope'],
  ['an empty source', { ...attributes, source: '', data: {} }, 'bad_envelope'],
  ['a lone surrogate in the id', { ...attributes, id: '\ud800', data: {} }, 'bad_envelope'],
  ['an id beyond the cap', { ...attributes, id: 'x'.repeat(5_000), data: {} }, 'bad_envelope'],
  ['no data', attributes, 'bad_envelope'],
  ['data that is a list', { ...attributes, data: [] }, 'bad_json'],
  ['data of XML', { ...attributes, datacontenttype: 'text/xml', data: '<a/>' }, 'bad_envelope'],
  ['data_base64 that is none', { ...attributes, data_base64: '%' }, 'bad_encoding'],
])('a CloudEvent with %s is refused', (_, event, why) => {
  expect(reason(structured(event))).toBe(why)
})

test('binary CloudEvents are refused like structured ones, and no value is a tombstone', () => {
  expect(reason(cloud({ value: '{}', headers: { ...ce, ce_source: '' } }))).toBe('bad_envelope')
  expect(reason(cloud({ value: '{}', headers: { ...ce, 'content-type': 'application/xml' } }))).toBe('bad_envelope')
  expect(cloud({ value: '{}', headers: { ...ce, 'content-type': 'application/vnd.x+json; charset=utf-8' } }).kind).toBe(
    'event',
  )
  expect(outcome(cloud({ value: null, headers: ce }))).toBe('tombstone')
  expect(reason(cloud({ value: bytesOf('{').slice(0, 1), headers: ce }))).toBe('bad_json')
})
