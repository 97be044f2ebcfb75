import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import {
  avg,
  count,
  debezium,
  definitions,
  entity,
  epochMs,
  featureService,
  featureView,
  intervalJoin,
  latest,
  streamSource,
  sum,
  tableSource,
  union,
  webhook,
} from '../../src/define/index.ts'
import { localStore } from '../../src/testing/index.ts'
import { ads } from '../define/several.ts'

const NOON = Date.UTC(2026, 0, 1, 12)
const MINUTE_MS = 60_000
const ago = (minutes: number) => new Date(NOON - minutes * MINUTE_MS).toISOString()

describe('an interval join in a store', () => {
  const impression = (id: string, minutes: number) => ({
    id,
    impression_id: id,
    uid: 'u1',
    ad: `ad_${id}`,
    price: '0.0100',
    at: ago(minutes),
  })
  const click = (id: string, impression_id: string | null, minutes: number) => ({
    id,
    impression_id,
    user: 'u1',
    button: 'buy',
    weight: 1,
    device: '550e8400-e29b-41d4-a716-446655440000',
    at: ago(minutes),
  })
  const open = (shards = 1) => localStore(definitions({ services: [ads] }), { now: () => NOON, shards })
  const read = async (store: ReturnType<typeof open>, minutes = 0) => {
    const [row] = await store.read({ service: 'ads', entities: [{ user_id: 'u1' }], at: NOON - minutes * MINUTE_MS })
    return row?.features
  }

  it.each([1, 4])(
    'counts matches and what stays unmatched, in whatever order they come (%i shards)',
    async (shards) => {
      const store = open(shards)
      await store.send('clicks', [click('c1', 'a', 80), click('c2', null, 70), click('c3', 'b', 3)])
      await store.send('impressions', [
        impression('a', 90),
        impression('b', 5),
        impression('c', 60),
        impression('d', 10),
      ])
      // a and b are clicked, c is known not to be, d may yet be; the click of no impression is nothing.
      expect(await read(store)).toMatchObject({
        ctr_1d: 2 / 3,
        convert_avg_1d: 6 * MINUTE_MS,
        unmatched_1d: 1,
        last_button: 'buy',
        clicked_ads: { ad_a: 1, ad_b: 1 },
      })
      expect(await read(store, 4)).toMatchObject({ ctr_1d: 1 / 2, clicked_ads: { ad_a: 1 } })
      expect(store.deadLetters).toEqual([])
      await store.send('clicks', [click('c4', 'c', 31)])
      expect(await read(store)).toMatchObject({ ctr_1d: 1, unmatched_1d: 0 })
      const why = store.explain('ad_stats.ctr_1d', { user_id: 'u1' }, NOON)
      expect(
        why?.rows.map(({ fields, joined }) => [fields.matched, joined?.left.commit.seq, joined?.right?.commit.seq]),
      ).toEqual([
        [true, 4, 1],
        [true, 6, 8],
        [true, 5, 3],
      ])
    },
  )

  it('takes an event as long as a window, the lateness and the join read it, and then no more', async () => {
    const store = open()
    const atMinutes = (minutes: number) => store.send('impressions', [impression(`i${minutes}`, minutes)])
    expect(await atMinutes(0)).toMatchObject({ accepted: 1 })
    // A day, 5 minutes of lateness, and twice the 30 of the join.
    expect(await atMinutes(24 * 60 + 5 + 60)).toMatchObject({ accepted: 1 })
    expect(await atMinutes(24 * 60 + 5 + 60 + 30)).toMatchObject({ accepted: 0, refused: [{ reason: 'too_late' }] })
  })
})

describe('a join over a table, and a union with one', () => {
  const user = entity('user', { user_id: z.string() })
  const orders = tableSource('orders', {
    row: z.object({ id: z.int(), uid: z.string(), amount: z.int(), at: epochMs() }),
    key: 'id',
    time: 'at',
    from: [webhook({ format: debezium({ decimals: 'precise', times: 'adaptive' }) })],
  })
  const payments = streamSource('payments', {
    event: z.object({ id: z.int(), order: z.int(), uid: z.string(), amount: z.int(), at: epochMs() }),
    id: 'id',
    time: 'at',
    from: [webhook()],
  })
  const key = { user_id: 'uid' } as const
  const paid = featureView(
    'paid',
    {
      entity: user,
      source: intervalJoin('paid_orders', orders, payments, {
        on: { left: 'id', right: 'order' },
        within: '1h',
        order: 'left-first',
      }),
      key,
      since: 'beginning',
    },
    (e) => ({
      paid_1d: sum(e.left.amount).where(e.matched.eq(true)).over('1d').default(0),
      unpaid_1d: count().where(e.matched.eq(false)).over('1d'),
      delay_1d: avg(e.delay_ms).over('1d'),
      last_order: latest(e.left.id).over('1d'),
    }),
  )
  const money = featureView(
    'money',
    { entity: user, source: union({ orders, payments }), key, since: 'beginning' },
    (e) => ({
      amount_1d: sum(e.amount).over('1d'),
      orders_1d: count().where(e.$source.eq('orders')).over('1d'),
      payments_1d: count().where(e.$source.eq('payments')).over('1d'),
    }),
  )
  const service = featureService('money', [paid, money])

  it.each([1, 3])('forget a row that is deleted, and move one that is changed (%i shards)', async (shards) => {
    const store = localStore(definitions({ services: [service] }), { now: () => NOON, shards })
    const at = (minutes: number) => NOON - minutes * MINUTE_MS
    const order = (id: number, amount: number, minutes: number) => ({ id, uid: 'u1', amount, at: at(minutes) })
    const read = async () => (await store.read({ service: 'money', entities: [{ user_id: 'u1' }] }))[0]?.features
    await store.change('orders', [
      { op: 'insert', after: order(1, 10, 120) },
      { op: 'insert', after: order(2, 20, 110) },
      { op: 'insert', after: order(3, 40, 30) },
    ])
    await store.send('payments', [
      { id: 1, order: 1, uid: 'u1', amount: 10, at: at(100) },
      // Before its order: with 'left-first' no match.
      { id: 2, order: 2, uid: 'u1', amount: 20, at: at(115) },
    ])
    expect(await read()).toEqual({
      paid_1d: 10,
      unpaid_1d: 1,
      delay_1d: 20 * MINUTE_MS,
      last_order: 2,
      amount_1d: 100,
      orders_1d: 3,
      payments_1d: 2,
    })
    await store.change('orders', [
      { op: 'delete', key: { id: 1 } },
      { op: 'update', after: order(2, 21, 116) },
    ])
    expect(await read()).toEqual({
      paid_1d: 21,
      unpaid_1d: 0,
      delay_1d: MINUTE_MS,
      last_order: 2,
      amount_1d: 91,
      orders_1d: 2,
      payments_1d: 2,
    })
  })
})
