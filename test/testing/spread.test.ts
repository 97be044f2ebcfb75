import { expect, test } from 'vitest'
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
  latest,
  lifetime,
  streamSource,
  sum,
  tableSource,
  webhook,
} from '../../src/define/index.ts'
import { Plan } from '../../src/plan/index.ts'
import { MESSAGE_VERSION, MemoryStorage, Shard } from '../../src/shard/index.ts'
import { Router, requestBatch } from '../../src/source/index.ts'
import { localStore } from '../../src/testing/index.ts'
import { forSeeds, random } from '../support/random.ts'

const NOW = Date.UTC(2026, 0, 1)

/** A shop whose campaigns are hot: the same in all but over how many shards each is spread. */
function shop(spread: number | undefined) {
  const campaign = entity('campaign', { campaign_id: z.string() }, spread === undefined ? {} : { spread })
  const clicks = streamSource('clicks', {
    event: z.object({ id: z.string(), on: z.string(), cents: z.int(), at: epochMs() }),
    id: 'id',
    time: 'at',
    from: [webhook()],
  })
  const pings = streamSource('pings', {
    event: z.object({ on: z.string(), at: epochMs() }),
    time: 'at',
    idempotency: 'content',
    from: [webhook()],
  })
  const orders = tableSource('orders', {
    row: z.object({ order: z.int(), on: z.string(), cents: z.int(), at: epochMs() }),
    key: ['order'],
    time: 'at',
    from: [webhook({ format: debezium() })],
  })
  const clicked = featureView(
    'clicked',
    { entity: campaign, source: clicks, key: { campaign_id: 'on' }, since: 'beginning' },
    (e) => ({
      clicks: count().over('1h'),
      ever: count().over(lifetime()),
      cents: sum(e.cents).over(lifetime()),
      mean: avg(e.cents).over('1h'),
      last: latest(e.cents),
    }),
  )
  const pinged = featureView(
    'pinged',
    { entity: campaign, source: pings, key: { campaign_id: 'on' }, since: 'beginning' },
    () => ({ pings: count().over(lifetime()) }),
  )
  const ordered = featureView(
    'ordered',
    { entity: campaign, source: orders, key: { campaign_id: 'on' }, since: 'beginning' },
    (e) => ({ orders: count().over(lifetime()), paid: sum(e.cents).over(lifetime()) }),
  )
  return definitions({ services: [featureService('hot', [clicked, pinged, ordered])] })
}

test('an entity that is spread has the values of one that is not, whatever comes twice', async () => {
  for (let seed = 1; seed <= 15; seed++) {
    const r = random(seed)
    const stores = [undefined, 2, 5].map((spread) => localStore(shop(spread), { now: () => NOW, shards: r.int(1, 7) }))
    const sent: object[] = []
    for (let i = 0; i < 25; i++) {
      const on = r.pick(['a', 'b', 'ü"'])
      const at = NOW - r.int(0, 7_200) * 1_000 - i
      const events = Array.from({ length: r.int(1, 8) }, (_, n) => ({
        id: `${i}/${n}`,
        on,
        cents: r.int(-5, 90),
        at: at + n,
      }))
      sent.push(...events)
      const again = r.chance(0.4) ? [r.pick(sent), r.pick(sent)] : []
      const order = r.int(1, 30)
      const isGone = r.chance(0.2)
      for (const store of stores) {
        await store.send('clicks', [...events, ...again])
        await store.send('pings', [
          { on, at },
          { on, at },
        ])
        const change = isGone
          ? { op: 'delete' as const, key: { order } }
          : { op: 'update' as const, after: { order, on, cents: r.seed + i, at } }
        await store.change('orders', [change])
      }
    }
    const entities = ['a', 'b', 'ü"', 'nobody'].map((campaign_id) => ({ campaign_id }))
    const [whole, ...spread] = await Promise.all(
      stores.map((store) => store.read({ service: 'hot', entities, at: NOW + 1 })),
    )
    for (const rows of spread) expect(rows, `seed ${seed}`).toEqual(whole)
    expect(stores[2]?.explain('clicked.ever', { campaign_id: 'a' }, NOW + 1)?.value).toEqual(
      stores[0]?.explain('clicked.ever', { campaign_id: 'a' }, NOW + 1)?.value,
    )
    expect(stores[1]?.canonical().size).toBe(stores[0]?.canonical().size)
  }
})

