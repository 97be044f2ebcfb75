/** What the shop's two models know. On-demand features come with a later version: until then inputs.ts computes the ratio. */
import {
  avg,
  definitions as collect,
  count,
  countDistinct,
  featureService,
  featureView,
  latest,
  lifetime,
  max,
  rate,
  sum,
  timeSinceLast,
} from 'tidemark'
import { card, clickedOrdered, orders, payments, product, productCatalog, user, userActivity } from './sources.ts'

const since = 'beginning'

const userStats = featureView(
  'user_stats',
  { entity: user, source: userActivity, key: { user_id: 'user_id' }, since },
  (e) => ({
    views_10m: count().where(e.type.eq('view')).over('10m'),
    views_1h: count().where(e.type.eq('view')).over('1h'),
    clicks_1h: count().where(e.type.eq('click')).over('1h'),
    clicks_by_category: count().where(e.type.eq('click')).by(e.category, { max: 10 }).over('3d'),
    clicked_price_avg: avg(e.price).where(e.type.eq('click')).over('3d'),
  }),
)

const userOrders = featureView(
  'user_orders',
  { entity: user, source: orders, key: { user_id: 'user_id' }, since },
  (e) => ({ orders_3d: count().over('3d'), spent_3d: sum(e.total).over('3d') }),
)

const productStats = featureView(
  'product_stats',
  { entity: product, source: userActivity, key: { product_id: 'product_id' }, since },
  (e) => ({
    product_views_1h: count().where(e.type.eq('view')).over('1h'),
    product_views_1d: count().where(e.type.eq('view')).over('1d'),
    product_purchases_1d: count().where(e.type.eq('purchase')).over('1d'),
  }),
)

/** The catalog's own row: empty once the product has vanished. */
const listing = featureView(
  'listing',
  { entity: product, source: productCatalog, key: { product_id: 'product_id' }, since },
  (e) => ({
    category: latest(e.category).over(lifetime({ tail: 'exact', limit: 100 })),
    price: latest(e.price).over(lifetime({ tail: 'exact', limit: 100 })),
  }),
)

const conversion = featureView(
  'conversion',
  { entity: product, source: clickedOrdered, key: { product_id: 'product_id' }, since },
  (e) => ({ ordered_share_1d: rate(e.matched.eq(true)).where(e.left.type.eq('click')).over('1d') }),
)

const cardStats = featureView(
  'card_stats',
  { entity: card, source: payments, key: { card_id: 'card_id' }, since },
  (e) => ({
    payments_10m: count().over('10m'),
    payments_1h: count().over('1h'),
    payments_1d: count().over('1d'),
    amount_avg_1h: avg(e.amount).over('1h'),
    amount_avg_3d: avg(e.amount).over('3d'),
    amount_max_1d: max(e.amount).over('1d'),
    countries_1h: countDistinct(e.country).over('1h'),
    devices_1d: countDistinct(e.device).over('1d'),
    last_lat: latest(e.lat),
    last_lon: latest(e.lon),
    last_device: latest(e.device),
    since_payment: timeSinceLast().over('3d'),
  }),
)

const recommend = featureService('recommend', [userStats, userOrders, productStats, listing, conversion], {
  description: 'Who looks at a product: will the user buy it within two hours?',
})
const fraud = featureService('fraud', [cardStats, userStats.views_1h, userOrders.orders_3d], {
  description: 'Is this payment one of somebody who stole the card?',
})

export const definitions = collect({ services: [recommend, fraud] })
export default definitions
