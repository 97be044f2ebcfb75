import { expect, test } from 'vitest'
import type { SourceSpec } from '../../src/engine/index.ts'
import { Deployment, field, NOW, ORDERS, VIEW } from './deployment.ts'

const row = (id: number, more: object = {}) => ({
  $op: 'c',
  id,
  uid: 'a',
  amount: 1,
  note: 'x',
  at: NOW - 1_000_000 + id,
  $lsn: String(id + 1),
  ...more,
})
const many = (count: number, more: object = {}) => Array.from({ length: count }, (_, id) => row(id, more))
const gone = (count: number) => Array.from({ length: count }, (_, id) => ({ $op: 'd', id, $lsn: String(10_000 + id) }))
const choices = (...values: string[]): SourceSpec => ({
  ...ORDERS,
  fields: ORDERS.fields.map((one) => (one.name === 'note' ? { ...one, values } : one)),
})

test('what a narrower contract no longer takes is taken out as it was put in', async () => {
  const before = new Deployment({ source: choices('x', 'y') })
  await before.send(many(50))
  before.drain()
  expect(before.read('user', 'v.noted')).toBe(50)
  const after = new Deployment({ source: choices('y') }, before)
  await after.send(gone(50))
  after.drain()
  expect([after.read('user', 'v.rows'), after.read('user', 'v.noted')]).toEqual([0, 0])
})

test("a key's field that is narrower finds its entity all the same", async () => {
  const keyed = (...values: string[]): SourceSpec => ({
    ...ORDERS,
    fields: ORDERS.fields.map((one) => (one.name === 'uid' ? { ...one, values } : one)),
  })
  const before = new Deployment({ source: keyed('a', 'b') })
  await before.send([row(1)])
  before.drain()
  const after = new Deployment({ source: keyed('b') }, before)
  await after.send([{ $op: 'd', id: 1, $lsn: '99' }])
  after.drain()
  expect(after.read('user', 'v.rows')).toBe(0)
})

test('a view that is new has nothing taken out of it that was put in before; one that was gone begins anew', async () => {
  const first = new Deployment()
  await first.send(many(20))
  first.drain()
  const w = { ...VIEW, name: 'w' }
  const second = new Deployment({ views: [VIEW, w] }, first)
  await second.send(gone(10))
  await second.send(Array.from({ length: 30 }, (_, i) => row(100 + i, { $lsn: String(20_000 + i) })))
  second.drain()
  expect([second.read('user', 'v.rows'), second.read('user', 'w.rows')]).toEqual([40, 30])
  const third = new Deployment({}, second)
  await third.send([{ $op: 'd', id: 100, $lsn: '30000' }, row(200, { $lsn: '30001' })])
  third.drain()
  const fourth = new Deployment({ views: [VIEW, w] }, third)
  await fourth.send([{ $op: 'd', id: 200, $lsn: '40000' }, row(300, { $lsn: '40001' })])
  fourth.drain()
  expect(fourth.read('user', 'v.rows')).toBe(40)
  // What it had went with it; the row that came and went meanwhile is none of its own.
  expect(fourth.read('user', 'w.rows')).toBe(1)
})

test('an entity that is new to a table counts what comes, and gives back nothing that it never had', async () => {
  const shop = { name: 'shop', keys: [{ name: 'user_id', type: 'string' as const }] }
  const user = { name: 'user', keys: [{ name: 'user_id', type: 'string' as const }] }
  const before = new Deployment()
  await before.send(many(20))
  before.drain()
  const after = new Deployment(
    { entities: [user, shop], views: [VIEW, { ...VIEW, name: 's', entity: 'shop' }] },
    before,
  )
  await after.send([...gone(10), row(50, { $lsn: '20000' })])
  after.drain()
  expect([after.read('user', 'v.rows'), after.read('shop', 's.rows')]).toEqual([11, 1])
})

