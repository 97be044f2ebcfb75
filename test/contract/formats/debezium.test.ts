import { expect, test } from 'vitest'
import { decoderOf, SchemaStore } from '../../../src/contract/index.ts'
import type { DebeziumFormat, FieldSpec, FieldType, SourceSpec } from '../../../src/engine/index.ts'
import { formatDecimal } from '../../../src/util/decimal-text.ts'
import { forSeeds } from '../../support/random.ts'
import { outcome, record } from './records.ts'

const field = (name: string, type: FieldType, format?: 'iso' | 'ms'): FieldSpec => ({
  name,
  type,
  nullable: true,
  optional: true,
  ...(format !== undefined && { format }),
})
const fields = [
  field('id', 'int64'),
  field('text', 'string'),
  field('price', 'decimal(2)'),
  field('prices', 'list(decimal(2))'),
  field('share', 'float64'),
  field('n', 'int'),
  field('at', 'timestamp', 'iso'),
  field('ms', 'timestamp', 'ms'),
  field('tags', 'list(string)'),
]
const stream: SourceSpec = { name: 's', fields, time: 'ms', maxFutureMs: 1, redeliveryHorizonMs: 1, from: [] }
const table: SourceSpec = { ...stream, changes: { key: ['id'] } }
const precise: DebeziumFormat = { kind: 'debezium', value: { kind: 'json' }, decimals: 'precise', times: 'adaptive' }
const about = '{"ts_ms":1700000000000,"lsn":9007199254740993}'

interface Options {
  readonly format?: Partial<DebeziumFormat>
  readonly of?: SourceSpec
  readonly headers?: Readonly<Record<string, string>>
  readonly key?: string
}

function decode(value: string | null, { format, of = stream, headers = {}, key }: Options = {}) {
  const decoder = decoderOf({ ...precise, ...format }, of, new SchemaStore())
  return decoder.decode(record({ value, headers, key: key ?? null }))
}

const envelope = (after: string, op = 'c') => `{"before":null,"after":${after},"source":${about},"op":"${op}"}`
const row = (after: string, options?: Options) => outcome(decode(envelope(after), options))

/** The text of the event's one field. */
function one(after: string, options?: Options): string {
  const decoded = decode(envelope(after), options)
  if (decoded.kind !== 'event') throw new Error(JSON.stringify(decoded))
  return decoded.text
}

const base64 = (...bytes: number[]) => Buffer.from(bytes).toString('base64')

test('integers and floats keep every digit, whatever JavaScript would round', () => {
  expect(one('{"id":9223372036854775807,"share":0.1000000000000000055,"other":[1]}')).toBe(
    '{"id":9223372036854775807,"share":0.1000000000000000055}',
  )
})

test.each([
  [[0x00], '0.00'],
  [[0xff], '-0.01'],
  [[0x80], '-1.28'],
  [[0x00, 0x80], '1.28'],
  [[0x02, 0x54, 0x0b, 0xe3, 0xff], '99999999.99'],
  [[0xff, 0xff, 0xff, 0xfe], '-0.02'],
])('the bytes %j are the decimal %s', (bytes, text) => {
  expect(row(`{"price":"${base64(...bytes)}"}`)).toEqual({ price: text })
})

/** Two's complement by way of hexadecimal, as BigInteger.toByteArray gives it. */
function bytesOfUnits(units: bigint): Buffer {
  let bits = 8n
  while (units < -(1n << (bits - 1n)) || units >= 1n << (bits - 1n)) bits += 8n
  return Buffer.from(
    BigInt.asUintN(Number(bits), units)
      .toString(16)
      .padStart(Number(bits / 4n), '0'),
    'hex',
  )
}

test('any decimal of 38 digits comes out as it went in', () => {
  forSeeds(500, (r) => {
    const digits = Array.from({ length: r.int(1, 38) }, () => r.int(0, 9)).join('')
    const units = BigInt(digits) * (r.chance(0.5) ? -1n : 1n)
    const after = `{"price":"${bytesOfUnits(units).toString('base64')}"}`
    expect(row(after)).toEqual({ price: formatDecimal(units, 2) })
  })
})