test('one shard does not pass for the entity', async () => {
  const plan = new Plan(shop(3).spec)
  const runtime = plan.entities.get('campaign')
  if (runtime === undefined) throw new Error('no entity')
  const part = { region: 1, epoch: 0, shard: 0 }
  const shard = new Shard({ plan, entity: runtime, part, shards: 3, storage: new MemoryStorage(), now: () => NOW })
  const read = { version: MESSAGE_VERSION, plan: plan.hash, t: NOW, keys: ['a'], run: ':hot:0' }
  expect(shard.read(read)).toMatchObject({ unavailable: 'spread', message: expect.stringContaining('3 slices') })
  expect(shard.copies({ version: MESSAGE_VERSION, plan: plan.hash, keys: ['a'] })).toMatchObject({ entities: [null] })
})

test('what was counted under another spread is neither read nor added to', () => {
  const storage = new MemoryStorage()
  const open = (spread: number | undefined) => {
    const plan = new Plan(shop(spread).spec)
    const runtime = plan.entities.get('campaign')
    if (runtime === undefined) throw new Error('no entity')
    const part = { region: 1, epoch: 0, shard: 0 }
    const shard = new Shard({ plan, entity: runtime, part, shards: 1, storage, now: () => NOW })
    const batch = { version: MESSAGE_VERSION, plan: plan.hash, source: 'clicks', arrivalMs: NOW, fanout: '1' }
    return shard.apply({ ...batch, events: JSON.stringify([{ id: '1', on: 'a', cents: 1, at: NOW }]) })
  }
  expect(open(undefined)).toMatchObject({ verdicts: 'a' })
  const refused = open(4)
  expect(refused).toMatchObject({ unavailable: 'spread', message: expect.stringContaining('Set spread back to 1') })
  expect(open(undefined)).toMatchObject({ verdicts: 'd' })
})

const shardsOfBatch = (router: Router, batch: Parameters<Router['route']>[0]): number[] => {
  const routed = router.route(batch)
  if ('reason' in routed || routed.refused.length > 0) throw new Error(JSON.stringify(routed))
  const shards: number[] = []
  for (const { shard, indexes } of routed.batches) for (const index of indexes) shards[index] = shard
  return shards
}

test('an event goes to the same slice however its id is written, and however it comes', () => {
  const spec = shop(4).spec
  const plan = new Plan(spec)
  const source = plan.sources.get('clicks')
  if (source === undefined) throw new Error('no source')
  const router = new Router(plan.hash, source, () => 8)
  forSeeds(20, (r) => {
    const id = `e${r.int(0, 1e6)}`
    const escaped = [...id].map((c) => `\\u00${c.charCodeAt(0).toString(16)}`).join('')
    const texts = [id, escaped].map((text) => `{"id":"${text}","on":"a","cents":1,"at":${NOW}}`)
    const batch = requestBatch(`[${texts.join()}]`, NOW)
    if ('reason' in batch) throw new Error(batch.message)
    const shards = shardsOfBatch(router, batch)
    expect(shards[0]).toBe(shards[1])
    const [first = 0] = shardsOfBatch(router, { ...batch })
    expect(shards[0]).toBe(first)
  })
  // Without an id a record is known by its place, also when it comes back as a dead letter.
  const nameless = new Plan({
    ...spec,
    sources: spec.sources.map(({ id: _, ...one }) =>
      one.name === 'clicks' ? { ...one, idempotency: 'none' as const } : one,
    ),
  })
  const placed = nameless.sources.get('clicks')
  if (placed === undefined) throw new Error('no source')
  const byPlace = new Router(nameless.hash, placed, () => 8)
  const events = Array.from({ length: 40 }, () => `{"id":"x","on":"a","cents":1,"at":${NOW}}`)
  const batch = requestBatch(`[${events.join()}]`, NOW)
  if ('reason' in batch) throw new Error(batch.message)
  const offsets = events.map((_, i) => i + 7)
  const pulled = { ...batch, position: { sequence: 'clicks/3', incarnation: 1, generation: 1, offsets } }
  const replayed = { ...batch, ids: offsets.map((offset) => `kafka/clicks/1/3/${offset}`) }
  expect(shardsOfBatch(byPlace, pulled)).toEqual(shardsOfBatch(byPlace, replayed))
  expect(new Set(shardsOfBatch(byPlace, pulled)).size).toBe(4)
})
