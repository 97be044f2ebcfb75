import avro from 'avsc'
import { expect, test } from 'vitest'
import { decoderOf, type RegisteredSchema, SchemaStore } from '../../../src/contract/index.ts'
import type { FormatSpec, SourceSpec } from '../../../src/engine/index.ts'
import { outcome, record } from './records.ts'

const nullable = { nullable: true, optional: false } as const
const stream: SourceSpec = {
  name: 's',
  fields: [
    { name: 'id', type: 'int64', nullable: false, optional: false },
    { name: 'name', type: 'string', ...nullable },
    { name: 'price', type: 'decimal(2)', ...nullable },
    { name: 'at', type: 'timestamp', format: 'iso', ...nullable },
  ],
  time: 'at',
  maxFutureMs: 1,
  redeliveryHorizonMs: 1,
  from: [],
}
const table: SourceSpec = { ...stream, changes: { key: ['id'] } }
const plain: FormatSpec = { kind: 'avro', registry: 'default' }
const debezium: FormatSpec = { kind: 'debezium', value: plain, decimals: 'double', times: 'nanoseconds' }

const rows: FormatSpec = { ...debezium, unwrapped: true }

const micros = { type: 'long', 'connect.version': 1, 'connect.name': 'io.debezium.time.MicroTimestamp' }
const decimal = {
  type: 'bytes',
  scale: 2,
  precision: 10,
  'connect.version': 1,
  'connect.parameters': { scale: '2', 'connect.decimal.precision': '10' },
  'connect.name': 'org.apache.kafka.connect.data.Decimal',
  logicalType: 'decimal',
}
/** As Confluent's AvroConverter writes the schema of a table of Debezium. */
const row = {
  type: 'record',
  name: 'Value',
  namespace: 'dbserver1.public.orders',
  fields: [
    { name: 'id', type: 'long' },
    { name: 'name', type: ['null', 'string'], default: null },
    { name: 'price', type: ['null', decimal], default: null },
    { name: 'at', type: ['null', micros], default: null },
    { name: 'more', type: ['null', { type: 'map', values: 'string' }], default: null },
  ],
}
const envelope = {
  type: 'record',
  name: 'Envelope',
  namespace: 'dbserver1.public.orders',
  fields: [
    { name: 'before', type: ['null', row], default: null },
    { name: 'after', type: ['null', 'Value'], default: null },
    {
      name: 'source',
      type: {
        type: 'record',
        name: 'Source',
        namespace: 'io.debezium.connector.postgresql',
        fields: [
          { name: 'version', type: 'string' },
          { name: 'ts_ms', type: 'long' },
          { name: 'lsn', type: ['null', 'long'] },
        ],
      },
    },
    {
      name: 'transaction',
      type: [
        'null',
        { type: 'record', name: 'block', namespace: 'event', fields: [{ name: 'total_order', type: 'long' }] },
      ],
    },
    { name: 'op', type: 'string' },
    { name: 'ts_ms', type: ['null', 'long'] },
  ],
}

const typeOf = (schema: object) => avro.Type.forSchema(schema as avro.Schema, { wrapUnions: false })
const registered = (schema: object): RegisteredSchema => ({
  schemaType: 'AVRO',
  schema: JSON.stringify(schema),
  references: [],
})

function decoderFor(format: FormatSpec, of: SourceSpec, schema: object | RegisteredSchema) {
  const schemas = new SchemaStore()
  schemas.add('default', 7, 'schemaType' in schema ? schema : registered(schema))
  return decoderOf(format, of, schemas)
}

const framed = (bytes: Uint8Array, id = 7) => Buffer.concat([Buffer.from([0, 0, 0, 0, id]), bytes])
const rowOf = (more: object = {}) => ({
  id: 1,
  name: 'Lamp',
  price: Buffer.from([0x07, 0xc6]),
  at: 1767323045654321,
  more: null,
  ...more,
})
const message = (op: string, before: object | null, after: object | null, total_order?: number) => ({
  before,
  after,
  source: { version: '3.7', ts_ms: 1700000000000, lsn: 26396472 },
  transaction: total_order === undefined ? null : { total_order },
  op,
  ts_ms: 5,
})

function decode(of: SourceSpec, value: object, headers: Readonly<Record<string, string>> = {}) {
  const bytes = framed(typeOf(envelope).toBuffer(value))
  return outcome(decoderFor(debezium, of, envelope).decode(record({ value: bytes, headers })))
}

