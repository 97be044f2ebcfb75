import avro from 'avsc'
import { expect, test } from 'vitest'
import { AvroCursor, BadAvro } from '../../../src/contract/avro/cursor.ts'
import { parseAvroSchema } from '../../../src/contract/avro/parse-schema.ts'
import { jsonReader } from '../../../src/contract/avro/read-json.ts'
import { type AvroSchema, avroTypeName } from '../../../src/contract/avro/schema.ts'
import { skipValue } from '../../../src/contract/avro/skip.ts'
import type { FieldSpec, FieldType } from '../../../src/engine/index.ts'
import { forSeeds } from '../../support/random.ts'
import { randomRecord } from './random-schemas.ts'

function parsed(schema: unknown, references: readonly string[] = []): AvroSchema {
  const found = parseAvroSchema(JSON.stringify(schema), references)
  if ('problem' in found) throw new Error(found.problem)
  return found
}

function problemOf(schema: unknown): string {
  const found = parseAvroSchema(typeof schema === 'string' ? schema : JSON.stringify(schema))
  return 'problem' in found ? found.problem : ''
}

/** The JSON of bytes and how many were left. */
function read(schema: unknown, bytes: Uint8Array, field?: FieldSpec): { json: string; rest: number } {
  const cursor = new AvroCursor(bytes)
  const json = jsonReader(parsed(schema), field)(cursor)
  return { json, rest: cursor.rest }
}

const forValue = (schema: unknown) =>
  avro.Type.forSchema(schema as avro.Schema, { wrapUnions: false, noAnonymousTypes: false })

test('what avsc writes is read as what went in, and passed over as a whole', () => {
  forSeeds(400, (r) => {
    const type = randomRecord(r, 4)
    const writer = forValue(type.schema)
    for (let i = 0; i < 5; i++) {
      const value = type.value(r)
      const bytes = writer.toBuffer(value)
      const { json, rest } = read(type.schema, bytes)
      expect(rest).toBe(0)
      expect(JSON.parse(json)).toEqual(type.json(value as never))
      const cursor = new AvroCursor(bytes)
      skipValue(cursor, parsed(type.schema))
      expect(cursor.rest).toBe(0)
    }
  })
})

test('cut anywhere, a value is refused or has all it needs; damaged anywhere, it is refused or read, and never throws else', () => {
  forSeeds(150, (r) => {
    const type = randomRecord(r, 3)
    const schema = parsed(type.schema)
    const reader = jsonReader(schema)
    const bytes = Uint8Array.from(forValue(type.schema).toBuffer(type.value(r)))
    for (let cut = 0; cut < Math.min(bytes.length, 60); cut++) {
      expect(() => reader(new AvroCursor(bytes.subarray(0, cut)))).toThrow(BadAvro)
    }
    for (let i = 0; i < 40 && bytes.length > 0; i++) {
      const damaged = bytes.slice()
      damaged[r.int(0, bytes.length - 1)] = r.int(0, 255)
      try {
        JSON.parse(reader(new AvroCursor(damaged)))
      } catch (error) {
        expect(error).toBeInstanceOf(BadAvro)
      }
    }
  })
})

test('longs are exact to their last bit', () => {
  const long = avro.types.LongType.__with({
    fromBuffer: (buffer: Buffer) => buffer.readBigInt64LE(),
    toBuffer: (value: bigint) => {
      const buffer = Buffer.alloc(8)
      buffer.writeBigInt64LE(value)
      return buffer
    },
    fromJSON: BigInt,
    toJSON: Number,
    isValid: (value: unknown) => typeof value === 'bigint',
    compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
  } as never)
  forSeeds(500, (r) => {
    let value = 0n
    for (let i = 0; i < 4; i++) value = (value << 16n) | BigInt(r.int(0, 65_535))
    const signed = BigInt.asIntN(r.int(1, 64), value)
    expect(read('long', long.toBuffer(signed)).json).toBe(String(signed))
  })
  const edges = [2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n, -(2n ** 53n), 2n ** 53n - 1n]
  for (const edge of edges) expect(read('long', long.toBuffer(edge)).json).toBe(String(edge))
})

const bytesOf = (...bytes: number[]) => Uint8Array.from(bytes)

