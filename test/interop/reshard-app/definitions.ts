/** A shop whose shards change in number: its regions are filled in when it is bundled (test/interop/regions/reshard.interop.ts). */
import * as z from 'zod'
import {
  count,
  debezium,
  definitions,
  entity,
  featureService,
  featureView,
  lifetime,
  streamSource,
  sum,
  tableSource,
  webhook,
} from '../../../src/define/index.ts'
import type { Region } from '../../../src/plan/index.ts'

const user = entity('user', { user_id: z.string() })
const campaign = entity('campaign', { campaign_id: z.string() }, { spread: 3 })

const clicks = streamSource('clicks', {
  event: z.object({
    id: z.string(),
    uid: z.string(),
    on: z.string(),
    amount: z.int(),
    at: z.iso.datetime({ offset: true }),
  }),
  id: 'id',
  time: 'at',
  from: [webhook()],
})

const orders = tableSource('orders', {
  row: z.object({ order: z.int(), uid: z.string(), cents: z.int(), at: z.iso.datetime({ offset: true }) }),
  key: 'order',
  time: 'at',
  from: [webhook({ format: debezium() })],
})

const clicked = featureView(
  'click_stats',
  { entity: user, source: clicks, key: { user_id: 'uid' }, since: 'beginning' },
  (e) => ({ clicks: count().over(lifetime()), amount: sum(e.amount).over(lifetime()) }),
)

const shown = featureView(
  'campaign_stats',
  { entity: campaign, source: clicks, key: { campaign_id: 'on' }, since: 'beginning' },
  (e) => ({ clicks: count().over(lifetime()), amount: sum(e.amount).over(lifetime()) }),
)

const ordered = featureView(
  'order_stats',
  { entity: user, source: orders, key: { user_id: 'uid' }, since: 'beginning' },
  (e) => ({ orders: count().over(lifetime()), cents: sum(e.cents).over(lifetime()) }),
)

export const app = {
  definitions: definitions({
    services: [
      featureService('clicked', [clicked]),
      featureService('shown', [shown]),
      featureService('ordered', [ordered]),
    ],
  }),
  regions: JSON.parse('REGIONS_GO_HERE') as readonly Region[],
}
