import { expect, test } from 'vitest'
import { MemoryStore, type OnlineStore } from '../../src/online/index.ts'
import { Plan } from '../../src/plan/index.ts'
import { PartCache } from '../../src/serve/index.ts'
import { nearOf, Publishing, planOf, reachOf, read } from '../support/publishing.ts'
import { definitionsOf, lifetimeView } from '../support/shards.ts'

const target = (store: OnlineStore) => ({ name: 'east/redis', spec: { kind: 'redis' as const }, open: () => store })

test('a head is not put before every row of the batch (or page) that it names has left', async () => {
  const store = new MemoryStore()
  const east = new Publishing(planOf(), [target(store)])
  east.send('first')
  await east.drain()
  // 3,000 entities with long keys are listed, or change in one batch: more than one row of the list, of one commit.
  const keys = Array.from({ length: 3_000 }, (_, i) => `${String(i).padStart(6, '0')}${'k'.repeat(200)}`)
  east.send(...keys)
  east.clock += 2_000
  await east.store.send()
  const reach = reachOf([east.reads()], () => east.clock, {
    nearStores: [nearOf('east/redis', store, () => east.clock)],
  })
  const rows = await read(east.plan, reach, [keys[0] as string, keys.at(-1) as string], { maxStalenessMs: 10_000 })
  expect(rows).toMatchObject([
    { count: 1, status: 'present' },
    { count: 1, status: 'present' },
  ])
})

test('the same of a listing: a store that is new gets no head before all entities are there', async () => {
  const east = new Publishing(planOf(), [target(new MemoryStore())])
  const keys = Array.from({ length: 4_900 }, (_, i) => `${String(i).padStart(6, '0')}${'k'.repeat(150)}`)
  for (let at = 0; at < keys.length; at += 1_000) east.send(...keys.slice(at, at + 1_000))
  await east.drain()
  // Another store takes the place of the first, and has nothing.
  const store = new MemoryStore()
  const again = new Publishing(planOf(), [{ ...target(store), name: 'east/new' }])
  Object.assign(again, { storage: east.storage, clock: east.clock })
  again.reopen()
  const reach = reachOf([again.reads()], () => again.clock, {
    nearStores: [nearOf('east/new', store, () => again.clock)],
  })
  for (let i = 0; i < 20; i++) {
    again.clock += 500
    if (again.store.dueMs <= again.clock) await again.store.send()
    for (let at = 0; at < keys.length; at += 1_000) {
      const rows = await read(again.plan, reach, keys.slice(at, at + 1_000), { maxStalenessMs: 1_000 })
      if ('failure' in rows) throw new Error(rows.failure)
      expect(rows.filter(({ status }) => status !== 'present')).toEqual([])
    }
  }
})

test('a store that comes back with what it had a minute ago (Redis from its last snapshot) is told of what it has lost', async () => {
  const store = new MemoryStore()
  const east = new Publishing(planOf(), [target(store)])
  east.send('u1')
  await east.drain()
  const snapshot = new Map(store.texts)
  east.send('u1')
  await east.drain()
  store.texts.clear()
  for (const [at, text] of snapshot) store.texts.set(at, text)
  east.clock += 60_000
  await east.drain()
  const reach = reachOf([east.reads()], () => east.clock, {
    nearStores: [nearOf('east/redis', store, () => east.clock)],
  })
  expect(await read(east.plan, reach, ['u1'], { maxStalenessMs: 60_000 })).toMatchObject([{ count: 2 }])
})

test('after a rollback the head of before the roll-out does not vouch for a history with a hole', async () => {
  const { since: _, ...open } = lifetimeView
  const P1 = new Plan(
    definitionsOf([
      {
        ...open,
        features: [{ name: 'count', aggregate: 'count', window: { kind: 'sliding', widthMs: 100_000, delayMs: 0 } }],
      },
    ]),
  )
  const P2 = new Plan(
    definitionsOf([
      { ...open, name: 'other', features: [{ name: 'n', aggregate: 'count', window: { kind: 'lifetime' } }] },
    ]),
  )
  const store = new MemoryStore()
  const east = new Publishing(P1, [target(store)])
  east.send('u1')
  await east.drain()
  // A long while, so that the window is complete.
  for (let i = 0; i < 5; i++) await east.drain()
  east.send('u1')
  await east.drain()
  // Rolled out: the view is gone, and the store is out of reach or the listing is long. An event that P1 never folds.
  east.reopen(P2)
  east.send('u1')
  // Rolled back; something changes, and its copy is put while the listing is not done (an operator has paused it, or it is long).
  east.reopen(P1)
  east.store.pause(true)
  east.clock += 1_000
  east.send('u1')
  east.clock += 2_000
  await east.store.send()
  const reach = reachOf([east.reads()], () => east.clock, {
    nearStores: [nearOf('east/redis', store, () => east.clock)],
  })
  const truth = await read(P1, reach, ['u1'], { maxStalenessMs: 0 })
  const near = await read(P1, reach, ['u1'], { maxStalenessMs: 60_000 })
  expect(truth).toMatchObject([{ status: 'partial' }])
  expect(near).toMatchObject([{ status: 'partial' }])
})