test('a decimal in a list, of a scale of its own, as a number and as null', () => {
  expect(row(`{"prices":["${base64(1)}", "${base64(0xff)}"]}`)).toEqual({ prices: ['0.01', '-0.01'] })
  expect(row(`{"price":{"scale":3,"value":"${base64(5)}"}}`)).toEqual({ price: '0.005' })
  expect(row(`{"price":{"scale":-2,"value":"${base64(5)}"}}`)).toEqual({ price: '500' })
  expect(row('{"price":12.5}')).toEqual({ price: 12.5 })
  expect(row('{"price":null}')).toEqual({ price: null })
})

test('texts where base64 was declared are refused, with the way to mend it', () => {
  expect(decode(envelope('{"price":"12.30"}'))).toMatchObject({
    why: { reason: 'wrong_type', field: 'price', message: expect.stringContaining("decimals: 'string'") },
  })
})

test('texts and doubles as declared: NaN is null, an infinity is left for the contract to refuse', () => {
  const format = { decimals: 'string' } as const
  expect(row('{"price":"12.30","share":"1.5","n":"7"}', { format })).toEqual({ price: '12.30', share: 1.5, n: 7 })
  expect(row('{"price":"NAN","share":"NaN"}', { format })).toEqual({ price: null, share: null })
  expect(row('{"price":"POSITIVE_INFINITY"}', { format })).toEqual({ price: 'POSITIVE_INFINITY' })
  expect(row('{"share":"NaN","price":12.3}', { format: { decimals: 'double' } })).toEqual({ share: null, price: 12.3 })
})

test.each([
  ['adaptive', '1767323045654321', 1767323045654],
  ['microseconds', '-1767323045654321', -1767323045655],
  ['nanoseconds', '1767323045654321999', 1767323045654],
  ['connect', '1767323045654', 1767323045654],
  ['isostring', '"2026-01-02T03:04:05.654321Z"', 1767323045654],
  ['isostring', '"2026-01-02Z"', Date.UTC(2026, 0, 2)],
  ['adaptive', '0', 0],
] as const)('with times %s, %s is millisecond %s', (times, value, ms) => {
  const options = { format: { times } }
  expect(row(`{"ms":${value}}`, options)).toEqual({ ms })
  const iso = value.startsWith('"2026-01-02T') ? JSON.parse(value) : new Date(ms).toISOString().replace('.000Z', 'Z')
  const { at } = row(`{"at":${value}}`, options) as { at: string }
  expect(at.replace('.000Z', 'Z')).toBe(iso)
})

test('times before the epoch are cut downwards', () => {
  expect(row('{"ms":-62135596800000001}')).toEqual({ ms: -62135596800001 })
  expect(row('{"ms":-62135596800000000001}', { format: { times: 'nanoseconds' } })).toEqual({ ms: -62135596800001 })
})

test('an integer that is evidently of another unit is refused: days or milliseconds where microseconds are declared', () => {
  for (const value of ['20455', '1767323045654']) {
    expect(decode(envelope(`{"at":${value}}`))).toMatchObject({
      why: { reason: 'bad_time', field: 'at', message: expect.stringContaining('1970') },
    })
  }
  expect(outcome(decode(envelope('{"at":20455}'), { format: { times: 'connect' } }))).toBe('bad_time')
})

test('what no calendar has stays a number, and what is no time stays as it is', () => {
  expect(row('{"at":9223372036825200000}')).toEqual({ at: 9223372036825200 })
  expect(row('{"at":"infinity","ms":"infinity"}')).toEqual({ at: 'infinity', ms: 'infinity' })
})

const connect = (name: string, type: string, more = '') => `{"type":"${type}","field":"${name}"${more}}`
const named = (name: string) => `,"name":"${name}","version":1`
const schema = (columns: readonly string[]) =>
  `{"type":"struct","fields":[{"type":"struct","fields":[${columns.join()}],"field":"after"}]}`

