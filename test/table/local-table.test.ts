import { expect, test } from 'vitest'
import * as z from 'zod'
import {
  count,
  decimal,
  definitions,
  entity,
  featureService,
  featureView,
  kafka,
  latest,
  lifetime,
  max,
  sum,
  tableSource,
} from '../../src/define/index.ts'
import { localStore, type RowChange } from '../../src/testing/index.ts'

const NOW = Date.UTC(2026, 0, 1, 12)

const debezium = { kind: 'debezium', value: { kind: 'json' }, decimals: 'precise', times: 'adaptive' } as const
const orders = tableSource('orders', {
  row: z.object({
    order_id: z.int(),
    user_id: z.string(),
    total: decimal(2).nullable(),
    status: z.enum(['open', 'paid']),
    placed_at: z.iso.datetime({ offset: true }),
  }),
  key: 'order_id',
  time: 'placed_at',
  from: [kafka('shop.public.orders', { format: debezium })],
})
const user = entity('user', { user_id: z.string() })
const spend = featureView(
  'spend',
  { entity: user, source: orders, key: { user_id: 'user_id' }, since: 'beginning', exactRows: 2 },
  (o) => ({
    orders: count().over(lifetime()),
    paid: count().where(o.status.eq('paid')).over(lifetime()),
    total: sum(o.total).over(lifetime()),
    orders_1h: count().over('1h'),
    largest: max(o.total).over(lifetime({ tail: 'exact', limit: 100 })),
    last_status: latest(o.status).over(lifetime({ tail: 'exact', limit: 100 })),
  }),
)
const profile = featureService('profile', [spend])

function open(shards = 2) {
  const store = localStore(definitions({ services: [profile] }), { now: () => NOW, shards })
  const change = (...changes: RowChange[]) => store.change('orders', changes)
  const read = async (user_id: string) => {
    const [row] = await store.read({ service: 'profile', entities: [{ user_id }] })
    return row?.features
  }
  return { store, change, read }
}

const order = (
  order_id: number,
  user_id: string,
  total: string | null,
  status = 'open',
  placed_at = '2026-01-01T11:30:00Z',
) => ({
  order_id,
  user_id,
  total,
  status,
  placed_at,
})

test('features over a table count the rows that are there', async () => {
  const { change, read } = open()
  await change(
    { op: 'insert', after: order(1, 'ann', '10.00') },
    { op: 'insert', after: order(2, 'ann', '2.50', 'paid') },
    { op: 'insert', after: order(3, 'bob', '5.00', 'open', '2025-12-31T00:00:00Z') },
  )
  expect(await read('ann')).toMatchObject({ orders: 2, paid: 1, total: '12.50', orders_1h: 2, largest: '10.00' })
  expect(await read('bob')).toMatchObject({ orders: 1, total: '5.00', orders_1h: 0 })

  await change({ op: 'update', after: order(1, 'ann', '7.00', 'paid') })
  expect(await read('ann')).toMatchObject({ orders: 2, paid: 2, total: '9.50', largest: '7.00' })

  // Another user, another time: the row counts there and then.
  await change({ op: 'update', after: order(2, 'bob', '2.50', 'paid', '2026-01-01T11:59:00Z') })
  expect(await read('ann')).toMatchObject({ orders: 1, total: '7.00' })
  expect(await read('bob')).toMatchObject({ orders: 2, total: '7.50', orders_1h: 1, last_status: 'paid' })

  await change({ op: 'delete', key: { order_id: 2 } })
  expect(await read('bob')).toMatchObject({ orders: 1, total: '5.00', orders_1h: 0, last_status: 'open' })

  await change({ op: 'truncate' })
  expect(await read('ann')).toMatchObject({ orders: 0, total: null, largest: null, last_status: null })
  expect(await read('bob')).toMatchObject({ orders: 0, total: null })
})

test('an insert of a known key and an update of an unknown one are upserts; the same again and unknown deletes change nothing', async () => {
  const { change, read, store } = open()
  expect(await change({ op: 'update', after: order(1, 'ann', '1.00') })).toMatchObject({ accepted: 1 })
  expect(await change({ op: 'insert', after: order(1, 'ann', '2.00') })).toMatchObject({ accepted: 1 })
  expect(await change({ op: 'update', after: order(1, 'ann', '2.00') })).toMatchObject({ accepted: 0, duplicates: 1 })
  expect(await change({ op: 'delete', key: { order_id: 9 } })).toMatchObject({ accepted: 0, duplicates: 1 })
  expect(await read('ann')).toMatchObject({ orders: 1, total: '2.00' })
  expect(store.deadLetters).toEqual([])
})

test('a row that does not keep the contract is a dead letter, and the row before it stays', async () => {
  const { change, read, store } = open()
  await change({ op: 'insert', after: order(1, 'ann', '1.00') })
  const receipt = await change({ op: 'update', after: { ...order(1, 'ann', '1.00'), status: 'lost' } })
  expect(receipt.refused).toMatchObject([{ reason: 'not_in_enum', field: 'status' }])
  expect(store.deadLetters).toMatchObject([{ source: 'orders', reason: 'not_in_enum' }])
  expect(await read('ann')).toMatchObject({ orders: 1, total: '1.00' })
})

test('without a column for it, a row counts when it was last changed', async () => {
  const logins = tableSource('logins', {
    row: z.object({ login_id: z.int(), user_id: z.string(), ok: z.boolean() }),
    key: ['login_id'],
    from: [kafka('shop.public.logins', { format: debezium })],
  })
  const view = featureView('logins_view', { entity: user, source: logins, key: { user_id: 'user_id' } }, () => ({
    logins_1h: count().over('1h'),
  }))
  const service = featureService('logins_now', [view])
  const store = localStore(definitions({ services: [service] }), { now: () => NOW })
  const row = { login_id: 1, user_id: 'ann', ok: true }
  const at = async (t: number) => {
    const [read] = await store.read({ service: 'logins_now', entities: [{ user_id: 'ann' }], at: t })
    return read?.features.logins_1h
  }
  await store.change('logins', [{ op: 'insert', after: row, eventTimeMs: NOW - 3 * 3_600_000 }])
  expect(await at(NOW)).toBe(0)
  // Read again by a snapshot: it is no newer for that.
  await store.change('logins', [{ op: 'update', after: row, eventTimeMs: NOW - 1_000 }])
  expect(await at(NOW)).toBe(0)
  await store.change('logins', [{ op: 'update', after: { ...row, ok: false }, eventTimeMs: NOW - 1_000 }])
  expect(await at(NOW)).toBe(1)
})

test('features over a table that cannot be taken back are refused when declared', () => {
  const declare = () =>
    featureView('v', { entity: user, source: orders, key: { user_id: 'user_id' } }, (o) => ({
      m: max(o.total).over('1h'),
    }))
  expect(declare).toThrow(/rows are changed and deleted, max\(\) needs tail: 'exact'/)
})