const out = { id: 1, name: 'Lamp', price: '19.90', at: '2026-01-02T03:04:05.654Z' }
const log = { $lsn: '26396472', $time: 1700000000000 }

test("Debezium's envelopes in Avro give the events and changes that they give in JSON", () => {
  expect(decode(stream, message('c', null, rowOf()))).toEqual(out)
  expect(decode(stream, message('u', null, rowOf()))).toBe('not_insert')
  expect(decode(table, message('r', null, rowOf(), 4))).toEqual({ ...out, $op: 'r', ...log, $order: 4 })
  expect(decode(table, message('u', rowOf({ id: 9 }), rowOf()))).toEqual({ ...out, $op: 'u', ...log })
  expect(decode(table, message('d', rowOf(), null))).toEqual({ id: 1, $op: 'd', ...log })
  expect(decode(table, message('t', null, null))).toEqual({ $op: 't', ...log })
  expect(decode(table, message('d', null, null))).toBe('bad_envelope')
  expect(decode(stream, message('c', null, rowOf()), { '__debezium.oldkey': 'x' })).toBe('not_insert')
})

test('what was not sent is listed as unchanged, in Avro too', () => {
  const change = message('u', null, rowOf({ name: '__debezium_unavailable_value' }))
  const { name: _, ...rest } = out
  expect(decode(table, change)).toEqual({ ...rest, $op: 'u', ...log, $unchanged: ['name'] })
})

test('one record leaves nothing behind for the next', () => {
  const decoder = decoderFor(debezium, table, envelope)
  const of = (value: object) => outcome(decoder.decode(record({ value: framed(typeOf(envelope).toBuffer(value)) })))
  expect(of(message('u', null, rowOf(), 3))).toEqual({ ...out, $op: 'u', ...log, $order: 3 })
  expect(of(message('d', rowOf({ id: 2 }), null))).toEqual({ id: 2, $op: 'd', ...log })
  expect(of(message('c', null, null))).toBe('bad_envelope')
  expect(of(message('c', null, rowOf({ name: null, price: null, at: null })))).toEqual({
    id: 1,
    name: null,
    price: null,
    at: null,
    $op: 'c',
    ...log,
  })
})

test('unwrapped rows in Avro tell by what was added to them', () => {
  const added = [
    { name: '__op', type: ['null', 'string'] },
    { name: '__source_lsn', type: ['null', 'long'] },
    { name: '__deleted', type: ['null', 'string'] },
  ]
  const schema = { ...row, fields: [...row.fields, ...added] }
  const of = (spec: SourceSpec, facts: object) => {
    const value = { ...rowOf(), __op: null, __source_lsn: null, __deleted: null, ...facts }
    return outcome(decoderFor(rows, spec, schema).decode(record({ value: framed(typeOf(schema).toBuffer(value)) })))
  }
  expect(of(stream, { __op: 'r' })).toEqual(out)
  expect(of(stream, {})).toBe('bad_envelope')
  expect(of(table, { __op: 'u', __source_lsn: 5 })).toEqual({ ...out, $op: 'u', $lsn: '5' })
  expect(of(table, { __deleted: 'true' })).toEqual({ id: 1, $op: 'd' })
})

test('in Avro too a null value is the delete of an unwrapped row, by a key in JSON; one in Avro is refused', () => {
  const deleted = (format: FormatSpec, spec: SourceSpec, key: string | Uint8Array) =>
    outcome(decoderFor(format, spec, row).decode(record({ key, value: null })))
  expect(deleted(rows, table, '{"id":1}')).toEqual({ id: 1, $op: 'd' })
  expect(deleted(rows, table, framed(Buffer.from([2])))).toBe('bad_envelope')
  expect(deleted(rows, stream, '{"id":1}')).toBe('tombstone')
  expect(deleted(debezium, table, '{"id":1}')).toBe('tombstone')
})

test('rows in Avro where envelopes are declared are refused, and envelopes where rows are', () => {
  const value = framed(typeOf(row).toBuffer(rowOf()))
  const ofEnvelope = framed(typeOf(envelope).toBuffer(message('c', null, rowOf())))
  expect(decoderFor(debezium, table, row).decode(record({ value }))).toMatchObject({
    why: { reason: 'bad_envelope', message: expect.stringContaining('debezium({ unwrapped: true })') },
  })
  expect(outcome(decoderFor(rows, table, row).decode(record({ value })))).toMatchObject({ id: 1, $op: 'u' })
  expect(outcome(decoderFor(rows, table, envelope).decode(record({ value: ofEnvelope })))).toBe('bad_envelope')
})