test.each([
  ['a long of 11 bytes', 'long', bytesOf(...Array.from({ length: 10 }, () => 0xff), 1)],
  ['a long of 65 bits', 'long', bytesOf(...Array.from({ length: 9 }, () => 0xff), 2)],
  ['an int of 33 bits', 'int', bytesOf(0xff, 0xff, 0xff, 0xff, 0x1f)],
  ['a boolean of 2', 'boolean', bytesOf(2)],
  ['a branch beyond the union', ['null', 'int'], bytesOf(4)],
  ['a branch below zero', ['null', 'int'], bytesOf(1)],
  ['a symbol beyond the enum', { type: 'enum', name: 'E', symbols: ['A'] }, bytesOf(2)],
  ['a text longer than the bytes', 'string', bytesOf(0x10, 65)],
  ['a text of negative length', 'string', bytesOf(1)],
  ['a text that is no UTF-8', 'string', bytesOf(2, 0xff)],
  ['a text with an encoded surrogate', 'string', bytesOf(6, 0xed, 0xa0, 0x80)],
  ['a long text that is no UTF-8', 'string', bytesOf(0x40, ...Array.from({ length: 32 }, () => 0x80))],
  ['a decimal without bytes', { type: 'bytes', logicalType: 'decimal', precision: 4, scale: 2 }, bytesOf(0)],
])('%s is refused', (_, schema, bytes) => {
  expect(() => read(schema, bytes)).toThrow(BadAvro)
})

const zigzag = (count: bigint): number[] => {
  const bytes: number[] = []
  let coded = BigInt.asUintN(64, (count << 1n) ^ (count >> 63n))
  for (; coded > 0x7fn; coded >>= 7n) bytes.push(Number(coded & 0x7fn) | 0x80)
  return [...bytes, Number(coded)]
}

test('counts without bytes behind them are refused at once', () => {
  const empty = { type: 'record', name: 'R', fields: [] }
  for (const items of ['null', empty, { type: 'fixed', name: 'F', size: 0 }]) {
    for (const count of [10n ** 9n, 2n ** 40n, 2n ** 62n, -(2n ** 50n)]) {
      const bytes = bytesOf(...zigzag(count), ...(count < 0n ? [0] : []), 0)
      expect(() => read({ type: 'array', items }, bytes)).toThrow(BadAvro)
      expect(() => skipValue(new AvroCursor(bytes), parsed({ type: 'array', items }))).toThrow(BadAvro)
    }
  }
  expect(read({ type: 'array', items: 'null' }, bytesOf(6, 0)).json).toBe('[null,null,null]')
  expect(() => read({ type: 'array', items: 'int' }, bytesOf(...zigzag(2n ** 40n), 2, 2))).toThrow(BadAvro)
})

test('names of a schema cannot blow a few bytes up to a text without end', () => {
  const wide = { type: 'record', name: 'W', fields: [{ name: 'x'.repeat(10_000), type: 'null' }] }
  expect(() => read({ type: 'array', items: wide }, bytesOf(...zigzag(10_000n), 0))).toThrow(BadAvro)
})

test('records of records that take no bytes end after so many', () => {
  let type: unknown = 'null'
  for (let i = 0; i < 40; i++) {
    const name = `R${i}`
    type = {
      type: 'record',
      name,
      fields: [
        { name: 'a', type },
        { name: 'b', type: i === 0 ? 'null' : `R${i - 1}` },
      ],
    }
  }
  expect(() => skipValue(new AvroCursor(bytesOf()), parsed(type))).toThrow(BadAvro)
  expect(() => read(type, bytesOf())).toThrow(BadAvro)
})

const chain = { type: 'record', name: 'Link', fields: [{ name: 'next', type: ['null', 'Link'] }] }

test('a recursive type is read, and to a depth of 64', () => {
  const link = (depth: number) => bytesOf(...Array.from({ length: depth }, () => 2), 0)
  expect(read(chain, link(2)).json).toBe('{"next":{"next":{"next":null}}}')
  expect(read(chain, link(63)).rest).toBe(0)
  expect(() => read(chain, link(64))).toThrow(BadAvro)
  expect(() => skipValue(new AvroCursor(link(64)), parsed(chain))).toThrow(BadAvro)
})

