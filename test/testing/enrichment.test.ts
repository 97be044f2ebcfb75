import { expect, test } from 'vitest'
import * as z from 'zod'
import {
  count,
  debezium,
  decimal,
  definitions,
  enrich,
  entity,
  featureService,
  featureView,
  int64,
  intervalJoin,
  kafka,
  latest,
  lifetime,
  streamSource,
  sum,
  tableSource,
  webhook,
} from '../../src/define/index.ts'
import { localStore } from '../../src/testing/index.ts'

const NOW = Date.UTC(2026, 0, 1, 12)

const products = tableSource('products', {
  row: z.object({
    pid: z.string(),
    category: z.string(),
    price: decimal(2).nullable(),
    stock: int64().optional(),
    listed: z.iso.datetime({ offset: true }).optional(),
  }),
  key: 'pid',
  from: [kafka('shop.public.products', { format: debezium() })],
})
const offers = tableSource('offers', {
  row: z.object({ shop: z.int(), pid: z.string(), off: z.number() }),
  key: ['shop', 'pid'],
  from: [kafka('shop.public.offers', { format: debezium() })],
})
const event = z.object({
  id: z.string(),
  uid: z.string(),
  product_id: z.string().nullish(),
  shop: z.int().optional(),
  at: z.iso.datetime({ offset: true }),
})
const user = entity('user', { user_id: z.string() })

function open(unknown: 'null' | 'refuse' = 'null', shards = 2) {
  const activity = streamSource('activity', {
    event,
    id: 'id',
    time: 'at',
    from: [webhook()],
    enrich: [
      enrich(products, { on: 'product_id', fields: ['category', 'price', 'stock', 'listed'], unknown }),
      enrich(offers, { on: { pid: 'product_id', shop: 'shop' }, fields: ['off'], unknown: 'null', as: 'offer_' }),
    ],
  })
  const stats = featureView(
    'stats',
    { entity: user, source: activity, key: { user_id: 'uid' }, since: 'beginning' },
    (e) => ({
      events: count().over(lifetime()),
      books: count().where(e.category.eq('books')).over(lifetime()),
      spent: sum(e.price).over(lifetime()),
      last_category: latest(e.category, { nulls: 'keep' }),
      last_stock: latest(e.stock),
      last_listed: latest(e.listed),
      last_off: latest(e.offer_off),
    }),
  )
  const service = featureService('profile', [stats])
  const store = localStore(definitions({ services: [service] }), { now: () => NOW, shards })
  let events = 0
  return {
    store,
    product: (pid: string, category: string, price: string | null, more: object = {}) =>
      store.change('products', [{ op: 'update', after: { pid, category, price, ...more } }]),
    send: (product_id: string | null | undefined, more: object = {}) => {
      const at = new Date(NOW - 60_000 + ++events).toISOString()
      return store.send('activity', [{ id: `e${events}`, uid: 'ann', product_id, at, ...more }])
    },
    read: async () => (await store.read({ service: 'profile', entities: [{ user_id: 'ann' }] }))[0]?.features,
  }
}

test('an event has the row as the table has it when it is accepted, and keeps it whatever becomes of the row', async () => {
  const { store, product, send, read } = open()
  await send('p1')
  expect(await read()).toMatchObject({ events: 1, books: 0, spent: null, last_category: null })

  await product('p1', 'books', '12.50', { stock: 9007199254740993n, listed: '2020-02-02T00:00:00Z' })
  await send('p1')
  expect(await read()).toMatchObject({
    events: 2,
    books: 1,
    spent: '12.50',
    last_category: 'books',
    last_stock: 9007199254740993n,
    last_listed: Date.UTC(2020, 1, 2),
  })

  await product('p1', 'toys', '1.00')
  expect(await read()).toMatchObject({ books: 1, spent: '12.50', last_category: 'books' })
  await send('p1')
  expect(await read()).toMatchObject({ events: 3, books: 1, spent: '13.50', last_category: 'toys' })

  await store.change('products', [{ op: 'delete', key: { pid: 'p1' } }])
  await send('p1')
  expect(await read()).toMatchObject({ events: 4, books: 1, spent: '13.50', last_category: null })
  await product('p1', 'books', null)
  await store.change('products', [{ op: 'truncate' }])
  await send('p1')
  expect(await read()).toMatchObject({ events: 5, books: 1 })
})

test('a known id keeps what it was enriched with: sent again it is a duplicate, with another payload a conflict', async () => {
  const { store, product, read } = open()
  const sent = { id: 'e1', uid: 'ann', product_id: 'p1', at: '2026-01-01T11:00:00Z' }
  await product('p1', 'books', '12.50')
  await store.send('activity', [sent])
  await product('p1', 'toys', '1.00')
  expect(await store.send('activity', [sent, sent])).toMatchObject({ accepted: 0, duplicates: 2, refused: [] })
  // What a sender says of an enriched field is no part of the event.
  expect(await store.send('activity', [{ ...sent, category: 'mine' }])).toMatchObject({ duplicates: 1 })
  expect(await store.send('activity', [{ ...sent, product_id: 'p2' }])).toMatchObject({
    refused: [{ reason: 'conflict' }],
  })
  expect(await read()).toMatchObject({ events: 1, books: 1, spent: '12.50', last_category: 'books' })
})

