import * as z from 'zod'
import * as t from '../../src/define/index.ts'
import { type ads, app, both, clicks, impressions, shown, user, web } from './several.ts'

// Types only: each planted mistake must be a compile error where it stands.

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const yes = <T extends true>(): T | undefined => undefined

yes<
  Same<
    t.VectorOf<typeof ads>,
    {
      readonly ctr_1d: number | null
      readonly convert_avg_1d: number | null
      readonly unmatched_1d: number
      readonly last_button: 'buy' | 'more' | null
      readonly clicked_ads: Readonly<Record<string, number>>
      readonly clicks_1h: number
      readonly amount_1h: number | null
      readonly app_share_1d: number | null
      readonly last_source: 'web' | 'app' | null
    }
  >
>()

const joined = { entity: user, source: shown, key: { user_id: { left: 'uid', right: 'user' } } } as const
const united = { entity: user, source: both, key: { user_id: { web: 'uid', app: 'user' } } } as const

t.featureView('right', joined, (e) => ({ a: t.sum(e.left.price).over('1h'), b: t.max(e.delay_ms).over('1h') }))
t.featureView('wrong_fields', joined, (e) => ({
  // @ts-expect-error no such side
  a: t.count(e.lft.ad).over('1h'),
  // @ts-expect-error no such field of the left
  b: t.count(e.left.button).over('1h'),
  // @ts-expect-error no such field of the right
  c: t.latest(e.right.buton).over('1h'),
  // @ts-expect-error fields are of one side or the other
  d: t.count(e.ad).over('1h'),
  // @ts-expect-error no such choice
  f: t.count().where(e.right.button.eq('bye')).over('1h'),
  // @ts-expect-error a bool is compared with a bool
  g: t.rate(e.matched.eq(1)).over('1h'),
  // @ts-expect-error the delay is a number
  h: t.count().where(e.delay_ms.gt('1s')).over('1h'),
}))

// @ts-expect-error a key of each side
t.featureView('a', { ...joined, key: { user_id: { left: 'uid' } } }, () => ({ n: t.count().over('1h') }))
// @ts-expect-error no such field of the right
t.featureView('b', { ...joined, key: { user_id: { left: 'uid', right: 'uid' } } }, () => ({ n: t.count().over('1h') }))
// @ts-expect-error one name only where both have it
t.featureView('c', { ...joined, key: { user_id: 'uid' } }, () => ({ n: t.count().over('1h') }))
// @ts-expect-error a field that may be null is no key
t.featureView('d', { ...joined, key: { user_id: { left: 'uid', right: 'impression_id' } } }, () => ({
  n: t.count().over('1h'),
}))
t.featureView('one_name', { ...joined, key: { user_id: 'id' } }, () => ({ n: t.count().over('1h') }))

// @ts-expect-error no such field
t.intervalJoin('j', impressions, clicks, { on: 'impression', within: '1h' })
// @ts-expect-error only the left has it
t.intervalJoin('j', impressions, clicks, { on: 'ad', within: '1h' })
// @ts-expect-error a text is no number
t.intervalJoin('j', impressions, clicks, { on: { left: 'ad', right: 'weight' }, within: '1h' })
// @ts-expect-error a text is no uuid
t.intervalJoin('j', impressions, clicks, { on: { left: 'ad', right: 'device' }, within: '1h' })
// @ts-expect-error no unit
t.intervalJoin('j', impressions, clicks, { on: 'impression_id', within: '30 minutes' })
// @ts-expect-error no such order
t.intervalJoin('j', impressions, clicks, { on: 'impression_id', within: '30m', order: 'right-first' })
// @ts-expect-error an option that is not there
t.intervalJoin('j', impressions, clicks, { on: 'impression_id', within: '30m', limit: 5 })
// @ts-expect-error what is equal is asked
t.intervalJoin('j', impressions, clicks, { within: '30m' })
// @ts-expect-error a union is no source of a join
t.intervalJoin('j', both, clicks, { on: 'impression_id', within: '30m' })
t.intervalJoin('j', impressions, clicks, { on: ['impression_id', { left: 'ad', right: 'button' }], within: '30m' })
t.intervalJoin('j', impressions, clicks, { on: [], within: 1_000, order: 'left-first' })

t.featureView('wrong_common_fields', united, (e) => ({
  // @ts-expect-error only the web has pages
  a: t.latest(e.page),
  // @ts-expect-error a choice of neither
  b: t.count().where(e.type.eq('buy')).over('1h'),
  // @ts-expect-error no source of that name
  c: t.rate(e.$source.eq('phone')).over('1h'),
  // @ts-expect-error a text cannot be summed
  d: t.sum(e.type).over('1h'),
}))
// @ts-expect-error a key of each source
t.featureView('e', { ...united, key: { user_id: { web: 'uid' } } }, () => ({ n: t.count().over('1h') }))
// @ts-expect-error no such field of the app
t.featureView('f', { ...united, key: { user_id: { web: 'uid', app: 'uid' } } }, () => ({ n: t.count().over('1h') }))
// @ts-expect-error one name only where all have it
t.featureView('g', { ...united, key: { user_id: 'uid' } }, () => ({ n: t.count().over('1h') }))

// A choice here and a free text there are a text; a text here and a number there are nothing.
const shop = t.streamSource('shop', {
  event: z.object({ uid: z.string(), type: z.string(), page: z.number(), at: z.iso.datetime({ offset: true }) }),
  time: 'at',
  idempotency: 'none',
  from: [t.webhook()],
})
t.featureView('mixed', { entity: user, source: t.union({ web, shop }), key: { user_id: 'uid' } }, (e) => ({
  a: t.count().where(e.type.startsWith('cl')).over('1h'),
  // @ts-expect-error a text in one and a number in the other
  b: t.latest(e.page),
}))
// @ts-expect-error sources are given by name
t.union(web, app)
