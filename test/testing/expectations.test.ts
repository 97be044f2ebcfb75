import { expect, test } from 'vitest'
import * as z from 'zod'
import {
  count,
  debezium,
  decimal,
  definitions,
  enrich,
  entity,
  expectFresh,
  expectNulls,
  expectOneOf,
  expectRange,
  expectVolume,
  featureService,
  featureView,
  int64,
  kafka,
  streamSource,
  tableSource,
  webhook,
} from '../../src/define/index.ts'
import { localStore } from '../../src/testing/index.ts'

const NOW = Date.UTC(2026, 0, 1, 12)
const user = entity('user', { user_id: z.string() })
const shop = entity('shop', { shop_id: z.string() })

const products = tableSource('products', {
  row: z.object({ pid: z.string(), price: decimal(2), stock: z.int().nullable() }),
  key: 'pid',
  from: [kafka('shop.public.products', { format: debezium() })],
  expect: [
    expectRange('price', { min: '0.01', action: 'refuse' }),
    expectRange('stock', { min: 0, action: 'count' }),
    expectVolume({ atLeast: 2, per: '1h' }),
    expectFresh('10m'),
  ],
})
const orders = streamSource('orders', {
  event: z.object({
    id: z.string(),
    uid: z.string(),
    shop: z.string(),
    pid: z.string(),
    amount: decimal(2),
    units: int64().optional(),
    country: z.string().nullable(),
    at: z.iso.datetime({ offset: true }),
  }),
  id: 'id',
  time: 'at',
  from: [webhook()],
  enrich: enrich(products, { on: 'pid', fields: ['price'], unknown: 'null' }),
  expect: [
    expectRange('amount', { min: '0', max: '99.99', action: 'refuse' }),
    expectRange('units', { max: 9007199254740993n, action: 'count' }),
    expectRange('at', { min: '2025-01-01T00:00:00Z', action: 'count' }),
    expectOneOf('country', ['DE', 'FR'], { action: 'count', over: '1d' }),
    expectNulls('country', { atMost: 0.25, action: 'count' }),
    expectNulls('price', { atMost: 0, action: 'count' }),
    expectVolume({ atLeast: 3, per: '1h' }),
    expectFresh('10m'),
  ],
})
const byUser = featureView('by_user', { entity: user, source: orders, key: { user_id: 'uid' } }, () => ({
  a: count().over('1d'),
}))
const byShop = featureView('by_shop', { entity: shop, source: orders, key: { shop_id: 'shop' } }, () => ({
  b: count().over('1d'),
}))

function open(shards = 3) {
  const clock = { now: NOW }
  const store = localStore(definitions({ services: [featureService('s', [byUser, byShop])] }), {
    now: () => clock.now,
    shards,
  })
  const send = (events: readonly object[]) =>
    store.send(
      'orders',
      events.map((event, i) => ({
        id: `${clock.now}-${i}`,
        uid: `u${i % 5}`,
        shop: `s${i % 3}`,
        pid: 'p1',
        amount: '5.00',
        country: 'DE',
        at: new Date(clock.now - 60_000).toISOString(),
        ...event,
      })),
    )
  const states = (source: string) => Object.fromEntries(store.expectations(source).map((one) => [one.what, one]))
  return { store, clock, send, states }
}

test('each event is counted once, whatever number of shards of whatever entities it goes to', async () => {
  for (const shards of [1, 2, 7]) {
    const { send, states } = open(shards)
    await send(Array.from({ length: 40 }, (_, i) => ({ country: i % 4 === 0 ? 'US' : 'DE' })))
    expect(states('orders')).toMatchObject({
      'country one of "DE", "FR"': { seen: 40, failed: 10, share: 0.25, state: 'broken', sample: '"US"' },
      'at least 3 in 1h': { seen: 40, accepted: 40, state: 'ok' },
    })
  }
})

test('an event that goes to two entities of one kind is counted by the first', async () => {
  const payments = streamSource('payments', {
    event: z.object({ id: z.string(), from: z.string(), to: z.string(), at: z.iso.datetime({ offset: true }) }),
    id: 'id',
    time: 'at',
    from: [webhook()],
    expect: [expectVolume({ atLeast: 1, per: '1h' })],
  })
  const paid = featureView('paid', { entity: user, source: payments, key: { user_id: 'from' } }, () => ({
    paid: count().over('1d'),
  }))
  const got = featureView('got', { entity: user, source: payments, key: { user_id: 'to' } }, () => ({
    got: count().over('1d'),
  }))
  const store = localStore(definitions({ services: [featureService('p', [paid, got])] }), { now: () => NOW, shards: 5 })
  const at = '2026-01-01T11:00:00Z'
  const sent = Array.from({ length: 50 }, (_, i) => ({ id: `p${i}`, from: `u${i}`, to: `u${i * 7}`, at }))
  expect(await store.send('payments', sent)).toMatchObject({ accepted: 50 })
  expect(store.expectations('payments')).toMatchObject([{ seen: 50, accepted: 50 }])
})

