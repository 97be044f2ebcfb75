/** What the tests with real peers run: streams and a table, as a shop would have them. */
import * as z from 'zod'
import {
  avg,
  avro,
  count,
  debezium,
  decimal,
  definitions,
  entity,
  epochMs,
  featureService,
  featureView,
  json,
  kafka,
  lifetime,
  streamSource,
  sum,
  tableSource,
  webhook,
} from '../../../src/define/index.ts'
import type { Region } from '../../../src/plan/index.ts'

const user = entity('user', { user_id: z.string() })

/** Clicks, each record once; without an id, so that only its place tells one from another. */
const clicks = streamSource('clicks', {
  event: z.object({ uid: z.string(), amount: z.int(), at: z.iso.datetime({ offset: true }) }),
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

/** Orders in Avro, guarded by a schema registry. `note` is what a contract is mended by: a number at first, a text later. */
const shopOrders = (note: 'number' | 'text') =>
  streamSource('orders', {
    event: z.object({
      id: z.string(),
      uid: z.string(),
      amount: z.number(),
      note: (note === 'number' ? z.number() : z.string()).nullable(),
      at: epochMs(),
    }),
    id: 'id',
    time: 'at',
    from: [kafka('orders', { format: avro(), maxIdle: '1s' })],
  })

const orderStats = (note: 'number' | 'text') =>
  featureView(
    'order_stats',
    { entity: user, source: shopOrders(note), key: { user_id: 'uid' }, since: 'beginning' },
    (e) => ({ orders: count().over(lifetime()), amount: sum(e.amount).over(lifetime()) }),
  )

const clickStats = featureView(
  'click_stats',
  { entity: user, source: clicks, key: { user_id: 'uid' }, since: 'beginning' },
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

const regions: readonly Region[] = [
  { name: 'east', id: 1, epoch: 0, shards: { default: 4 } },
  { name: 'west', id: 2, epoch: 0, shards: { default: 4 } },
]

export const shopApp = (note: 'number' | 'text') => ({
  definitions: definitions({
    services: [
      featureService('clicked', [clickStats]),
      featureService('bought', [purchaseStats]),
      featureService('ordered', [orderStats(note)]),
    ],
  }),
  regions,
})

export const app = shopApp('number')
