import avro from 'avsc'
import { expect, test } from 'vitest'
import {
  checkWriterSchema,
  compileContract,
  decoderOf,
  describeVerdict,
  isRefusal,
  type ParsedEvents,
  parseAvroSchema,
  parseEvents,
  SchemaStore,
  type SchemaVerdict,
} from '../../../src/contract/index.ts'
import type { FieldSpec, SourceSpec } from '../../../src/engine/index.ts'
import { forSeeds, type Random } from '../../support/random.ts'
import { record } from '../formats/records.ts'
import { notTakenBy, randomFieldType, takenBy, type WriterType } from './contract-schemas.ts'

const at: FieldSpec = { name: 'at', type: 'timestamp', format: 'ms', nullable: false, optional: false }
const sourceOf = (...fields: FieldSpec[]): SourceSpec => ({
  name: 'orders',
  fields: [...fields, at],
  time: 'at',
  idempotency: 'none',
  maxFutureMs: 1e12,
  redeliveryHorizonMs: 1,
  from: [],
})
const written = { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } }
const schemaOf = (fields: readonly object[]) => ({ type: 'record', name: 'Order', fields: [...fields, written] })

function check(source: SourceSpec, schema: unknown, envelope?: 'debezium'): SchemaVerdict {
  const parsed = parseAvroSchema(JSON.stringify(schema))
  if ('problem' in parsed) throw new Error(parsed.problem)
  return checkWriterSchema(source, parsed, envelope)
}

interface Case {
  readonly field: FieldSpec
  readonly writer: WriterType | undefined
}

function randomCase(r: Random, name: string): Case {
  const { type, format, element } = randomFieldType(r)
  const isList = type.startsWith('list(')
  const limits = format === undefined ? {} : isList ? { items: { format } } : { format }
  const field: FieldSpec = { name, type, nullable: r.chance(0.5), optional: r.chance(0.5), ...limits }
  if (field.optional && r.chance(0.2)) return { field, writer: undefined }
  const scalar = r.pick(takenBy(element, format, `T_${name}`))
  const list: WriterType = {
    schema: { type: 'array', items: scalar.schema },
    value: (v) => Array.from({ length: v.int(0, 3) }, () => scalar.value(v)),
  }
  const writer = isList ? list : scalar
  if (!field.nullable || r.chance(0.5)) return { field, writer }
  return { field, writer: { schema: ['null', writer.schema], value: (v) => (v.chance(0.3) ? null : writer.value(v)) } }
}

test('every value of a compatible schema is taken by the contract', () => {
  forSeeds(400, (r) => {
    const cases = Array.from({ length: r.int(1, 6) }, (_, i) => randomCase(r, `f${i}`))
    const source = sourceOf(...cases.map(({ field }) => field))
    const fields = cases.flatMap(({ field, writer }) => (writer ? [{ name: field.name, type: writer.schema }] : []))
    const schema = schemaOf([...fields, { name: 'extra', type: ['null', 'string'] }])
    expect(check(source, schema)).toMatchObject({ kind: 'compatible' })

    const schemas = new SchemaStore()
    schemas.add('default', 7, { schemaType: 'AVRO', schema: JSON.stringify(schema), references: [] })
    const decoder = decoderOf({ kind: 'avro', registry: 'default' }, source, schemas)
    const contract = compileContract(source)
    const type = avro.Type.forSchema(schema as avro.Schema, { wrapUnions: false })
    for (let i = 0; i < 5; i++) {
      const values = cases.flatMap(({ field, writer }) => (writer ? [[field.name, writer.value(r)]] : []))
      const bytes = type.toBuffer({ ...Object.fromEntries(values), extra: 'x', at: 1_700_000_000_000 })
      const decoded = decoder.decode(record({ value: Buffer.concat([Buffer.from([0, 0, 0, 0, 7]), bytes]) }))
      if (decoded.kind !== 'event') throw new Error(JSON.stringify(decoded))
      const parsed = parseEvents(decoded.text, contract.exactNumbers) as ParsedEvents
      const event = contract.check(parsed.raws[0], 1_700_000_000_000)
      if (isRefusal(event)) throw new Error(`${event.message} ${decoded.text} ${JSON.stringify(schema)}`)
    }
  })
})

test('of an incompatible schema the field is named that is the cause, and no other', () => {
  forSeeds(400, (r) => {
    const cases = Array.from({ length: r.int(1, 5) }, (_, i) => randomCase(r, `f${i}`))
    const bad = randomFieldType(r)
    const isList = bad.type.startsWith('list(')
    const limits = bad.format === undefined ? {} : isList ? { items: { format: bad.format } } : { format: bad.format }
    const field: FieldSpec = {
      name: 'bad',
      type: bad.type,
      nullable: r.chance(0.5),
      optional: r.chance(0.5),
      ...limits,
    }
    const wrong = r.pick(notTakenBy(bad.element, bad.format, 'Wrong'))
    const fields = cases.flatMap(({ field: good, writer }) =>
      writer ? [{ name: good.name, type: writer.schema }] : [],
    )
    const type = isList ? { type: 'array', items: wrong } : wrong
    const verdict = check(
      sourceOf(...cases.map((one) => one.field), field),
      schemaOf([...fields, { name: 'bad', type }]),
    )
    expect(verdict).toMatchObject({ kind: 'incompatible', mismatches: [{ field: 'bad' }] })
  })
})