test('an event that names no row, or a part of a key, is as one whose row is unknown', async () => {
  const { store, product, send, read } = open()
  await product('p1', 'books', '12.50')
  await store.change('offers', [
    { op: 'insert', after: { shop: 7, pid: 'p1', off: 0.5 } },
    { op: 'insert', after: { shop: 8, pid: 'a,b\\', off: 0.25 } },
  ])
  for (const none of [null, undefined]) await send(none, { shop: 7 })
  await send('p1')
  expect(await read()).toMatchObject({ events: 3, books: 1, last_off: null })
  await send('p1', { shop: 7 })
  expect(await read()).toMatchObject({ books: 2, last_off: 0.5 })
  await send('a,b\\', { shop: 8 })
  expect(await read()).toMatchObject({ books: 2, last_off: 0.25, last_category: null })
})

test('refused where the row must be known, a letter is taken once the table has it', async () => {
  const { store, product, send, read } = open('refuse')
  await product('p1', 'books', '12.50')
  const receipt = await send('p9')
  expect(receipt.refused).toMatchObject([
    {
      reason: 'unknown_row',
      field: 'product_id',
      message:
        'Table products has no row for "product_id" "p9": replay this letter once the table has the row, or declare ' +
        "unknown: 'null'.",
    },
  ])
  expect((await send(null)).refused).toMatchObject([{ reason: 'unknown_row', field: 'product_id' }])
  const [letter] = store.deadLetters
  expect(letter).toMatchObject({ source: 'activity', reason: 'unknown_row' })
  // As it came: what it lacked is no part of it.
  expect(JSON.parse(letter?.payload ?? '')).toMatchObject({ id: 'e1', uid: 'ann', product_id: 'p9' })
  expect(JSON.parse(letter?.payload ?? '')).not.toHaveProperty('category')

  expect(await store.send('activity', letter?.payload ?? '')).toMatchObject({ accepted: 0, refused: [{ index: 0 }] })
  await product('p9', 'toys', '3.00')
  expect(await store.send('activity', letter?.payload ?? '')).toMatchObject({ accepted: 1, refused: [] })
  await product('p9', 'books', '4.00')
  await store.change('products', [{ op: 'delete', key: { pid: 'p9' } }])
  // Known by now, and so no matter of the table any more.
  expect(await store.send('activity', letter?.payload ?? '')).toMatchObject({ duplicates: 1, refused: [] })
  expect(await read()).toMatchObject({ events: 1, spent: '3.00', last_category: 'toys' })
})

test('a wrong event is refused for what is wrong with it, not for the row that it names', async () => {
  const { send } = open('refuse')
  expect((await send('p9', { shop: 'seven' })).refused).toMatchObject([{ reason: 'wrong_type', field: 'shop' }])
  expect((await send('p9', { at: '2030-01-01T00:00:00Z' })).refused).toMatchObject([{ reason: 'future_time' }])
})

test('an event identified by its content is the same event whatever the table says', async () => {
  const stream = (more: object) =>
    streamSource('clicks', {
      event: z.object({ uid: z.string(), pid: z.string(), at: z.iso.datetime({ offset: true }) }),
      idempotency: 'content',
      time: 'at',
      from: [webhook()],
      ...more,
    })
  const clicks = stream({ enrich: enrich(products, { on: 'pid', fields: ['category'], unknown: 'null' }) })
  const view = featureView('v', { entity: user, source: clicks, key: { user_id: 'uid' } }, () => ({
    n: count().over('1d'),
  }))
  const store = localStore(definitions({ services: [featureService('s', [view])] }), { now: () => NOW })
  const click = { uid: 'ann', pid: 'p1', at: '2026-01-01T11:00:00Z' }
  expect(await store.send('clicks', [click])).toMatchObject({ accepted: 1 })
  await store.change('products', [{ op: 'insert', after: { pid: 'p1', category: 'books', price: null } }])
  expect(await store.send('clicks', [click])).toMatchObject({ accepted: 0, duplicates: 1 })
})

test('views of several sources read what each is enriched with, and its table is deployed', async () => {
  const clicks = streamSource('clicks', {
    event: z.object({ id: z.string(), uid: z.string(), pid: z.string(), at: z.iso.datetime({ offset: true }) }),
    id: 'id',
    time: 'at',
    from: [webhook()],
    enrich: enrich(products, { on: 'pid', fields: ['category', 'price'], unknown: 'null' }),
  })
  const buys = streamSource('buys', {
    event: z.object({ id: z.string(), uid: z.string(), pid: z.string(), at: z.iso.datetime({ offset: true }) }),
    id: 'id',
    time: 'at',
    from: [webhook()],
  })
  const bought = intervalJoin('bought', clicks, buys, { on: 'pid', within: '30m' })
  const view = featureView('v', { entity: user, source: bought, key: { user_id: 'uid' }, since: 'beginning' }, (e) => ({
    books: count()
      .where(e.matched.eq(true).and(e.left.category.eq('books')))
      .over('1d'),
    worth: sum(e.left.price).over('1d'),
  }))
  const all = definitions({ services: [featureService('s', [view])] })
  expect(all.spec.sources.map(({ name }) => name)).toEqual(['buys', 'clicks', 'products'])
  const store = localStore(all, { now: () => NOW })
  const price = (price: string) =>
    store.change('products', [{ op: 'update', after: { pid: 'p1', category: 'books', price } }])
  const event = { uid: 'ann', pid: 'p1' }
  await price('12.50')
  await store.send('clicks', [{ id: 'c1', ...event, at: '2026-01-01T10:00:00Z' }])
  await price('99.00')
  await store.send('buys', [{ id: 'b1', ...event, at: '2026-01-01T10:05:00Z' }])
  const [row] = await store.read({ service: 's', entities: [{ user_id: 'ann' }] })
  expect(row?.features).toMatchObject({ books: 1, worth: '12.50' })
})
