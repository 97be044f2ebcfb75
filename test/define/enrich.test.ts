import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import * as t from '../../src/define/index.ts'
import type { SourceSpec } from '../../src/engine/index.ts'
import { js, mistake, shop, type Untyped } from './declare.ts'

const from = [t.kafka('shop.public.products', { format: t.debezium() })]
const products = t.tableSource('products', {
  row: z.object({ pid: z.string(), price: t.decimal(2), made: t.epochMs(), parts: z.array(z.string().max(9)) }),
  key: 'pid',
  from,
})
const offers = t.tableSource('offers', {
  row: z.object({ shop_id: t.int64(), device: z.uuid(), off: z.number() }),
  key: ['shop_id', 'device'],
  from,
})
const event = z.object({
  id: z.string(),
  product_id: z.string().nullish(),
  shop: z.int(),
  device: z.uuid().optional(),
  at: z.iso.datetime({ offset: true }),
  note: z.string(),
})
const base = { event, id: 'id', time: 'at', from: [t.webhook()] } as const
const price = { on: 'product_id', fields: ['price'], unknown: 'null' } as const
const clicks = (enrich: unknown, more: object = {}): t.StreamSource =>
  js.streamSource('clicks', { ...base, enrich, ...more })
const of = (table: unknown, options: object) => js.enrich(table, options)

test('what comes from a table stands behind what is sent, each field as the column is and also null', () => {
  const { spec } = clicks([
    t.enrich(products, { on: 'product_id', fields: ['made', 'parts'], unknown: 'refuse', as: 'p_' }),
    t.enrich(offers, { on: { device: 'device', shop_id: 'shop' }, fields: ['off'], unknown: 'null' }),
  ])
  const added = { nullable: true, optional: true, enriched: true }
  expect(spec.fields.slice(6)).toEqual([
    { name: 'p_made', type: 'timestamp', format: 'ms', ...added },
    { name: 'p_parts', type: 'list(string)', items: { maxLength: 9 }, ...added },
    { name: 'off', type: 'float64', ...added },
  ])
  expect(spec.enrich).toEqual([
    {
      table: 'products',
      on: ['product_id'],
      columns: [
        { column: 'made', as: 'p_made' },
        { column: 'parts', as: 'p_parts' },
      ],
      unknown: 'refuse',
    },
    { table: 'offers', on: ['shop', 'device'], columns: [{ column: 'off', as: 'off' }], unknown: 'null' },
  ])
})

test('a table that only serves enrichment is deployed, once, and changes the hash', () => {
  const view = (source: t.StreamSource) =>
    js.featureView('v', { entity: t.entity('p', { note: z.string() }), source, key: { note: 'note' } }, () => ({
      n: t.count().over('1h'),
    }))
  const deploy = (enrich: unknown) => t.definitions({ services: [], views: [view(clicks(enrich))] })
  const both = deploy([t.enrich(products, price), t.enrich(products, { ...price, as: 'again_' })])
  expect(both.spec.sources.map(({ name }: SourceSpec) => name)).toEqual(['clicks', 'products'])
  const hashes = [both, deploy(undefined), deploy(t.enrich(products, price))].map(({ hash }) => hash)
  expect(new Set([...hashes, deploy(t.enrich(products, { ...price, unknown: 'refuse' })).hash]).size).toBe(4)
  const other = t.tableSource('products', { row: z.object({ pid: z.string(), price: z.number() }), key: 'pid', from })
  expect(mistake(() => deploy([t.enrich(products, price), t.enrich(other, { ...price, as: 'x_' })])).message).toContain(
    'two different sources are called "products"',
  )
})

