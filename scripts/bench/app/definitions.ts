/** What the bench runs: the same language as a user's, so that what is measured is what a user would get. */
import * as z from 'zod'
import {
  avg,
  count,
  definitions,
  entity,
  featureService,
  featureView,
  kafka,
  latest,
  max,
  min,
  rate,
  streamSource,
  sum,
  webhook,
} from '../../../src/define/index.ts'
import { openLibsql } from '../../../src/online/libsql/index.ts'
import { openRedis } from '../../../src/online/redis/index.ts'
import type { Region } from '../../../src/plan/index.ts'

const event = z.object({
  id: z.string(),
  uid: z.string(),
  type: z.enum(['view', 'click', 'purchase']),
  amount: z.number(),
  at: z.iso.datetime({ offset: true }),
})
const contract = { event, id: 'id', time: 'at' } as const

const user = entity('user', { uid: z.string() })
const account = entity('account', { uid: z.string() })
const activity = streamSource('activity', { ...contract, from: [webhook(), kafka('activity')] })
/** The same events for the wide view, in a source of its own: what is ingested for `user` pays for 8 features only. */
const wideActivity = streamSource('wide_activity', { ...contract, from: [webhook()] })

/** 8 features in 5 windows. */
const userStats = featureView(
  'user_stats',
  { entity: user, source: activity, key: { uid: 'uid' }, since: 'beginning' },
  (e) => ({
    events_5m: count().over('5m'),
    spend_1h: sum(e.amount).where(e.type.eq('purchase')).over('1h'),
    clicks_1h: count().where(e.type.eq('click')).over('1h'),
    spend_avg_6h: avg(e.amount).over('6h'),
    spend_max_1d: max(e.amount).over('1d'),
    purchase_share_1d: rate(e.type.eq('purchase')).over('1d'),
    spend_7d: sum(e.amount).where(e.type.eq('purchase')).over('7d'),
    last_type_7d: latest(e.type).over('7d'),
  }),
)

const windows = ['5m', '1h', '6h', '1d', '7d'] as const

/** 50 features in 5 windows. */
const wideStats = featureView(
  'wide_stats',
  { entity: account, source: wideActivity, key: { uid: 'uid' }, since: 'beginning' },
  (e) => {
    const kinds = {
      events: count(),
      views: count().where(e.type.eq('view')),
      clicks: count().where(e.type.eq('click')),
      purchases: count().where(e.type.eq('purchase')),
      spend: sum(e.amount),
      spend_avg: avg(e.amount),
      spend_max: max(e.amount),
      spend_min: min(e.amount),
      purchase_share: rate(e.type.eq('purchase')),
      last_type: latest(e.type),
    }
    return Object.fromEntries(
      windows.flatMap((window) =>
        Object.entries(kinds).map(([name, kind]) => [`${name}_${window}`, kind.over(window)] as const),
      ),
    )
  },
)

/** 20 of the 50: 4 kinds in 5 windows. */
const twenty = windows.flatMap((window) =>
  ['events', 'spend', 'spend_max', 'purchase_share'].map((kind) => featureNamed(`${kind}_${window}`)),
)

function featureNamed(name: string) {
  const feature = wideStats[name]
  if (feature === undefined) throw new Error(`the wide view of the bench has no feature ${name}`)
  return feature
}

const [first, ...rest] = twenty
if (first === undefined) throw new Error('the list of twenty features is empty')

export const app = {
  definitions: definitions({
    services: [
      featureService('user8', [userStats]),
      featureService('wide20', [first, ...rest]),
      featureService('wide50', [wideStats]),
    ],
  }),
  /** 8 shards an entity, as bar.md says. A text, so that the bench can deploy the same bundle with other epochs. */
  regions: JSON.parse('[{"name":"local","id":1,"epoch":0,"shards":{"default":8}}]') as readonly Region[],
  stores: { redis: openRedis, libsql: openLibsql },
}
