import { expect, test } from 'vitest'
import * as z from 'zod'
import {
  avg,
  batchSource,
  count,
  debezium,
  definitions,
  enrich,
  entity,
  featureService,
  featureView,
  int64,
  intervalJoin,
  kafka,
  lastN,
  latest,
  lifetime,
  rate,
  streamSource,
  sum,
  tableSource,
  union,
  webhook,
} from '../../src/define/index.ts'
import { localStore } from '../../src/testing/index.ts'
import { random } from '../support/random.ts'

const NOW = Date.UTC(2026, 0, 1)
const SECOND = 1_000
const HOUR = 3_600_000
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON
const iso = (ms: number) => new Date(ms).toISOString()

const user = entity('user', { user_id: z.string() })
const card = entity('card', { bank: z.string(), number: int64() })
const paid = streamSource('paid', {
  event: z.object({
    id: z.string(),
    user_id: z.string(),
    bank: z.string(),
    number: int64(),
    amount: z.number().nullish(),
    fraud: z.boolean().nullish(),
    at: z.iso.datetime({ offset: true }),
  }),
  id: 'id',
  time: 'at',
  from: [webhook()],
})
const byUser = featureView(
  'by_user',
  { entity: user, source: paid, key: { user_id: 'user_id' }, since: 'beginning' },
  (e) => ({
    paid_1h: count().over('1h'),
    sum_1h: sum(e.amount).over('1h'),
    last: lastN(e.amount, 3).over(lifetime()),
    told_fraud: latest(e.fraud).over(lifetime()),
  }),
)
const byCard = featureView(
  'by_card',
  { entity: card, source: paid, key: { bank: 'bank', number: 'number' }, since: 'beginning' },
  (e) => ({ mean: avg(e.amount).over('1d') }),
)
const all = definitions({ services: [featureService('fraud', [byUser, byCard])] })

function open() {
  const clock = { now: NOW }
  const store = localStore(all, { now: () => clock.now, shards: 3 })
  let sent = 0
  const pay = async (at: number, more: object = {}) => {
    const event = {
      id: `e${++sent}`,
      user_id: 'u',
      bank: 'b',
      number: 7n,
      amount: 1,
      fraud: null,
      at: iso(at),
      ...more,
    }
    await store.send('paid', [event])
  }
  const label = (at: number, more: object = {}) => ({ user_id: 'u', bank: 'b', number: 7n, at, ...more })
  return { clock, store, pay, label }
}

const counts = (rows: readonly { features: { paid_1h: number } }[]) => rows.map(({ features }) => features.paid_1h)

test('a label sees what had arrived at its time and had happened before it, and not a millisecond more', async () => {
  const { clock, store, pay, label } = open()
  await pay(NOW - 5 * SECOND)
  const times = [NOW - 5 * SECOND, NOW - 1, NOW, NOW + 1].map((at) => label(at))
  expect(counts(await store.trainingSet({ service: 'fraud', labels: times }))).toEqual([0, 0, 1, 1])
  expect(counts(await store.trainingSet({ service: 'fraud', labels: times, mode: 'ideal' }))).toEqual([0, 1, 1, 1])
  const lags = [NOW + HOUR - 5 * SECOND - 1, NOW + HOUR - 5 * SECOND].map((at) => label(at))
  expect(counts(await store.trainingSet({ service: 'fraud', labels: lags, mode: 'lag:1h' }))).toEqual([0, 1])
  // At its very own time an event that arrives at once is not before it.
  clock.now = NOW + 60 * SECOND
  await pay(clock.now)
  const at = [clock.now, clock.now + 1].map((ms) => label(ms))
  expect(counts(await store.trainingSet({ service: 'fraud', labels: at }))).toEqual([1, 2])
})

test('duplicate labels are kept, in their order, whatever that is; keys that were never seen are missing', async () => {
  const { store, pay, label } = open()
  await pay(NOW - SECOND, { amount: rawJson('-0') })
  const labels = [label(NOW + 2), label(NOW - HOUR), label(NOW + 2, { note: 'b' }), label(NOW, { user_id: 'nobody' })]
  const rows = await store.trainingSet({ service: 'fraud', labels })
  expect(rows.map(({ label }) => label)).toEqual(labels)
  expect(counts(rows)).toEqual([1, 0, 1, 0])
  expect(rows.map(({ status }) => status.paid_1h)).toEqual(['present', 'missing', 'present', 'missing'])
  expect(Object.is(rows[0]?.features.last[0], -0)).toBe(true)
})

