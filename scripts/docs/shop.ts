/** The shop of docs/cdc.md and docs/kafka.md: a table of a PostgreSQL, and clicks of a topic. */
import * as z from 'zod'
import {
  avro,
  count,
  debezium,
  decimal,
  definitions,
  entity,
  featureService,
  featureView,
  kafka,
  lifetime,
  streamSource,
  sum,
  tableSource,
  webhook,
} from '../../src/define/index.ts'

const user = entity('user', { user_id: z.string() })

const orders = tableSource('orders', {
  row: z.object({
    order_id: z.int(),
    user_id: z.string(),
    status: z.enum(['open', 'paid', 'sent']),
    total: decimal(2),
    note: z.string().nullable(),
    placed_at: z.iso.datetime({ offset: true }),
  }),
  key: 'order_id',
  time: 'placed_at',
  from: [kafka('shop.public.orders', { format: debezium() }), webhook({ format: debezium() })],
})

const clicks = streamSource('clicks', {
  event: z.object({ uid: z.string(), page: z.string(), at: z.iso.datetime({ offset: true }) }),
  time: 'at',
  from: [kafka('clicks', { format: avro() })],
})

const orderStats = featureView(
  'order_stats',
  { entity: user, source: orders, key: { user_id: 'user_id' }, since: 'beginning' },
  (e) => ({
    orders: count().over(lifetime()),
    spent_30d: sum(e.total).where(e.status.ne('open')).over('30d'),
  }),
)

const clickStats = featureView('click_stats', { entity: user, source: clicks, key: { user_id: 'uid' } }, () => ({
  clicks_5m: count().over('5m'),
}))

export default definitions({ services: [featureService('checkout', [orderStats, clickStats])] })