describe('mistakes of enrich()', () => {
  test.each<[string, () => unknown, string, string]>([
    ['no table', () => of(undefined, price), 'bad_option', 'give it what tableSource(...) returned'],
    [
      'a stream',
      () => of(shop, price),
      'bad_option',
      'shop is a stream of events: only the rows of a tableSource(...)',
    ],
    ['a typo', () => of(products, { ...price, field: ['price'] }), 'bad_option', 'no option "field". Did you mean'],
    [
      'nothing said of unknown rows',
      () => of(products, { on: 'product_id', fields: ['price'] }),
      'bad_option',
      "'null' or 'refuse'; got undefined",
    ],
    ['no columns', () => of(products, { ...price, fields: [] }), 'empty', "Write fields: ['pid']"],
    [
      'a column that is none',
      () => of(products, { ...price, fields: ['prize'] }),
      'unknown_field',
      '"prize", which is no column of products. Did you mean "price"?',
    ],
    [
      'when a row was changed',
      () => of(products, { ...price, fields: ['$time'] }),
      'unknown_field',
      'no column of products',
    ],
    [
      'a column twice',
      () => of(products, { ...price, fields: ['price', 'price'] }),
      'duplicate',
      'names "price" twice',
    ],
    [
      'a prefix that is no text',
      () => of(products, { ...price, as: 5 }),
      'bad_option',
      "as is a text such as 'product_'",
    ],
  ])('%s', (_, declare, code, says) => {
    const error = mistake(declare)
    expect(error.message).toContain(says)
    expect(error.code).toBe(code)
    expect(error.where).toMatch(/^enrich/)
  })
})

describe('mistakes of a stream that is enriched', () => {
  const sent = { ...price, fields: ['price'] }
  test.each<[string, () => unknown, string, string]>([
    ['no enrichment', () => clicks('products'), 'bad_option', 'write enrich: enrich(products, {'],
    ['a list with none', () => clicks([undefined]), 'bad_option', 'write enrich: enrich(products, {'],
    [
      'a field that is none',
      () => clicks(of(products, { ...sent, on: 'productid' })),
      'unknown_field',
      'on names "productid", no field of the event, for the key "pid" of products. Did you mean "product_id"?',
    ],
    [
      'another type',
      () => clicks(of(products, { ...sent, on: 'shop' })),
      'bad_key',
      '"shop" is of type int64, the key "pid" of products of type string',
    ],
    ['a uuid for a text', () => clicks(of(products, { ...sent, on: 'device' })), 'bad_key', '"device" is of type uuid'],
    [
      'one field for a key of two',
      () => clicks(of(offers, { on: 'shop', fields: ['off'], unknown: 'null' })),
      'bad_key',
      "Write on: { shop_id: '...', device: '...' }",
    ],
    [
      'a part of the key',
      () => clicks(of(offers, { on: { shop_id: 'shop' }, fields: ['off'], unknown: 'null' })),
      'unknown_field',
      'on says nothing of the key "device" of offers',
    ],
    [
      'a column that is not of the key',
      () => clicks(of(products, { ...sent, on: { price: 'product_id' } })),
      'bad_key',
      'on names "price", which is not in the key of products: rows are found by all of their key',
    ],
    [
      'a field that is sent',
      () => clicks(of(products, { ...sent, fields: ['pid'] }), { event: event.extend({ pid: z.string() }) }),
      'duplicate',
      `the event sends a field "pid" already, and takes another from products: write as: 'product_'`,
    ],
    [
      'a field of two enrichments',
      () => clicks([of(products, sent), of(products, sent)]),
      'duplicate',
      'is enriched with a field "price" already',
    ],
    [
      'an id from a table',
      () => clicks(of(products, sent), { id: 'price' }),
      'wrong_type',
      'id names "price", which comes from a table: it is known only once the event has been accepted',
    ],
    [
      'a time from a table',
      () => clicks(of(products, { ...sent, fields: ['made'] }), { time: 'made' }),
      'wrong_type',
      'time names "made", which comes from a table',
    ],
    [
      'a name that means something else',
      () => clicks(of(products, { ...sent, as: 'x'.repeat(130) })),
      'bad_name',
      '1 to 128 characters',
    ],
    [
      'a table that is enriched',
      () => js.tableSource('x', { row: z.object({ id: z.int() }), key: 'id', from, enrich: of(products, sent) }),
      'bad_option',
      'the rows of a table are not enriched: enrich the events of a streamSource(...)',
    ],
  ])('%s', (_, declare, code, says) => {
    const error = mistake(declare)
    expect(error.message).toContain(says)
    expect(error.code).toBe(code)
    expect(error.where).toMatch(/^source (clicks|x)$/)
  })

  test('a key from a table', () => {
    const source = clicks(of(products, { ...sent, fields: ['pid'] })) as Untyped
    const declare = () =>
      js.featureView('v', { entity: t.entity('p', { pid: z.string() }), source, key: { pid: 'pid' } }, () => ({
        n: t.count().over('1h'),
      }))
    expect(mistake(declare).message).toContain('names "pid", which comes from a table: it is known only once')
  })
})