test('a composite key is whole, an int64 is exact', async () => {
  const { store, pay, label } = open()
  const number = 2n ** 53n + 1n
  await pay(NOW - SECOND, { number, amount: 8 })
  await pay(NOW - SECOND, { number: number - 1n, amount: 2 })
  await pay(NOW - SECOND, { number, bank: 'b,7', amount: 100 })
  const rows = await store.trainingSet({
    service: 'fraud',
    labels: [label(NOW, { number }), label(NOW, { number: number - 1n })],
  })
  expect(rows.map(({ features }) => features.mean)).toEqual([8, 2])
})

test('a label that is planted in a late event is unknown as served, and known to an ideal set', async () => {
  const { clock, store, pay, label } = open()
  await pay(NOW - SECOND)
  const asked = NOW + SECOND
  clock.now = NOW + 24 * HOUR
  await pay(NOW, { fraud: true })
  const planted = async (mode: 'as-served' | 'ideal') => {
    const [row] = await store.trainingSet({ service: 'fraud', labels: [label(asked)], mode })
    return row?.features.told_fraud
  }
  expect(await planted('as-served')).toBe(null)
  expect(await planted('ideal')).toBe(true)
})

test('with the commits of a read a label is that very vector, even when others came at the same time', async () => {
  const { store, pay, label } = open()
  await pay(NOW - SECOND)
  const [read] = await store.read({ service: 'fraud', entities: [label(NOW)], metadata: true })
  await pay(NOW - 2 * SECOND)
  const commits = read?.metadata?.commits ?? []
  const rows = await store.trainingSet({ service: 'fraud', labels: [label(NOW, { commits }), label(NOW)] })
  expect(rows[0]?.features).toEqual(read?.features)
  expect(counts(rows)).toEqual([1, 2])
  const unseen = commits.map((commit) => commit.replace(/\d+$/, '999'))
  await expect(store.trainingSet({ service: 'fraud', labels: [label(NOW, { commits: unseen })] })).rejects.toThrow(
    /up to \d+ only/,
  )
})

test('a row of a table counts until the commit that takes it out', async () => {
  const orders = tableSource('orders', {
    row: z.object({
      order_id: z.int(),
      user_id: z.string(),
      total: z.number(),
      at: z.iso.datetime({ offset: true }),
    }),
    key: 'order_id',
    time: 'at',
    from: [kafka('shop.public.orders', { format: debezium() })],
  })
  const view = featureView(
    'orders_of',
    { entity: user, source: orders, key: { user_id: 'user_id' }, since: 'beginning' },
    (e) => ({ n: count().over(lifetime()), total: sum(e.total).over('7d') }),
  )
  const clock = { now: NOW }
  const store = localStore(definitions({ services: [featureService('s', [view])] }), {
    now: () => clock.now,
    shards: 2,
  })
  const live: unknown[] = []
  const labels: { user_id: string; at: number }[] = []
  const read = async () => {
    clock.now++
    const at = clock.now
    for (const user_id of ['a', 'b']) {
      labels.push({ user_id, at })
      const [row] = await store.read({ service: 's', entities: [{ user_id }] })
      live.push(row?.features)
    }
    clock.now += HOUR
  }
  const row = (order_id: number, user_id: string, total: number, at = clock.now) => ({
    order_id,
    user_id,
    total,
    at: iso(at),
  })
  await store.change('orders', [
    { op: 'insert', after: row(1, 'a', 10) },
    { op: 'insert', after: row(2, 'a', 5) },
  ])
  await read()
  await store.change('orders', [{ op: 'update', after: row(1, 'b', 20) }])
  await read()
  await store.change('orders', [{ op: 'update', after: row(2, 'a', 6, NOW - HOUR) }])
  await read()
  await store.change('orders', [{ op: 'delete', key: { order_id: 1 } }])
  await read()
  await store.change('orders', [{ op: 'truncate' }])
  await read()
  const rows = await store.trainingSet({ service: 's', labels: [...labels].reverse() })
  expect(rows.map(({ features }) => features).reverse()).toEqual(live)
  expect(new Set(live.map((one) => JSON.stringify(one))).size).toBeGreaterThan(3)
})

test('imported rows without a rule are refused as served, and taken otherwise', async () => {
  const values = z.object({ user_id: z.string(), ltv: z.number().nullish(), as_of: z.iso.datetime({ offset: true }) })
  const nightly = batchSource('nightly', { entity: user, values, time: 'as_of' })
  const store = localStore(definitions({ services: [featureService('s', [nightly])] }), { now: () => NOW, shards: 2 })
  await store.import('nightly', [{ user_id: 'u', ltv: 5, as_of: iso(NOW - 10 * HOUR) }], { knownAt: 'event-time+2h' })
  const labels = [NOW - 9 * HOUR, NOW - 8 * HOUR].map((at) => ({ user_id: 'u', at }))
  const ltv = async (mode: 'as-served' | 'ideal') =>
    (await store.trainingSet({ service: 's', labels, mode })).map(({ features }) => features.ltv)
  expect(await ltv('as-served')).toEqual([null, 5])
  expect(await ltv('ideal')).toEqual([5, 5])
  await store.import('nightly', [{ user_id: 'u', ltv: 6, as_of: iso(NOW - 9 * HOUR) }], { knownAt: 'none' })
  await expect(ltv('as-served')).rejects.toThrow(/source nightly has rows that were imported without a rule/)
  expect(await ltv('ideal')).toEqual([5, 6])
})