test('a refused place stays without a head when the process starts again', async () => {
  const store = new MemoryStore()
  // What the Redis adapter does for a key of another type: reads as nothing, refuses every put.
  const odd: OnlineStore = Object.assign(Object.create(store) as OnlineStore, {
    put: async (copies: Parameters<OnlineStore['put']>[0]) =>
      await Promise.all(
        copies.map(async (copy) =>
          copy.address.kind === 'entity' && copy.address.key.includes('odd')
            ? { refused: 'WRONGTYPE' }
            : ((await store.put([copy]))[0] as 'stored'),
        ),
      ),
  })
  const east = new Publishing(planOf(), [target(odd)])
  east.send('even')
  await east.drain()
  east.send('odd')
  await east.drain()
  const reach = reachOf([east.reads()], () => east.clock, { nearStores: [nearOf('east/redis', odd, () => east.clock)] })
  expect(await read(east.plan, reach, ['odd'], { maxStalenessMs: 60_000 })).toMatchObject([{ count: 1 }])
  // Eviction of an idle object: every few minutes.
  east.reopen()
  east.clock += 60_000
  await east.drain()
  expect(await read(east.plan, reach, ['odd'], { maxStalenessMs: 60_000 })).toMatchObject([
    { count: 1, status: 'present' },
  ])
})

test('a shard that begins under traffic does not say that a store has lost its copies', async () => {
  const store = new MemoryStore()
  const east = new Publishing(planOf(), [target(store)])
  east.send('u1')
  await east.drain()
  expect(east.reports).toEqual([])
})

test('a pause of the listing outlasts a backlog', async () => {
  const store = new MemoryStore()
  const east = new Publishing(planOf(), [target(store)])
  east.send('u1')
  await east.drain()
  east.store.publishAll()
  east.store.pause(true)
  for (let i = 0; i < 2_001; i++) east.send('u1')
  east.clock += 5_000
  await east.store.send()
  expect(east.store.status.isPaused).toBe(true)
})

test('a head that could not be put is tried again as soon as a copy is, and not with the next sign of life', async () => {
  const memory = new MemoryStore()
  let isDown = false
  const store = Object.assign(Object.create(memory) as OnlineStore, {
    get: async (addresses: Parameters<OnlineStore['get']>[0]) => {
      if (isDown) throw new Error('one request that failed')
      return await memory.get(addresses)
    },
  })
  const east = new Publishing(planOf(), [target(store)])
  east.send('u1')
  await east.drain()
  east.send('u1')
  east.clock += 2_000
  isDown = true
  await expect(east.store.send()).rejects.toThrow()
  isDown = false
  expect(east.store.dueMs - east.clock).toBeLessThan(10_000)
})

test('a part that the isolate has kept is told as such, also when a store has answered with something older', async () => {
  const store = new MemoryStore()
  const east = new Publishing(planOf(), [target(store)])
  east.send('u1')
  await east.drain()
  let isUp = true
  const reach = reachOf([east.reads(() => isUp)], () => east.clock, {
    cache: new PartCache(),
    nearStores: [nearOf('east/redis', store, () => east.clock)],
  })
  east.clock += 10_000
  east.send('u1')
  // From the shard, newer than what the store has.
  await read(east.plan, reach, ['u1'], { maxStalenessMs: 1_000 })
  isUp = false
  east.clock += 10_000
  expect(await read(east.plan, reach, ['u1'], { maxStalenessMs: 1_000 })).toMatchObject([
    { count: 2, parts: [{ tier: 'isolate' }] },
  ])
})