test('an entity that a deploy takes away does not hold up the others', async () => {
  const shop = { name: 'shop', keys: [{ name: 'user_id', type: 'string' as const }] }
  const user = { name: 'user', keys: [{ name: 'user_id', type: 'string' as const }] }
  const before = new Deployment({ entities: [user, shop], views: [VIEW, { ...VIEW, name: 's', entity: 'shop' }] })
  await before.send(many(3))
  const after = new Deployment({}, before)
  await after.send([row(9)])
  after.drain()
  expect(after.read('user', 'v.rows')).toBe(4)
  expect(after.table.outbox.isEmpty).toBe(true)
})

test('after a change that was refused, what is left out as unchanged is not known, until the letters are replayed', async () => {
  const shop = new Deployment()
  const lamp = { id: 1, uid: 'a', at: NOW - 1_000 }
  const refused = { $op: 'u', ...lamp, amount: 1.5, note: 'v2', $lsn: '2' }
  const later = { $op: 'u', ...lamp, amount: 3, $unchanged: ['note'], $lsn: '3' }
  await shop.send([{ $op: 'c', ...lamp, amount: 1, note: 'v1', $lsn: '1' }])
  await shop.send([refused])
  await shop.send([later])
  shop.drain()
  expect(shop.refused[1]).toContain('the change before was refused: replay that dead letter first, then this one')
  expect([shop.read('user', 'v.note'), shop.read('user', 'v.total')]).toEqual(['v1', 1])
  // Mended, and replayed in their order.
  await shop.send([{ ...refused, amount: 2 }])
  await shop.send([later])
  shop.drain()
  expect([shop.read('user', 'v.note'), shop.read('user', 'v.total')]).toEqual(['v2', 3])
})

test('a row that is inserted again after a truncate counts at its new time, whether the old one had left or not', async () => {
  const source: SourceSpec = {
    ...ORDERS,
    time: '$time',
    fields: [...ORDERS.fields.filter(({ name }) => name !== 'at'), field('$time', 'timestamp', { format: 'ms' })],
  }
  const hour = { kind: 'sliding', widthMs: 3_600_000, delayMs: 0 } as const
  const views = [{ ...VIEW, features: [{ name: 'rows_1h', aggregate: 'count', window: hour }] }]
  for (const between of [true, false]) {
    const shop = new Deployment({ source, views })
    const insert = (lsn: number, time: number) => ({
      $op: 'c',
      id: 1,
      uid: 'a',
      amount: 1,
      $lsn: String(lsn),
      $time: time,
    })
    await shop.send([insert(1, NOW - 86_400_000)])
    shop.drain()
    await shop.send([{ $op: 't', $lsn: '2', $time: NOW - 5_000 }])
    if (between) shop.drain()
    await shop.send([insert(3, NOW - 4_000)])
    shop.drain()
    expect(shop.read('user', 'v.rows_1h')).toBe(1)
  }
})

test('a truncate without a place in a log takes out what was there when it came, of every partition', async () => {
  const shop = new Deployment()
  const at = (partition: number, offset: number) => ({
    sequence: `orders/${partition}`,
    incarnation: 0,
    generation: 1,
    offsets: [offset],
  })
  const insert = (id: number) => ({ $op: 'c', id, uid: 'a', amount: 1, at: NOW - 1_000 })
  await shop.send([insert(0)], at(0, 10))
  await shop.send([insert(1)], at(1, 10))
  await shop.send([{ $op: 't' }], at(0, 11))
  await shop.send([insert(2)], at(1, 11))
  shop.drain()
  expect(shop.read('user', 'v.rows')).toBe(1)
})

test('a truncate whose writing fails is done by the shard that is opened anew, each row once', async () => {
  const shop = new Deployment()
  await shop.send(many(5))
  shop.drain()
  await shop.send([{ $op: 't', $lsn: '100' }])
  shop.failNextTransaction()
  expect(() => shop.table.work()).toThrow('disk full')
  const again = new Deployment({}, shop)
  again.drain()
  expect(again.read('user', 'v.rows')).toBe(0)
  await again.send([row(1, { $lsn: '200' })])
  again.drain()
  expect(again.read('user', 'v.rows')).toBe(1)
})