test('with an inline schema the types are known, and nothing declared counts', () => {
  const columns = [
    connect('price', 'bytes', `${named('org.apache.kafka.connect.data.Decimal')},"parameters":{"scale":"3"}`),
    connect('share', 'bytes', `${named('org.apache.kafka.connect.data.Decimal')},"parameters":{"scale":"1"}`),
    connect('text', 'bytes', `${named('org.apache.kafka.connect.data.Decimal')},"parameters":{"scale":"1"}`),
    connect('at', 'int32', named('io.debezium.time.Date')),
    connect('ms', 'int64', named('io.debezium.time.NanoTimestamp')),
  ]
  const after = `{"price":"${base64(5)}","share":"${base64(25)}","text":"${base64(25)}","at":20455,"ms":1767323045654321999}`
  const value = `{"schema":${schema(columns)},"payload":${envelope(after)}}`
  const expected = { price: '0.005', share: 2.5, text: '2.5', at: '2026-01-02T00:00:00.000Z', ms: 1767323045654 }
  expect(outcome(decode(value, { format: { times: 'nanoseconds', decimals: 'double' } }))).toEqual(expected)
})

test.each([
  ['io.debezium.time.Timestamp', '1767323045654'],
  ['io.debezium.time.MicroTimestamp', '1767323045654321'],
  ['org.apache.kafka.connect.data.Timestamp', '1767323045654'],
  ['io.debezium.time.ZonedTimestamp', '"2026-01-02T03:04:05.654321Z"'],
])('an inline schema with %s', (name, value) => {
  const columns = [connect('ms', value.startsWith('"') ? 'string' : 'int64', named(name))]
  const text = `{"payload":${envelope(`{"ms":${value}}`)},"schema":${schema(columns)}}`
  expect(outcome(decode(text))).toEqual({ ms: 1767323045654 })
})

test('a plain long of an inline schema is no time of the declared unit', () => {
  const text = `{"schema":${schema([connect('ms', 'int64')])},"payload":${envelope('{"ms":1767323045654}')}}`
  expect(outcome(decode(text))).toEqual({ ms: 1767323045654 })
})

test('one decoder keeps the schemas of several tables and versions apart', () => {
  const decoder = decoderOf(precise, stream, new SchemaStore())
  const of = (scale: number) => {
    const column = `${named('org.apache.kafka.connect.data.Decimal')},"parameters":{"scale":"${scale}"}`
    const value = `{"schema":${schema([connect('price', 'bytes', column)])},"payload":${envelope(`{"price":"${base64(7)}"}`)}}`
    return outcome(decoder.decode(record({ value })))
  }
  const scales = Array.from({ length: 40 }, (_, i) => i % 13)
  expect(scales.map(of)).toEqual(scales.map((scale) => ({ price: formatDecimal(7n, scale) })))
})

const rowOf = (more: string) => `{"id":1,"price":"${base64(100)}"${more}}`
/** Decodes what ExtractNewRecordState makes of messages. */
const unwrapped = (value: string | null, options: Options = {}) =>
  decode(value, { ...options, format: { unwrapped: true, ...options.format } })

test('unwrapped rows tell by what was added to them', () => {
  const facts = ',"__op":"c","__source_lsn":5,"__source_ts_ms":6'
  expect(outcome(unwrapped(rowOf(facts)))).toEqual({ id: 1, price: '1.00' })
  expect(outcome(unwrapped(rowOf(',"__op":"u"')))).toBe('not_insert')
  expect(outcome(unwrapped(rowOf(',"__deleted":"true","__op":"d"')))).toBe('not_insert')
  expect(outcome(unwrapped(rowOf(facts), { of: table }))).toEqual({
    id: 1,
    price: '1.00',
    $op: 'c',
    $lsn: '5',
    $time: 6,
  })
  expect(outcome(unwrapped(rowOf(',"__deleted":"true"'), { of: table }))).toEqual({ id: 1, $op: 'd' })
  expect(outcome(unwrapped(rowOf(',"__deleted":"false"'), { of: table }))).toEqual({ id: 1, price: '1.00', $op: 'u' })
})

test('a stream refuses unwrapped rows that do not tell inserts from updates', () => {
  expect(unwrapped(rowOf(''))).toMatchObject({
    why: { reason: 'bad_envelope', message: expect.stringContaining('add.fields=op') },
  })
})