test('a refused event is a dead letter with what was expected, and can be replayed once it is right to be taken', async () => {
  const { store, send, states } = open()
  expect(await send([{}, { amount: '100.00' }, { amount: '-0.01' }])).toMatchObject({
    accepted: 1,
    refused: [
      {
        index: 1,
        reason: 'expectation',
        field: 'amount',
        message:
          '"amount" is 100.00; its source expects >= 0.00 and <= 99.99: send it right, or change the expectation and ' +
          'replay this letter.',
      },
      { index: 2, reason: 'expectation', message: expect.stringContaining('"amount" is -0.01') },
    ],
  })
  // Of an event that goes to two shards there is one letter, for both have refused it.
  expect(store.deadLetters).toMatchObject([{ reason: 'expectation' }, { reason: 'expectation' }])
  expect(states('orders')['amount >= 0.00 and <= 99.99']).toEqual({
    what: 'amount >= 0.00 and <= 99.99',
    action: 'refuse',
    state: 'broken',
    seen: 3,
    failed: 2,
    share: 2 / 3,
    lastFailed: '2026-01-01T12:00:00.000Z',
    sample: '-0.01',
  })
  // What another expectation refused was never accepted.
  expect(states('orders')['at least 3 in 1h']).toMatchObject({ seen: 1, accepted: 1, state: 'broken' })
})

test('counted is every kind of value, in the form that it is sent in', async () => {
  const { send, states } = open()
  await send([
    { units: 9007199254740993n },
    { units: 9007199254740994n },
    { at: '2024-06-30T00:00:00Z', country: null },
  ])
  expect(states('orders')).toMatchObject({
    'units <= 9007199254740993': { seen: 3, failed: 1, sample: '9007199254740994' },
    'at >= 2025-01-01T00:00:00.000Z': { failed: 1, sample: '2024-06-30T00:00:00.000Z' },
    'country null in at most 25 %': { seen: 3, failed: 1, state: 'broken', sample: 'null' },
    'price null in at most 0 %': { seen: 3, failed: 3, share: 1, state: 'broken' },
  })
})

test('what is broken is so for its time, what is counted stays', async () => {
  const { clock, store, send, states } = open()
  expect(store.expectations('orders').map(({ state }) => state)).toEqual([
    ...Array.from({ length: 6 }, () => 'ok'),
    // Nothing came yet.
    'broken',
    'broken',
  ])
  await store.change('products', [{ op: 'insert', after: { pid: 'p1', price: '1.00', stock: 1 } }])
  await send([{ country: 'US' }, {}, {}])
  expect(states('orders')).toMatchObject({
    'at least 3 in 1h': { state: 'ok' },
    'the newest at most 10m old': { state: 'ok', newest: '2026-01-01T11:59:00.000Z' },
    'price null in at most 0 %': { state: 'ok', failed: 0, share: 0 },
  })
  clock.now += 2 * 3_600_000
  expect(states('orders')).toMatchObject({
    'at least 3 in 1h': { state: 'broken', accepted: 0, seen: 3 },
    'the newest at most 10m old': { state: 'broken' },
    'country one of "DE", "FR"': { state: 'broken', failed: 1 },
    'country null in at most 25 %': { state: 'ok', share: null },
  })
  clock.now += 86_400_000
  expect(states('orders')['country one of "DE", "FR"']).toMatchObject({ state: 'ok', seen: 3, failed: 1, share: null })
})

test('rows of a table are judged when they are put in, and fresh by when they were changed', async () => {
  const { clock, store, states } = open()
  const put = (pid: string, price: string, stock: number | null, eventTimeMs = clock.now) =>
    store.change('products', [{ op: 'update', after: { pid, price, stock }, eventTimeMs }])
  await put('p1', '1.00', 5, NOW - 3_600_000)
  expect(states('products')['the newest at most 10m old']).toMatchObject({ state: 'broken' })
  await put('p2', '2.00', -1)
  // The same again is no change.
  await put('p2', '2.00', -1)
  expect((await put('p1', '0.00', 5)).refused).toMatchObject([{ reason: 'expectation', field: 'price' }])
  expect(states('products')).toMatchObject({
    'price >= 0.01': { seen: 3, failed: 1, state: 'broken', sample: '0.00' },
    'stock >= 0': { seen: 3, failed: 1, sample: '-1' },
    'at least 2 in 1h': { seen: 2, state: 'ok' },
    'the newest at most 10m old': { state: 'ok' },
  })
  await store.change('products', [
    { op: 'delete', key: { pid: 'p2' } },
    { op: 'delete', key: { pid: 'p9' } },
  ])
  expect(states('products')['at least 2 in 1h']).toMatchObject({ seen: 3 })
})

test('nothing is expected of a source that declares nothing', () => {
  const clicks = streamSource('clicks', {
    event: z.object({ id: z.string(), uid: z.string(), at: z.iso.datetime({ offset: true }) }),
    id: 'id',
    time: 'at',
    from: [webhook()],
  })
  const view = featureView('v', { entity: user, source: clicks, key: { user_id: 'uid' } }, () => ({
    n: count().over('1d'),
  }))
  const store = localStore(definitions({ services: [featureService('t', [view])] }), { now: () => NOW })
  expect(store.expectations('clicks')).toEqual([])
  expect(() => store.expectations('clocks')).toThrow('no source clocks; there are: clicks')
})
