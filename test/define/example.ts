import * as z from 'zod'
import {
  avg,
  count,
  definitions,
  entity,
  featureService,
  featureView,
  int64,
  latest,
  max,
  rate,
  streamSource,
  sum,
  webhook,
} from '../../src/define/index.ts'

export const user = entity('user', { user_id: z.string() })
export const device = entity('device', { account: int64(), device: z.uuid() })

export const activity = streamSource('user_activity', {
  event: z.object({
    id: z.string(),
    uid: z.string(),
    account: int64(),
    device: z.uuid(),
    type: z.enum(['view', 'click', 'purchase']),
    amount: z.number().optional(),
    cents: int64().nullish(),
    items: z.int(),
    vip: z.boolean(),
    note: z.string().nullable(),
    at: z.iso.datetime({ offset: true }),
  }),
  id: 'id',
  time: 'at',
  from: [webhook()],
})

export const userStats = featureView(
  'user_stats',
  { entity: user, source: activity, key: { user_id: 'uid' } },
  (e) => ({
    clicks_5m: count().where(e.type.eq('click')).over('5m'),
    spend_avg_1h: avg(e.amount).where(e.type.eq('purchase')).over('1h'),
    spend_1h: sum(e.amount).over('1h').default(0),
    cents_1d: sum(e.cents).over('1d'),
    last_type: latest(e.type),
    last_seen: max(e.at).over('7d'),
    vip_share: rate(e.vip.eq(true)).over('1h'),
  }),
)

export const deviceStats = featureView(
  'device_stats',
  { entity: device, source: activity, key: { account: 'account', device: 'device' }, since: 'beginning' },
  (e) => ({ events_1h: count().over('1h'), last_note: latest(e.note, { nulls: 'keep' }).default('none') }),
)

export const fraud = featureService('fraud', [userStats, deviceStats.events_1h], { owner: 'risk' })
export default definitions({ services: [fraud], views: [deviceStats] })