test('whatever was read live is what training gives, over two entities and late events', async () => {
  const r = random(11)
  const { clock, store, pay, label } = open()
  const live: unknown[] = []
  const labels: ReturnType<typeof label>[] = []
  for (let step = 0; step < 150; step++) {
    clock.now += r.pick([0, 1, SECOND, HOUR])
    const who = () => ({
      user_id: r.pick(['u', 'v', 'w']),
      bank: r.pick(['b', 'c,', '']),
      number: BigInt(r.int(-1, 1)),
    })
    await pay(clock.now - (r.chance(0.3) ? r.int(0, 5 * HOUR) : 0), {
      ...who(),
      amount: r.chance(0.2) ? null : r.next(),
    })
    clock.now++
    const asked = label(clock.now, who())
    const [row] = await store.read({ service: 'fraud', entities: [asked] })
    live.push(row?.features)
    labels.push(asked)
    clock.now++
  }
  const rows = await store.trainingSet({ service: 'fraud', labels })
  expect(rows.map(({ features }) => features)).toEqual(live)
})

test('a union, an enriched stream, an interval join and an entity that is spread give again what was read live', async () => {
  const busy = entity('busy', { id: z.string() }, { spread: 3 })
  const items = tableSource('items', {
    row: z.object({ item: z.string(), price: z.number(), at: z.iso.datetime({ offset: true }) }),
    key: 'item',
    time: 'at',
    from: [kafka('shop.public.items', { format: debezium() })],
  })
  const event = z.object({ id: z.string(), who: z.string(), item: z.string(), at: z.iso.datetime({ offset: true }) })
  const shown = streamSource('shown', { event, id: 'id', time: 'at', from: [webhook()] })
  const bought = streamSource('bought', {
    event,
    id: 'id',
    time: 'at',
    from: [webhook()],
    enrich: enrich(items, { on: 'item', fields: ['price'], unknown: 'null' }),
  })
  const key = { user_id: 'who' } as const
  const options = { entity: user, since: 'beginning' } as const
  const both = union({ shown, bought })
  const pairs = intervalJoin('pairs', shown, bought, { on: 'item', within: '1h' })
  const ofBoth = { user_id: { shown: 'who', bought: 'who' } } as const
  const ofPairs = { user_id: { left: 'who', right: 'who' } } as const
  const seen = featureView('seen', { ...options, source: both, key: ofBoth }, () => ({ n: count().over('1d') }))
  const joined = featureView('joined', { ...options, source: pairs, key: ofPairs }, (e) => ({
    rate: rate(e.matched.eq(true)).over('7d'),
  }))
  const spent = featureView('spent', { ...options, source: bought, key }, (e) => ({ total: sum(e.price).over('7d') }))
  const hot = featureView('hot', { entity: busy, source: shown, key: { id: 'item' }, since: 'beginning' }, () => ({
    shows: count().over(lifetime()),
  }))
  const service = featureService('s', [seen, joined, spent, hot])
  const clock = { now: NOW }
  const store = localStore(definitions({ services: [service] }), { now: () => clock.now, shards: 4 })
  const r = random(4)
  const live: unknown[] = []
  const labels: { user_id: string; id: string; at: number }[] = []
  for (let step = 0; step < 120; step++) {
    clock.now += r.pick([0, SECOND, 10 * 60 * SECOND, HOUR])
    const item = r.pick(['a', 'b', 'c'])
    const at = iso(clock.now - (r.chance(0.3) ? r.int(0, 3 * HOUR) : 0))
    if (r.chance(0.2))
      await store.change('items', [
        { op: r.chance(0.8) ? 'update' : 'delete', after: { item, price: r.int(1, 9), at }, key: { item } },
      ])
    else await store.send(r.pick(['shown', 'shown', 'bought']), [{ id: `e${step}`, who: r.pick(['u', 'v']), item, at }])
    clock.now++
    const label = { user_id: r.pick(['u', 'v', 'w']), id: item, at: clock.now }
    const [row] = await store.read({ service: 's', entities: [label] })
    live.push(row?.features)
    labels.push(label)
    clock.now++
  }
  const rows = await store.trainingSet({ service: 's', labels })
  expect(rows.map(({ features }) => features)).toEqual(live)
  for (const name of ['n', 'rate', 'total', 'shows'] as const)
    expect(new Set(rows.map(({ features }) => String(features[name]))).size, name).toBeGreaterThan(3)
})