test('blocks with their length, as other writers have them, are the same list', () => {
  // -2 items in 2 bytes, then 1 item, then the end.
  expect(read({ type: 'array', items: 'int' }, bytesOf(3, 4, 2, 4, 2, 6, 0)).json).toBe('[1,2,3]')
})

const field = (type: FieldType, format?: 'iso' | 'ms'): FieldSpec => ({
  name: 'f',
  type,
  nullable: true,
  optional: true,
  ...(format !== undefined && { format }),
})
const logical = (type: string, logicalType: string, more: object = {}) => ({ type, logicalType, ...more })
const connect = (type: string, name: string, more: object = {}) => ({ type, 'connect.name': name, ...more })
const micros = 1767323045654321n

test.each([
  ['decimal to decimal', logical('bytes', 'decimal', { scale: 2 }), field('decimal(2)'), [4, 0x07, 0xc6], '"19.90"'],
  ['decimal to float64', logical('bytes', 'decimal', { scale: 2 }), field('float64'), [4, 0x07, 0xc6], '19.9'],
  ['decimal to int64', logical('bytes', 'decimal', { scale: 0 }), field('int64'), [2, 0xfb], '-5'],
  [
    'fixed decimal',
    { type: 'fixed', name: 'F', size: 2, logicalType: 'decimal', scale: 1 },
    field('decimal(1)'),
    [0xff, 0xff],
    '"-0.1"',
  ],
  [
    'millis to ms',
    logical('long', 'timestamp-millis'),
    field('timestamp', 'ms'),
    zigzag(1767323045654n),
    '1767323045654',
  ],
  ['micros to ms', logical('long', 'timestamp-micros'), field('timestamp', 'ms'), zigzag(micros), '1767323045654'],
  ['micros before the epoch', logical('long', 'timestamp-micros'), field('timestamp', 'ms'), zigzag(-1n), '-1'],
  [
    'nanos to iso',
    logical('long', 'timestamp-nanos'),
    field('timestamp', 'iso'),
    zigzag(micros * 1000n),
    '"2026-01-02T03:04:05.654Z"',
  ],
  ['date to iso', logical('int', 'date'), field('timestamp', 'iso'), zigzag(20455n), '"2026-01-02T00:00:00.000Z"'],
  ['date to ms', logical('int', 'date'), field('timestamp', 'ms'), zigzag(-1n), '-86400000'],
  ['text to ms', 'string', field('timestamp', 'ms'), [40, ...Buffer.from('2026-01-02T00:00:00Z')], '1767312000000'],
  ['text to iso', 'string', field('timestamp', 'iso'), [16, ...Buffer.from('infinity')], '"infinity"'],
  ['a plain long to ms', 'long', field('timestamp', 'ms'), zigzag(5n), '5'],
  ['a time to int64', logical('long', 'timestamp-micros'), field('int64'), zigzag(micros), String(micros)],
  [
    'a uuid of bytes',
    { type: 'fixed', name: 'U', size: 16, logicalType: 'uuid' },
    field('string'),
    Array.from({ length: 16 }, (_, i) => i),
    '"00010203-0405-0607-0809-0a0b0c0d0e0f"',
  ],
  [
    "Connect's decimal",
    connect('bytes', 'org.apache.kafka.connect.data.Decimal', { 'connect.parameters': { scale: '2' } }),
    field('decimal(2)'),
    [2, 100],
    '"1.00"',
  ],
  [
    "Debezium's microseconds",
    connect('long', 'io.debezium.time.MicroTimestamp'),
    field('timestamp', 'ms'),
    zigzag(micros),
    '1767323045654',
  ],
  ["Debezium's date", connect('int', 'io.debezium.time.Date'), field('timestamp', 'ms'), zigzag(1n), '86400000'],
  ['NaN', 'double', field('float64'), [0, 0, 0, 0, 0, 0, 0xf8, 0x7f], 'null'],
  ['an infinity', 'double', field('float64'), [0, 0, 0, 0, 0, 0, 0xf0, 0xff], '"-Infinity"'],
  ['minus zero', 'double', field('float64'), [0, 0, 0, 0, 0, 0, 0, 0x80], '-0'],
  ['NaN of a decimal in text', 'string', field('decimal(2)'), [6, ...Buffer.from('NAN')], 'null'],
  [
    'a list of times',
    { type: 'array', items: logical('long', 'timestamp-millis') },
    field('list(timestamp)'),
    [2, 0, 0],
    '["1970-01-01T00:00:00.000Z"]',
  ],
  ['bytes', 'bytes', field('string'), [4, 0xff, 0], '"/wA="'],
] as const)('%s', (_, schema, to, bytes, json) => {
  expect(read(schema, Uint8Array.from(bytes), to)).toEqual({ json, rest: 0 })
})

