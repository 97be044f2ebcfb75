/**
 * What the tests of several regions run: one source of each way of routing, a table, and a spread entity. The regions are filled in
 * when it is deployed (test/interop/region.ts).
 */
import * as z from 'zod'
import {
  count,
  debezium,
  decimal,
  definitions,
  entity,
  featureService,
  featureView,
  lastN,
  latest,
  lifetime,
  streamSource,
  sum,
  tableSource,
  webhook,
} from '../../../../src/define/index.ts'
import { openLibsql } from '../../../../src/online/libsql/index.ts'
import { openRedis } from '../../../../src/online/redis/index.ts'
import type { Region, Routing } from '../../../../src/plan/index.ts'
import { THREE } from './three.ts'

const user = entity('user', { user_id: z.string() })
/** Kept in slices. */
const campaign = entity('campaign', { campaign_id: z.string() }, { spread: 2 })
/** Fed by a source that one region keeps: it has one part. */
const buyer = entity('buyer', { buyer_id: z.string() })
const event = z.object({
  id: z.string(),
  uid: z.string(),
  amount: z.int().min(0),
  at: z.iso.datetime({ offset: true }),
})

/** Kept where they come in. */
const clicks = streamSource('clicks', {
  event: event.extend({ campaign: z.string() }),
  id: 'id',
  time: 'at',
  from: [webhook()],
})

/** All kept in one region. */
const orders = streamSource('orders', { event, id: 'id', time: 'at', from: [webhook()] })

/** Kept where their country's customers are. */
const carts = streamSource('carts', {
  event: event.extend({ country: z.string() }),
  id: 'id',
  time: 'at',
  from: [webhook()],
})

/** Rows of a database: one region has them. */
const accounts = tableSource('accounts', {
  row: z.object({
    id: z.int(),
    user_id: z.string(),
    balance: decimal(2),
    changed_at: z.iso.datetime({ offset: true }),
  }),
  key: 'id',
  time: 'changed_at',
  from: [webhook({ format: debezium({ decimals: 'string' }) })],
})

const shown = featureView(
  'campaign_stats',
  { entity: campaign, source: clicks, key: { campaign_id: 'campaign' }, since: 'beginning' },
  (e) => ({ count: count().over(lifetime()), amount: sum(e.amount).over(lifetime()) }),
)

const bought = featureView(
  'buyer_stats',
  { entity: buyer, source: orders, key: { buyer_id: 'uid' }, since: 'beginning' },
  (e) => ({ count: count().over(lifetime()), amount: sum(e.amount).over(lifetime()) }),
)

const of = (source: typeof clicks | typeof orders, name: string) =>
  featureView(name, { entity: user, source, key: { user_id: 'uid' }, since: 'beginning' }, (e) => ({
    count: count().over(lifetime()),
    count_1h: count().over('1h'),
    amount: sum(e.amount).over(lifetime()),
    last: latest(e.amount),
    last_3: lastN(e.amount, 3).over(lifetime()),
  }))

const cartStats = featureView(
  'cart_stats',
  { entity: user, source: carts, key: { user_id: 'uid' }, since: 'beginning' },
  (e) => ({ count: count().over(lifetime()), amount: sum(e.amount).over(lifetime()) }),
)

const accountStats = featureView(
  'account_stats',
  { entity: user, source: accounts, key: { user_id: 'user_id' }, since: 'beginning' },
  (e) => ({ count: count().over(lifetime()), balance: sum(e.balance).over(lifetime()) }),
)

const routing: Routing = {
  orders: { home: 'east' },
  carts: { by: 'country', homes: { de: 'west', br: 'south' }, otherwise: 'east' },
}

/** Those that it is deployed with, or those that are deployed where no test says more. */
const regionsOf = (told: string): readonly Region[] =>
  told.startsWith('[') ? (JSON.parse(told) as readonly Region[]) : THREE

export const app = {
  definitions: definitions({
    services: [
      featureService('clicked', [of(clicks, 'click_stats')]),
      featureService('ordered', [of(orders, 'order_stats')]),
      featureService('carted', [cartStats]),
      featureService('owned', [accountStats]),
      featureService('shown', [shown]),
      featureService('bought', [bought]),
    ],
  }),
  regions: regionsOf('REGIONS_GO_HERE'),
  routing,
  stores: { redis: openRedis, libsql: openLibsql },
}