const amount = (more: Partial<FieldSpec> = {}): FieldSpec => ({
  name: 'amount',
  type: 'decimal(2)',
  nullable: false,
  optional: false,
  ...more,
})
const one = (field: FieldSpec, type?: unknown) =>
  check(sourceOf(field), schemaOf(type === undefined ? [] : [{ name: field.name, type }]))

test('a field that the contract needs must be there, and null only where it may be', () => {
  expect(one(amount())).toMatchObject({ mismatches: [{ field: 'amount', found: 'no such field' }] })
  expect(one(amount({ nullable: true }))).toMatchObject({ kind: 'incompatible' })
  expect(one(amount({ optional: true }))).toMatchObject({
    kind: 'compatible',
    notes: [expect.stringContaining('absent')],
  })
  expect(one(amount(), ['null', 'int'])).toMatchObject({
    mismatches: [{ found: 'null or int', expected: 'decimal(2), never null' }],
  })
  expect(one(amount({ nullable: true }), ['null', 'int'])).toMatchObject({ kind: 'compatible' })
})

test('every branch of a union counts', () => {
  expect(one(amount(), ['int', 'boolean'])).toMatchObject({
    mismatches: [{ field: 'amount', found: 'int or boolean' }],
  })
})

test("symbols beyond the contract's choices are named", () => {
  const kind: FieldSpec = { name: 'kind', type: 'string', values: ['a', 'b'], nullable: false, optional: false }
  const of = (...symbols: string[]) => one(kind, { type: 'enum', name: 'E', symbols })
  expect(of('a')).toMatchObject({ kind: 'compatible' })
  expect(of('a', 'c', 'd')).toMatchObject({
    mismatches: [{ field: 'kind', mend: expect.stringContaining("'c', 'd'") }],
  })
  expect(one(kind, 'string')).toMatchObject({ kind: 'compatible', notes: [expect.stringContaining('one by one')] })
})

test('a vector is an array of numbers, or so many bytes', () => {
  const vector: FieldSpec = { name: 'v', type: 'vector(3)', nullable: false, optional: false }
  expect(one(vector, { type: 'array', items: 'float' }).kind).toBe('compatible')
  expect(one(vector, { type: 'fixed', name: 'F', size: 12 }).kind).toBe('compatible')
  expect(one(vector, { type: 'fixed', name: 'F', size: 13 }).kind).toBe('incompatible')
  expect(one(vector, { type: 'array', items: 'string' }).kind).toBe('incompatible')
})

test("a list's items are never null", () => {
  const list: FieldSpec = { name: 'l', type: 'list(int)', nullable: true, optional: true }
  expect(one(list, { type: 'array', items: ['null', 'int'] })).toMatchObject({
    mismatches: [{ mend: expect.stringContaining('no nulls') }],
  })
})

const value = { type: 'record', name: 'Value', fields: [{ name: 'amount', type: 'int' }, written] }
const envelope = {
  type: 'record',
  name: 'Envelope',
  fields: [
    { name: 'before', type: ['null', value] },
    { name: 'after', type: ['null', 'Value'] },
    { name: 'source', type: { type: 'record', name: 'Source', fields: [{ name: 'ts_ms', type: 'long' }] } },
    { name: 'op', type: 'string' },
  ],
}

test("of Debezium's envelope the row counts, and of an unwrapped row the row", () => {
  expect(check(sourceOf(amount()), envelope, 'debezium').kind).toBe('compatible')
  expect(check(sourceOf(amount({ type: 'bool' })), envelope, 'debezium')).toMatchObject({
    mismatches: [{ field: 'amount' }],
  })
  expect(check(sourceOf(amount()), value, 'debezium').kind).toBe('compatible')
  expect(check(sourceOf(amount()), envelope).kind).toBe('incompatible')
})

test('what is no record cannot be read', () => {
  expect(check(sourceOf(), 'int')).toMatchObject({ kind: 'unreadable', problem: expect.stringContaining('it is int') })
  expect(check(sourceOf(), ['null', value, 'string'])).toMatchObject({ kind: 'unreadable' })
})

test('a verdict is told with the source, the schema, the field, both types and what to do', () => {
  const verdict = one(amount(), { type: 'bytes', logicalType: 'decimal', precision: 9, scale: 4 })
  const told = describeVerdict({ source: 'orders', subject: 'orders-value', version: 3, id: 9 }, verdict)
  expect(told).toBe(
    'source orders, schema orders-value version 3 id 9: incompatible\n' +
      '  amount: the contract has decimal(2), the schema has decimal of scale 4. ' +
      'Write at most 2 digits after the point, or declare the field decimal(4).',
  )
  const good = one(amount({ optional: true }))
  expect(describeVerdict({ source: 'orders' }, good)).toBe(
    'source orders, schema given: compatible\n  note: amount is not in the schema: absent from every event.',
  )
  const unreadable = check(sourceOf(), 'int')
  expect(describeVerdict({ source: 'orders', id: 1 }, unreadable)).toBe(
    'source orders, schema id 1: cannot be read: it is int; expected a record.',
  )
})