test('a null value is the delete of the unwrapped row of its key, and of an envelope or to a stream nothing', () => {
  for (const value of [null, 'null', '{"schema":null,"payload":null}']) {
    for (const key of ['{"id":1}', '{"schema":null,"payload":{"id":1}}', '{"part":"eu","id":1}']) {
      expect(outcome(unwrapped(value, { of: table, key }))).toEqual({ id: 1, $op: 'd' })
    }
    expect(outcome(unwrapped(value, { key: '{"id":1}' }))).toBe('tombstone')
    expect(outcome(decode(value, { of: table, key: '{"id":1}' }))).toBe('tombstone')
  }
})

test('the key of a delete is read by its own schema, else by what is declared', () => {
  const of: SourceSpec = { ...table, changes: { key: ['price', 'at'] } }
  const decimal = `${named('org.apache.kafka.connect.data.Decimal')},"parameters":{"scale":"3"}`
  const columns = [connect('price', 'bytes', decimal), connect('at', 'int64', named('io.debezium.time.Timestamp'))]
  const withSchema = `{"schema":{"type":"struct","fields":[${columns.join()}]},"payload":{"price":"${base64(5)}","at":1767323045654}}`
  const at = '2026-01-02T03:04:05.654Z'
  expect(outcome(unwrapped(null, { of, key: withSchema }))).toEqual({ price: '0.005', at, $op: 'd' })
  const bare = `{"price":"${base64(5)}","at":1767323045654000}`
  expect(outcome(unwrapped(null, { of, key: bare }))).toEqual({ price: '0.05', at, $op: 'd' })
})

test.each([
  ['a struct as text', 'Struct{id=1}'],
  ['a bare number', '1'],
  ['Avro', '\u0000\u0000\u0000\u0000\u0007\u0002'],
])('a delete whose key is %s is refused, with the ways to mend it', (_, key) => {
  expect(unwrapped(null, { of: table, key })).toMatchObject({
    why: { reason: 'bad_envelope', message: expect.stringMatching(/key\.converter.*handling\.mode=rewrite/) },
  })
})

test('a record with neither value nor key is no delete of anything', () => {
  expect(unwrapped(null, { of: table })).toMatchObject({
    why: { reason: 'bad_envelope', message: expect.stringContaining('primary key') },
  })
})

test('rows where envelopes are declared are refused, and envelopes where rows are', () => {
  for (const of of [stream, table]) {
    expect(decode(rowOf(',"__op":"c"'), { of })).toMatchObject({
      why: { reason: 'bad_envelope', message: expect.stringContaining('debezium({ unwrapped: true })') },
    })
    expect(unwrapped(envelope('{"id":1}'), { of })).toMatchObject({
      why: { reason: 'bad_envelope', message: expect.stringContaining('Leave out "unwrapped"') },
    })
  }
  expect(outcome(unwrapped(`{"ts_ms":1700000000000}`, { of: table }))).toBe('heartbeat')
})

test.each([
  ['a text', '"text":"__debezium_unavailable_value"', 'text'],
  ['bytes', `"text":"${Buffer.from('__debezium_unavailable_value').toString('base64')}"`, 'text'],
  ['a list of texts', '"tags":["__debezium_unavailable_value"]', 'tags'],
  ['a list of numbers', `"tags":[${[...Buffer.from('__debezium_unavailable_value')].join()}]`, 'tags'],
  ['a map', '"text":{"__debezium_unavailable_value":"__debezium_unavailable_value"}', 'text'],
  ['a decimal', `"price":"${Buffer.from('__debezium_unavailable_value').toString('base64')}"`, 'price'],
])('a value that was not sent is never a value: %s', (_, member, name) => {
  const change = outcome(decode(envelope(`{"id":1,${member}}`, 'u'), { of: table }))
  expect(change).toEqual({ id: 1, $op: 'u', $lsn: '9007199254740993', $time: 1700000000000, $unchanged: [name] })
})

test('a log position beyond 2^53 is exact, and one that is no number is left out', () => {
  const value =
    '{"before":null,"after":{"id":1},"source":{"ts_ms":1,"lsn":"00000027:00000ac0"},"transaction":{"total_order":3},"op":"c"}'
  expect(outcome(decode(value, { of: table }))).toEqual({ id: 1, $op: 'c', $order: 3, $time: 1 })
})

