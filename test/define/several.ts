import * as z from 'zod'
import * as t from '../../src/define/index.ts'

// Sources that are joined and united: advertisements that are shown and clicked, and what people do on the web and in an app.

export const user = t.entity('user', { user_id: z.string() })

const at = z.iso.datetime({ offset: true })

export const impressions = t.streamSource('impressions', {
  event: z.object({
    id: z.string(),
    impression_id: z.string(),
    uid: z.string(),
    ad: z.string(),
    price: t.decimal(4),
    at,
  }),
  id: 'id',
  time: 'at',
  from: [t.webhook()],
})

export const clicks = t.streamSource('clicks', {
  event: z.object({
    id: z.string(),
    impression_id: z.string().nullable(),
    user: z.string(),
    button: z.enum(['buy', 'more']),
    weight: z.number(),
    device: z.uuid(),
    at,
  }),
  id: 'id',
  time: 'at',
  from: [t.webhook()],
})

export const shown = t.intervalJoin('shown_clicked', impressions, clicks, { on: 'impression_id', within: '30m' })

export const adStats = t.featureView(
  'ad_stats',
  { entity: user, source: shown, key: { user_id: { left: 'uid', right: 'user' } }, since: 'beginning' },
  (e) => ({
    ctr_1d: t.rate(e.matched.eq(true)).over('1d'),
    convert_avg_1d: t.avg(e.delay_ms).over('1d'),
    unmatched_1d: t.count().where(e.matched.eq(false)).over('1d'),
    last_button: t.latest(e.right.button).over('1d'),
    clicked_ads: t.count().where(e.matched.eq(true)).by(e.left.ad).over('1d'),
  }),
)

export const web = t.streamSource('web', {
  event: z.object({
    id: z.string(),
    uid: z.string(),
    type: z.enum(['view', 'click']),
    amount: z.number(),
    units: z.int(),
    page: z.string(),
    at,
  }),
  id: 'id',
  time: 'at',
  from: [t.webhook()],
})

export const app = t.streamSource('app', {
  event: z.object({
    id: z.string(),
    user: z.string(),
    type: z.enum(['click', 'open']),
    amount: z.number().nullable(),
    units: z.number(),
    at,
  }),
  id: 'id',
  time: 'at',
  from: [t.webhook()],
})

export const orders = t.tableSource('orders', {
  row: z.object({ order_id: z.int(), user: z.string(), type: z.enum(['open', 'paid']), amount: z.number(), at }),
  key: 'order_id',
  time: 'at',
  from: [t.kafka('shop.public.orders', { format: t.debezium({ decimals: 'precise', times: 'adaptive' }) })],
})

export const both = t.union({ web, app })

export const activity = t.featureView(
  'activity',
  { entity: user, source: both, key: { user_id: { web: 'uid', app: 'user' } }, since: 'beginning' },
  (e) => ({
    clicks_1h: t.count().where(e.type.eq('click')).over('1h'),
    amount_1h: t.sum(e.amount).over('1h'),
    app_share_1d: t.rate(e.$source.eq('app')).over('1d'),
    last_source: t.latest(e.$source),
  }),
)

export const ads = t.featureService('ads', [adStats, activity])
