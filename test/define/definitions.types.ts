import * as z from 'zod'
import * as mini from 'zod/mini'
import {
  avg,
  count,
  entity,
  epochMs,
  featureService,
  featureView,
  int64,
  type KeysOf,
  latest,
  max,
  min,
  not,
  rate,
  streamSource,
  sum,
  type VectorOf,
  webhook,
} from '../../src/define/index.ts'
import definitions, { activity, device, deviceStats, type fraud, user, userStats } from './example.ts'

// Types only: tsc checks this file, nothing runs it. Each planted mistake must be a compile error where it stands.

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const yes = <T extends true>(): T | undefined => undefined

// The vector and the keys of a service follow from the definition.
type Vector = {
  readonly clicks_5m: number
  readonly spend_avg_1h: number | null
  readonly spend_1h: number
  readonly cents_1d: bigint | null
  readonly last_type: 'view' | 'click' | 'purchase' | null
  readonly last_seen: number | null
  readonly vip_share: number | null
  readonly events_1h: number
}
yes<Same<VectorOf<typeof fraud>, Vector>>()
yes<Same<KeysOf<typeof fraud>, { readonly user_id: string; readonly account: bigint; readonly device: string }>>()
yes<Same<VectorOf<typeof definitions.services.fraud>, Vector>>()
const whole = featureService('whole', [userStats, deviceStats])
// A null that is kept is a value: the default does not stand in for it.
yes<Same<VectorOf<typeof whole>['last_note'], string | null>>()
// A view and one of its own features are no clash.
featureService('again', [userStats, userStats.clicks_5m])
// @ts-expect-error no such service
definitions.services.frauds

// The same from zod/mini.
const small = streamSource('small', {
  event: mini.object({ id: mini.uuid(), n: mini.optional(int64()), at: epochMs(), k: mini.enum(['a', 'b']) }),
  id: 'id',
  time: 'at',
  from: [webhook()],
})
const smallView = featureView(
  'small_view',
  { entity: entity('k', { k: z.string() }), source: small, key: { k: 'k' } },
  (e) => ({
    n_1h: sum(e.n).over('1h'),
    k_last: latest(e.k).default('a'),
  }),
)
const smallService = featureService('small', [smallView])
yes<Same<VectorOf<typeof smallService>, { readonly n_1h: bigint | null; readonly k_last: 'a' | 'b' }>>()

const options = { entity: user, source: activity, key: { user_id: 'uid' } } as const

featureView('wrong_fields', options, (e) => ({
  // @ts-expect-error a field that is not there
  a: avg(e.amout).over('1h'),
  // @ts-expect-error no such choice of the enum
  b: count().where(e.type.eq('clack')).over('1h'),
  c: count()
    // @ts-expect-error no such choice in a list
    .where(e.type.in(['click', 'buy']))
    .over('1h'),
  // @ts-expect-error a number field is not compared with a text
  d: count().where(e.amount.gt('100')).over('1h'),
  // @ts-expect-error choices have no order
  f: count().where(e.type.gt('click')).over('1h'),
  // @ts-expect-error bools have no order
  g: count().where(e.vip.lt(true)).over('1h'),
  // @ts-expect-error uuids have no prefix
  h: count().where(e.device.startsWith('x')).over('1h'),
  // @ts-expect-error numbers have no prefix
  i: count().where(e.items.startsWith('x')).over('1h'),
}))

featureView('wrong_aggregates', options, (e) => ({
  // @ts-expect-error a text cannot be summed
  a: sum(e.type).over('1h'),
  // @ts-expect-error a time has no average
  b: avg(e.at).over('1h'),
  // @ts-expect-error a bool has no greatest
  c: max(e.vip).over('1h'),
  // @ts-expect-error rate takes a filter, not a field
  d: rate(e.vip).over('1h'),
  // @ts-expect-error where takes a filter, not a bool
  f: count().where(true).over('1h'),
  // @ts-expect-error no such unit
  g: count().over('5 minutes'),
  // @ts-expect-error the default of a number is a number
  h: avg(e.amount).over('1h').default('0'),
  // @ts-expect-error the default of a choice is one of its choices
  i: latest(e.type).default('none'),
  // @ts-expect-error null is what there is without a default
  j: sum(e.amount).over('1h').default(null),
  // @ts-expect-error an option that is not there
  k: latest(e.note, { null: 'keep' }),
}))

featureView('right', options, (e) => ({
  a: min(e.note).over('1h'),
  b: count()
    .where(not(e.at.gt('2026-01-01T00:00:00Z')).or(e.cents.between(1, 5n)).and(e.uid.startsWith('x')))
    .over(250),
}))

// @ts-expect-error a key that the entity does not have
featureView('a', { entity: user, source: activity, key: { user: 'uid' } }, () => ({ n: count().over('1h') }))
// @ts-expect-error a key of the entity is missing
featureView('b', { entity: device, source: activity, key: { account: 'account' } }, () => ({ n: count().over('1h') }))
// @ts-expect-error a field that the source does not have
featureView('c', { entity: user, source: activity, key: { user_id: 'uidd' } }, () => ({ n: count().over('1h') }))
// @ts-expect-error a key may not be null
featureView('d', { entity: user, source: activity, key: { user_id: 'note' } }, () => ({ n: count().over('1h') }))
// @ts-expect-error a text key does not come from a bool
featureView('e', { entity: user, source: activity, key: { user_id: 'vip' } }, () => ({ n: count().over('1h') }))
// @ts-expect-error an option that is not there
featureView('f', { ...options, exactRow: 5 }, () => ({ n: count().over('1h') }))

// @ts-expect-error a feature that the view does not have
featureService('a', [userStats.clicks_1h])
// @ts-expect-error a source is nothing to serve
featureService('b', [activity])
const other = featureView('other', options, () => ({ clicks_5m: count().over('5m') }))
// @ts-expect-error two features of one name
featureService('c', [userStats, other.clicks_5m])

const event = z.object({
  id: z.string(),
  flag: z.boolean(),
  at: z.iso.datetime({ offset: true }),
  old: epochMs().optional(),
})
// @ts-expect-error time is no time
streamSource('a', { event, id: 'id', time: 'id', from: [webhook()] })
// @ts-expect-error time may be absent
streamSource('b', { event, id: 'id', time: 'old', from: [webhook()] })
// @ts-expect-error a bool identifies nothing
streamSource('c', { event, id: 'flag', time: 'at', from: [webhook()] })
// @ts-expect-error no such field
streamSource('d', { event, id: 'idd', time: 'at', from: [webhook()] })