test("Debezium's decimal of any scale is the number that it stands for", () => {
  const schema = {
    type: 'record',
    name: 'VariableScaleDecimal',
    namespace: 'io.debezium.data',
    fields: [
      { name: 'scale', type: 'int' },
      { name: 'value', type: 'bytes' },
    ],
  }
  expect(read(schema, bytesOf(4, 2, 5), field('decimal(2)')).json).toBe('"0.05"')
  expect(read(schema, bytesOf(3, 2, 5), field('decimal(2)')).json).toBe('"500"')
  expect(() => read(schema, bytesOf(...zigzag(2n ** 30n), 2, 5))).toThrow(BadAvro)
})

test('names are found by their namespaces, and in the schemas referred to', () => {
  const money = JSON.stringify({ type: 'record', name: 'shop.Money', fields: [{ name: 'units', type: 'long' }] })
  const order = {
    type: 'record',
    name: 'Order',
    namespace: 'shop',
    fields: [
      { name: 'price', type: 'Money' },
      { name: 'kind', type: { type: 'enum', name: 'Kind', symbols: ['A'] } },
      { name: 'again', type: 'shop.Kind' },
    ],
  }
  const bytes = bytesOf(10, 0, 0)
  const cursor = new AvroCursor(bytes)
  expect(jsonReader(parsed(order, [money]))(cursor)).toBe('{"price":{"units":5},"kind":"A","again":"A"}')
})

test.each([
  ['no JSON', '{', 'no JSON'],
  ['an unknown type', { type: 'record', name: 'R', fields: [{ name: 'a', type: 'Money' }] }, 'no type "Money"'],
  [
    'a name of Object.prototype',
    { type: 'record', name: 'R', fields: [{ name: 'a', type: 'constructor' }] },
    'no type',
  ],
  ['a record without name', { type: 'record', fields: [] }, 'no name'],
  ['a record without fields', { type: 'record', name: 'R' }, 'no list of fields'],
  ['a field without name', { type: 'record', name: 'R', fields: [{ type: 'int' }] }, 'without a name'],
  [
    'two fields of a name',
    { type: 'record', name: 'R', fields: [1, 2].map(() => ({ name: 'a', type: 'int' })) },
    'two fields',
  ],
  ['a union in a union', ['null', ['int']], 'union'],
  ['an empty union', [], 'no branches'],
  ['an enum of numbers', { type: 'enum', name: 'E', symbols: [1] }, 'symbols'],
  ['a fixed of negative size', { type: 'fixed', name: 'F', size: -1 }, 'size -1'],
  ['a name twice', ['A', 'A'].map((name) => ({ type: 'fixed', name, size: 1 })), 'twice'],
  ['a number', 5, 'no type'],
  ['a depth without end', JSON.parse(`${'{"type":"array","items":'.repeat(100)}"int"${'}'.repeat(100)}`), 'deeper'],
])('a schema with %s is a problem, not an exception', (_, schema, problem) => {
  expect(problemOf(schema)).toContain(problem)
})

test('unknown logical types and those on a wrong type are their plain ones', () => {
  const names = [
    logical('long', 'fortnights'),
    logical('int', 'timestamp-millis'),
    logical('bytes', 'decimal', { scale: -1 }),
  ]
  expect(names.map((schema) => avroTypeName(parsed(schema)))).toEqual(['long', 'int', 'bytes'])
  expect(avroTypeName(parsed(connect('string', 'io.debezium.time.MicroTimestamp')))).toBe('string')
  expect(avroTypeName(parsed(['null', logical('bytes', 'decimal', { scale: 2 })]))).toBe('null or decimal of scale 2')
})