test("Debezium's messages about itself are skipped by the names of their schemas", () => {
  for (const [name, why] of [
    ['common.Heartbeat', 'heartbeat'],
    ['common.TransactionMetadataValue', 'transaction'],
    ['mysql.SchemaChangeValue', 'schema_change'],
  ]) {
    const schema = { type: 'record', name: `io.debezium.connector.${name}`, fields: [{ name: 'ts_ms', type: 'long' }] }
    const value = framed(typeOf(schema).toBuffer({ ts_ms: 1 }))
    expect(outcome(decoderFor(debezium, table, schema).decode(record({ value })))).toBe(why)
  }
})

test('plain Avro gives the fields of the contract; a null instead of a record is refused', () => {
  const type = typeOf(row)
  const given = decoderFor(plain, stream, row).decode(
    record({ value: framed(type.toBuffer(rowOf({ more: { a: 'b' } }))) }),
  )
  expect(given).toEqual({ kind: 'event', text: JSON.stringify(out) })
  const maybe = decoderFor(plain, stream, ['null', row])
  expect(outcome(maybe.decode(record({ value: framed(Buffer.from([0])) })))).toBe('bad_envelope')
  expect(
    outcome(maybe.decode(record({ value: framed(Buffer.concat([Buffer.from([2]), type.toBuffer(rowOf())])) }))),
  ).toEqual(out)
})

test('an unknown id asks for its schema, once it is known the same record is an event', () => {
  const schemas = new SchemaStore()
  const decoder = decoderOf(plain, stream, schemas)
  const one = record({ value: framed(typeOf(row).toBuffer(rowOf()), 200) })
  expect(decoder.decode(one)).toEqual({ kind: 'schema', registry: 'default', id: 200 })
  schemas.add('other', 200, registered(row))
  expect(decoder.decode(one).kind).toBe('schema')
  schemas.add('default', 200, registered(row))
  expect(outcome(decoder.decode(one))).toEqual(out)
  expect(schemas.verdict(stream, 'default', 200)?.kind).toBe('compatible')
})

test.each([
  [
    'an incompatible schema',
    registered({ ...row, fields: [{ name: 'id', type: 'string' }, ...row.fields.slice(1)] }),
    'id: the contract has int64',
  ],
  ['a schema that is no Avro', { ...registered(row), schema: '{"type":"recor' }, 'no JSON'],
  ['a JSON Schema', { ...registered(row), schemaType: 'JSON' } as const, 'expected AVRO'],
  ['a schema of a number', registered({ type: 'int' }), 'expected a record'],
])('records of %s are refused', (_, schema, message) => {
  const decoded = decoderFor(plain, stream, schema).decode(record({ value: framed(Buffer.from([2])) }))
  expect(decoded).toMatchObject({ why: { reason: 'unknown_schema', message: expect.stringContaining(message) } })
})

test.each([
  ['nothing at all', Buffer.from([])],
  ['an unknown magic byte', Buffer.from([3, 0, 0, 0, 7, 1])],
  ['a GUID in front', Buffer.from([1, ...Array.from({ length: 16 }, () => 7)])],
  ['a frame cut short', Buffer.from([0, 0, 0, 7])],
  ['JSON', Buffer.from('{"id":1}')],
  ['a value cut short', framed(typeOf(row).toBuffer(rowOf()).subarray(0, 4))],
  ['bytes behind the value', framed(Buffer.concat([typeOf(row).toBuffer(rowOf()), Buffer.from([0])]))],
])('%s is bad encoding', (_, value) => {
  expect(outcome(decoderFor(plain, stream, row).decode(record({ value })))).toBe('bad_encoding')
})

test('a GUID in a header is told as such; no value is a tombstone', () => {
  const decoder = decoderFor(plain, stream, row)
  const decoded = decoder.decode(record({ value: Buffer.from([2]), headers: { __value_schema_id: 'x' } }))
  expect(decoded).toMatchObject({ why: { message: expect.stringContaining('GUID') } })
  expect(outcome(decoder.decode(record({ value: null })))).toBe('tombstone')
})
