import * as z from 'zod'
import {
  count,
  debezium,
  decimal,
  enrich,
  entity,
  featureService,
  featureView,
  kafka,
  latest,
  streamSource,
  sum,
  tableSource,
  type VectorOf,
  webhook,
} from '../../src/define/index.ts'

// Types only: tsc checks this file, nothing runs it. Each planted mistake must be a compile error where it stands.

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const yes = <T extends true>(): T | undefined => undefined

const products = tableSource('products', {
  row: z.object({ pid: z.string(), category: z.enum(['books', 'toys']), price: decimal(2).nullable(), stock: z.int() }),
  key: 'pid',
  from: [kafka('shop.public.products', { format: debezium() })],
})
const shops = tableSource('shops', {
  row: z.object({ country: z.string(), number: z.int(), name: z.string() }),
  key: ['country', 'number'],
  from: [kafka('shop.public.shops', { format: debezium() })],
})
const event = z.object({
  id: z.string(),
  uid: z.string(),
  product_id: z.string(),
  country: z.string(),
  shop: z.int(),
  at: z.iso.datetime({ offset: true }),
})
const base = { event, id: 'id', time: 'at', from: [webhook()] } as const
const user = entity('user', { user_id: z.string() })

const one = streamSource('one', {
  ...base,
  enrich: enrich(products, { on: 'product_id', fields: ['category', 'price'], unknown: 'null' }),
})
const two = streamSource('two', {
  ...base,
  enrich: [
    enrich(products, { on: 'product_id', fields: ['category', 'stock'], unknown: 'refuse', as: 'product_' }),
    enrich(shops, { on: { country: 'country', number: 'shop' }, fields: ['name'], unknown: 'null' }),
  ],
})
const key = { user_id: 'uid' } as const

// Enriched fields are handles like any others, and a feature of them may be null.
const view = featureView('v', { entity: user, source: one, key }, (e) => ({
  last: latest(e.category),
  kept: latest(e.category, { nulls: 'keep' }),
  spent: sum(e.price).where(e.category.eq('books')).over('1h'),
}))
const service = featureService('s', [view])
yes<
  Same<
    VectorOf<typeof service>,
    {
      readonly last: 'books' | 'toys' | null
      readonly kept: 'books' | 'toys' | null
      readonly spent: string | null
    }
  >
>()
featureView('w', { entity: user, source: two, key }, (e) => ({
  n: count()
    .where(e.product_category.eq('toys').and(e.name.startsWith('x')).and(e.product_stock.gt(0)))
    .over('1h'),
  u: latest(e.uid),
}))

featureView('x', { entity: user, source: one, key }, (e) => ({
  // @ts-expect-error a column that the stream does not take
  n: latest(e.stock),
  // @ts-expect-error no such choice of the table's enum
  b: count().where(e.category.eq('cars')).over('1h'),
}))
featureView('y', { entity: user, source: two, key }, (e) => ({
  // @ts-expect-error its name has a prefix
  n: latest(e.category),
}))
// @ts-expect-error what comes from a table is no key
featureView('z', { entity: user, source: two, key: { user_id: 'name' } }, () => ({ n: count().over('1h') }))
// @ts-expect-error a column that the table does not have
enrich(products, { on: 'product_id', fields: ['colour'], unknown: 'null' })
// @ts-expect-error what follows when the row is unknown must be said
enrich(products, { on: 'product_id', fields: ['price'] })
// @ts-expect-error either null or refused
enrich(products, { on: 'product_id', fields: ['price'], unknown: 'skip' })
streamSource('bad', {
  ...base,
  // @ts-expect-error a field that events do not have
  enrich: enrich(products, { on: 'productId', fields: ['price'], unknown: 'null' }),
})
streamSource('bad_list', {
  ...base,
  // @ts-expect-error the same in a list
  enrich: [enrich(shops, { on: { country: 'land', number: 'shop' }, fields: ['name'], unknown: 'null' })],
})
streamSource('bad_id', {
  ...base,
  // @ts-expect-error an enriched field identifies nothing
  id: 'category',
  enrich: enrich(products, { on: 'product_id', fields: ['category'], unknown: 'null' }),
})
tableSource('bad_table', {
  row: z.object({ id: z.int() }),
  key: 'id',
  from: [kafka('t', { format: debezium() })],
  // @ts-expect-error rows of a table are not enriched
  enrich: enrich(products, { on: 'id', fields: ['price'], unknown: 'null' }),
})