test('a delete without its row before takes the key of the record', () => {
  const value = `{"before":null,"after":null,"source":${about},"op":"d"}`
  const deleted = { id: 7, $op: 'd', $lsn: '9007199254740993', $time: 1700000000000 }
  expect(outcome(decode(value, { of: table, key: '{"id":7}' }))).toEqual(deleted)
  expect(outcome(decode(value, { of: table, key: '{"schema":{"type":"struct"},"payload":{"id":7}}' }))).toEqual(deleted)
  expect(outcome(decode(value, { of: table }))).toBe('bad_envelope')
})

test('the second half of a change of key is no insert', () => {
  const headers = { '__debezium.oldkey': '{"id":1}' }
  expect(outcome(decode(envelope('{"id":2}'), { headers }))).toBe('not_insert')
  expect(outcome(decode(envelope('{"id":2}'), { headers, of: table }))).toMatchObject({ id: 2, $op: 'c' })
})

test('of repeated names the last counts, everywhere', () => {
  const value = `{"op":"u","after":{"id":1},"source":${about},"after":{"id":2,"id":3,"text":"__debezium_unavailable_value","text":"x"},"op":"c"}`
  expect(outcome(decode(value))).toEqual({ id: 3, text: 'x' })
})

test('escaped names are names', () => {
  expect(outcome(decode(`{"\\u006fp":"c","aft\\u0065r":{"i\\u0064":5},"source":${about}}`))).toEqual({ id: 5 })
})

test('columns cannot pass for what a change says of itself', () => {
  expect(outcome(decode(envelope('{"id":1,"$op":"t","$lsn":"0"}'), { of: table }))).toMatchObject({
    id: 1,
    $op: 'c',
    $lsn: '9007199254740993',
  })
})

test('messages about other things are skipped', () => {
  expect(outcome(decode(`{"op":"m","source":${about},"message":{"prefix":"p","content":""}}`))).toBe('message')
  expect(outcome(decode(`{"source":${about},"databaseName":"d","ddl":"create table t","tableChanges":[]}`))).toBe(
    'schema_change',
  )
  expect(outcome(decode('{"schema":null,"payload":null}'))).toBe('tombstone')
  expect(outcome(decode(`{"op":"t","source":${about},"before":null,"after":null}`))).toBe('not_insert')
  expect(outcome(decode(null))).toBe('tombstone')
})

test.each([
  ['an unknown op', `{"op":"x","source":${about},"after":{"id":1}}`, 'bad_envelope'],
  ['an op that is no text', `{"op":1,"source":${about},"after":{"id":1}}`, 'bad_envelope'],
  ['no row after', `{"op":"c","source":${about},"after":null}`, 'bad_envelope'],
  ['a row that is a list', `{"op":"c","source":${about},"after":[1]}`, 'bad_envelope'],
  ['a comma too many', '{"op":"c",}', 'bad_json'],
  ['a bracket that does not close', `{"op":"c","source":${about},"after":{"id":1}`, 'bad_json'],
  ['a row that nests too deep', envelope(`{"text":${'['.repeat(70)}${']'.repeat(70)}}`), 'bad_json'],
  ['a list', '[]', 'bad_json'],
  ['nothing', '', 'bad_json'],
])('%s is refused', (_, value, why) => {
  expect(outcome(decode(value))).toBe(why)
})

test('no text at all makes the decoder throw', () => {
  const parts = [
    '{',
    '}',
    '[',
    ']',
    '"',
    ':',
    ',',
    'op',
    '"op":"c"',
    '"after"',
    '"source":{}',
    '\\',
    '"id":1',
    ' ',
    'null',
  ]
  const formats: DebeziumFormat[] = [precise, { ...precise, unwrapped: true }]
  const decoders = [stream, table].flatMap((of) => formats.map((format) => decoderOf(format, of, new SchemaStore())))
  forSeeds(3_000, (r) => {
    const value = Array.from({ length: r.int(0, 14) }, () => r.pick(parts)).join('')
    for (const decoder of decoders) {
      decoder.decode(record({ value, key: value }))
      decoder.decode(record({ value: null, key: value }))
    }
  })
})
