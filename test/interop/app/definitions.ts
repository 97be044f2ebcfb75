/** What the tests with real peers, and of whole processes, run: streams and tables as a shop would have them. */
import * as z from 'zod'
import {
  avg,
  avro,
  count,
  debezium,
  decimal,
  definitions,
  enrich,
  entity,
  epochMs,
  expectFresh,
  expectRange,
  expectVolume,
  featureService,
  featureView,
  json,
  kafka,
  latest,
  lifetime,
  streamSource,
  sum,
  tableSource,
  webhook,
} from '../../../src/define/index.ts'
import type { Region } from '../../../src/plan/index.ts'

const user = entity('user', { user_id: z.string() })

/** What a contract is mended from and to: what it refused at first it takes later. */
type Contract = 'strict' | 'mended'

/** Clicks, each record once; without an id, so that only its place tells one from another. */
const clicks = (contract: Contract) =>
  streamSource('clicks', {
    event: z.object({
      uid: z.string(),
      amount: contract === 'strict' ? z.int().min(0) : z.int(),
      at: z.iso.datetime({ offset: true }),
    }),
    time: 'at',
    from: [kafka('clicks', { format: json(), maxIdle: '1s' })],
  })

/** Rows of PostgreSQL by Debezium, over Kafka and by its HTTP sink. */
const purchases = tableSource('purchases', {
  row: z.object({
    id: z.int(),
    user_id: z.string(),
    event_type: z.string(),
    product_id: z.string().nullable(),
    amount: decimal(2).nullable(),
    created_at: z.iso.datetime({ offset: true }),
  }),
  key: 'id',
  time: 'created_at',
  from: [
    kafka('dbserver1.public.user_activity', { format: debezium(), maxIdle: '1s' }),
    webhook({ format: debezium() }),
  ],
})

/** Orders in Avro, guarded by a schema registry. */
const shopOrders = (contract: Contract) =>
  streamSource('orders', {
    event: z.object({
      id: z.string(),
      uid: z.string(),
      amount: z.number(),
      note: (contract === 'strict' ? z.number() : z.string()).nullable(),
      at: epochMs(),
    }),
    id: 'id',
    time: 'at',
    from: [kafka('orders', { format: avro(), maxIdle: '1s' })],
  })

const orderStats = (contract: Contract) =>
  featureView(
    'order_stats',
    { entity: user, source: shopOrders(contract), key: { user_id: 'uid' }, since: 'beginning' },
    (e) => ({ orders: count().over(lifetime()), amount: sum(e.amount).over(lifetime()) }),
  )

/** Only there for others: no view reads it. */
const products = tableSource('products', {
  row: z.object({ id: z.string(), category: z.string(), price: decimal(2) }),
  key: 'id',
  from: [webhook({ format: debezium() })],
  expect: [expectRange('price', { min: '0.01', action: 'refuse' })],
})

/** What users look at, with what the product cost then. */
const looks = streamSource('looks', {
  event: z.object({ id: z.string(), uid: z.string(), product_id: z.string(), at: z.iso.datetime({ offset: true }) }),
  id: 'id',
  time: 'at',
  from: [webhook()],
  enrich: enrich(products, { on: 'product_id', fields: ['category', 'price'], unknown: 'refuse' }),
  expect: [
    expectRange('price', { max: '100.00', action: 'count' }),
    expectVolume({ atLeast: 50, per: '1h' }),
    expectFresh('1h'),
  ],
})

const clickStats = (contract: Contract) =>
  featureView(
    'click_stats',
    { entity: user, source: clicks(contract), key: { user_id: 'uid' }, since: 'beginning' },
    (e) => ({ clicks: count().over(lifetime()), amount: sum(e.amount).over(lifetime()) }),
  )

const purchaseStats = featureView(
  'purchase_stats',
  { entity: user, source: purchases, key: { user_id: 'user_id' }, since: 'beginning' },
  (e) => ({
    rows: count().over(lifetime()),
    spent: sum(e.amount).over(lifetime()),
    spent_avg: avg(e.amount).where(e.event_type.eq('purchase')).over(lifetime()),
    products: count(e.product_id).over(lifetime()),
  }),
)

const lookStats = featureView(
  'look_stats',
  { entity: user, source: looks, key: { user_id: 'uid' }, since: 'beginning' },
  (e) => ({ looks: count().over(lifetime()), worth: sum(e.price).over(lifetime()), last: latest(e.category) }),
)

const regions: readonly Region[] = [
  { name: 'east', id: 1, epoch: 0, shards: { default: 4 } },
  { name: 'west', id: 2, epoch: 0, shards: { default: 4 } },
]

export const shopApp = (contract: Contract) => ({
  definitions: definitions({
    services: [
      featureService('clicked', [clickStats(contract)]),
      featureService('bought', [purchaseStats]),
      featureService('ordered', [orderStats(contract)]),
      featureService('looked', [lookStats]),
    ],
  }),
  regions,
})

export const app = shopApp('strict')
