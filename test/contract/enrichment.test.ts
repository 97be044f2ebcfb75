import { expect, test } from 'vitest'
import { checkRegistered, compileContract, decoderOf, isRefusal, SchemaStore } from '../../src/contract/index.ts'
import type { FieldSpec, SourceSpec } from '../../src/engine/index.ts'

const NOW = Date.UTC(2026, 0, 1)
const field = (name: string, type: FieldSpec['type'], more: Partial<FieldSpec> = {}): FieldSpec => ({
  name,
  type,
  nullable: false,
  optional: false,
  ...more,
})
const enriched = { enriched: true, nullable: true, optional: true } as const
const plain: SourceSpec = {
  name: 'clicks',
  fields: [field('pid', 'string'), field('qty', 'int'), field('at', 'timestamp', { format: 'ms' })],
  idempotency: 'content',
  time: 'at',
  maxFutureMs: 300_000,
  redeliveryHorizonMs: 86_400_000,
  from: [{ kind: 'webhook' }],
}
const source: SourceSpec = {
  ...plain,
  fields: [
    ...plain.fields,
    field('price', 'decimal(2)', enriched),
    field('stock', 'int', { ...enriched, min: 0 }),
    field('shop', 'string', enriched),
  ],
  enrich: [
    {
      table: 'products',
      on: ['pid'],
      columns: [
        { column: 'price', as: 'price' },
        { column: 'stock', as: 'stock' },
      ],
      unknown: 'null',
    },
    { table: 'shops', on: ['pid', 'qty'], columns: [{ column: 'name', as: 'shop' }], unknown: 'refuse' },
  ],
}
const contract = compileContract(source)
const { enrichment } = contract
const sent = { pid: 'p1', qty: 2, at: NOW }

function check(raw: unknown) {
  const event = contract.check(raw, NOW)
  if (isRefusal(event)) throw new Error(event.message)
  return event
}

test('an event is the same event whatever it is enriched with, and whatever its sender says of that', () => {
  const event = check(sent)
  expect(event.values).toEqual(['p1', 2, NOW, null, null, null])
  const filled =
    enrichment?.fill(event.values, [
      ['0/0/1', '1.50', 3],
      ['0/0/2', 'x'],
    ]) ?? []
  expect(contract.payloadHash(filled)).toBe(contract.payloadHash(event.values))
  expect(check({ ...sent, price: 'nonsense', shop: 7 })).toEqual(event)
  // Nor does it become another by being enriched from now on.
  const before = compileContract(plain)
  expect(before.check(sent, NOW)).toMatchObject({ id: event.id })
  expect(before.payloadHash(event.values.slice(0, 3))).toBe(contract.payloadHash(event.values))
  expect(compileContract(plain).enrichment).toBeUndefined()
})

test('each row fills its own fields; an unknown row, and what no longer fits its field, is null', () => {
  const fill = (rows: Parameters<NonNullable<typeof enrichment>['fill']>[1]) =>
    enrichment?.fill(check(sent).values, rows).slice(3)
  expect(
    fill([
      ['0/0/1', '1.50', 3],
      ['0/0/2', 'x'],
    ]),
  ).toEqual([150n, 3, 'x'])
  expect(fill([null, ['0/0/2', 'x']])).toEqual([null, null, 'x'])
  expect(fill([['0/0/1', null, 3], null])).toEqual([null, 3, null])
  expect(
    fill([
      ['0/0/1', '1.505', -1],
      ['0/0/2', 7],
    ]),
  ).toEqual([null, null, null])
  expect(fill([])).toEqual([null, null, null])
  const values = check(sent).values
  enrichment?.fill(values, [['0/0/1', '1.50', 3], null])
  expect(values.slice(3)).toEqual([null, null, null])
})

test('only a row that must be known refuses, with the key that was looked for', () => {
  const { values } = check(sent)
  expect(enrichment?.refuse(values, [null, ['0/0/1', null]])).toBeUndefined()
  expect(enrichment?.refuse(values, [['0/0/1', null, null], null])).toEqual({
    reason: 'unknown_row',
    field: 'pid',
    message:
      'Table shops has no row for "pid" "p1", "qty" 2: replay this letter once the table has the row, or declare unknown: ' +
      "'null'.",
  })
})

test('a writer may call a field of its own as an enriched one, of whatever type: it is ignored', () => {
  const avro = {
    type: 'record',
    name: 'click',
    fields: [
      { name: 'pid', type: 'string' },
      { name: 'qty', type: 'long' },
      { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } },
      { name: 'price', type: { type: 'array', items: 'string' } },
    ],
  }
  const json = {
    type: 'object',
    required: ['pid', 'qty', 'at'],
    properties: {
      pid: { type: 'string' },
      qty: { type: 'integer' },
      at: { type: 'integer' },
      price: { type: 'object' },
    },
  }
  for (const [schemaType, schema] of [
    ['AVRO', avro],
    ['JSON', json],
  ] as const) {
    const registered = {
      subject: 'clicks-value',
      version: 1,
      id: 1,
      schemaType,
      schema: JSON.stringify(schema),
      references: [],
    }
    const verdict = checkRegistered(source, registered)
    expect(verdict).toMatchObject({ kind: 'compatible' })
    expect(JSON.stringify(verdict)).toContain('does not name price')
    expect(JSON.stringify(verdict)).not.toContain('stock')
  }
})

test('a decoder leaves enriched fields alone', () => {
  const debezium = {
    kind: 'debezium',
    only: 'inserts',
    value: { kind: 'json' },
    decimals: 'string',
    times: 'adaptive',
  } as const
  const record = (after: object) => ({
    key: null,
    value: new TextEncoder().encode(JSON.stringify({ op: 'c', before: null, after, source: {}, ts_ms: NOW })),
    headers: new Map(),
    timestampMs: NOW,
  })
  const decode = (spec: SourceSpec) =>
    decoderOf(debezium, spec, new SchemaStore()).decode(record({ ...sent, at: NOW * 1_000, price: { not: 'a price' } }))
  expect(decode(source)).toEqual(decode(plain))
  expect(decode(source)).toMatchObject({ kind: 'event' })
})
