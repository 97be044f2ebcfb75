import { afterEach, expect, test, vi } from 'vitest'
import { MemoryStore, type OnlineStore } from '../../src/online/index.ts'
import { RedisStore } from '../../src/online/redis/index.ts'
import { Breaker, PartCache, type RegionShards } from '../../src/serve/index.ts'
import { nearOf, Publishing, planOf, reachOf, read } from '../support/publishing.ts'

const target = (store: OnlineStore, name = 'east/redis') => ({
  name,
  spec: { kind: 'redis' as const },
  open: () => store,
})
afterEach(() => {
  vi.unstubAllGlobals()
})

test('Redis: an entity that is read beside a head is no older than the head says, also beyond 100 keys', async () => {
  const texts = new Map<string, string>()
  const memory = new MemoryStore(texts)
  const east = new Publishing(planOf(), [target(memory)])
  const keys = Array.from({ length: 150 }, (_, i) => `u${i}`)
  east.send(...keys)
  await east.drain()
  // The REST interface before the same texts. The first request (with the head) is slower than the second, and in between the shard publishes.
  let requests = 0
  vi.stubGlobal('fetch', async (_: unknown, { body }: { body: string }) => {
    const number = requests++
    if (number === 0) {
      await new Promise((done) => setTimeout(done, 20))
      east.send('u149')
      await east.drain()
    }
    const [, ...asked] = JSON.parse(body) as string[]
    const result = asked.map((key) => texts.get(key.slice('tidemark:1:'.length)) ?? null)
    return new Response(JSON.stringify({ result }))
  })
  const store = new RedisStore({ url: 'https://redis.example', token: 't' })
  const reach = reachOf([east.reads()], () => east.clock, {
    nearStores: [nearOf('east/redis', store, () => east.clock)],
  })
  const rows = await read(east.plan, reach, keys, { maxStalenessMs: 60_000 })
  // Heads, then copies in two parts.
  expect(requests).toBe(3)
  const truth = await read(east.plan, reach, ['u149'])
  if ('failure' in rows || 'failure' in truth) throw new Error('failed')
  // The row names a commit that its value has not seen.
  expect(rows[149]?.commits).toEqual(truth[0]?.commits)
  expect(rows[149]?.count).toBe(truth[0]?.count)
})

test('`after` of a commit of the epoch before: a copy of that epoch which has not seen it is passed by', async () => {
  const store = new MemoryStore()
  const east = new Publishing(planOf(), [target(store)])
  east.send('u1')
  await east.drain()
  east.send('u1') // east/user/0/0/2, acknowledged, not published yet
  // The region is deployed with epoch 1, whose shard has inherited everything.
  const shards: RegionShards = { ...east.reads(), epoch: 1, oldestEpoch: 0 }
  const reach = reachOf([shards], () => east.clock, { nearStores: [nearOf('east/redis', store, () => east.clock)] })
  const rows = await read(east.plan, reach, ['u1'], { maxStalenessMs: 60_000, after: ['east/user/0/0/2'] })
  expect(rows).toMatchObject([{ count: 2 }])
})

test('`after` of a commit of a region that is cut off, without any copy of it: commit_not_seen, not a row without it', async () => {
  const east = new Publishing(planOf(), [])
  const west = new Publishing(planOf(), [], 'west', 2)
  east.send('u1')
  west.send('u1')
  const reach = reachOf([east.reads(), west.reads(() => false)], () => east.clock)
  expect(await read(east.plan, reach, ['u1'], { after: ['west/user/0/0/1'] })).toMatchObject({
    failure: 'commit_not_seen',
  })
})

test('0 ms asked for is through the shards, whatever the isolate has and whatever the clock of the other region says', async () => {
  const store = new MemoryStore()
  const east = new Publishing(planOf(), [])
  const west = new Publishing(planOf(), [target(store, 'east/redis')], 'west', 2)
  // 4 seconds ahead: within what counts as a clock that is right.
  west.clock = east.clock
  west.send('u1')
  await west.drain()
  east.clock = west.clock - 4_000
  const cache = new PartCache()
  const reach = reachOf([east.reads(), west.reads()], () => east.clock, {
    nearStores: [nearOf('east/redis', store, () => east.clock)],
    cache,
  })
  await read(east.plan, reach, ['u1'], { maxStalenessMs: 60_000 })
  west.send('u1')
  east.clock += 2_000
  expect(await read(east.plan, reach, ['u1'], { maxStalenessMs: 0, at: west.clock })).toMatchObject([{ count: 2 }])
})

test('0 ms: what was acknowledged within the millisecond of the read before is in the answer', async () => {
  const east = new Publishing(planOf(), [])
  const west = new Publishing(planOf(), [], 'west', 2)
  west.send('u1')
  const reach = reachOf([east.reads(), west.reads()], () => east.clock, { cache: new PartCache() })
  expect(await read(east.plan, reach, ['u1'])).toMatchObject([{ count: 1 }])
  west.send('u1')
  expect(await read(east.plan, reach, ['u1'])).toMatchObject([{ count: 2 }])
})

test('the second near store is asked when the first has nothing and the shard does not answer', async () => {
  const first = new MemoryStore()
  const second = new MemoryStore()
  const west = new Publishing(planOf(), [target(second, 'east/kv')], 'west', 2)
  const east = new Publishing(planOf(), [])
  west.send('u1')
  await west.drain()
  east.clock = west.clock
  const now = () => east.clock
  const nearStores = [nearOf('east/redis', first, now), nearOf('east/kv', second, now)]
  const reach = reachOf([east.reads(), west.reads(() => false)], now, { nearStores })
  expect(await read(east.plan, reach, ['u1'], { maxStalenessMs: 1_000 })).toMatchObject([
    { count: 1, parts: [{ region: 'east' }, { region: 'west', tier: 'store' }] },
  ])
})

test('of two copies of a shard that does not answer the newer one is served: the store has one of seconds ago, the isolate one of an hour ago', async () => {
  const store = new MemoryStore()
  const west = new Publishing(planOf(), [target(store)], 'west', 2)
  const east = new Publishing(planOf(), [])
  let isUp = true
  const now = () => west.clock
  const nearStores = [nearOf('east/redis', store, now)]
  const reach = reachOf([east.reads(), west.reads(() => isUp)], now, { nearStores, cache: new PartCache() })
  west.send('u1')
  await read(west.plan, reach, ['u1'])
  west.clock += 3_600_000
  west.send('u1')
  await west.drain()
  isUp = false
  expect(await read(west.plan, reach, ['u1'], { maxStalenessMs: 0 })).toMatchObject([{ count: 2 }])
})

test('one damaged entity is an error of its own row, by the merged path too', async () => {
  const east = new Publishing(planOf(), [])
  east.send('u1', 'u2')
  const whole = east.reads()
  const shards: RegionShards = {
    ...whole,
    shard: (entity, shard) => ({
      ...whole.shard(entity, shard),
      // What `Reads.copies` says of a state that cannot be read.
      copies: async (message) => {
        const answer = await whole.shard(entity, shard).copies(message)
        if (!('entities' in answer)) return answer
        return {
          ...answer,
          entities: answer.entities.map((one, i) =>
            one && message.keys[i]?.includes('u1') ? { ...one, state: null } : one,
          ),
        }
      },
    }),
  }
  const rows = await read(
    east.plan,
    reachOf([shards], () => east.clock),
    ['u1', 'u2'],
    { maxStalenessMs: 1_000 },
  )
  expect(rows).toMatchObject([{ status: 'error' }, { count: 1, status: 'present' }])
})

test('one shard of a far region that hangs takes no other shard of it away', async () => {
  const east = new Publishing(planOf(), [])
  const west = new Publishing(planOf(), [], 'west', 2)
  west.send('a', 'b', 'c', 'd')
  const whole = west.reads()
  let asked = 0
  const far: RegionShards = {
    ...whole,
    shardsOf: () => 2,
    shard: (entity, shard) => ({
      ...whole.shard(entity, 0),
      copies: async (message) => {
        if (shard === 1) return await new Promise(() => {})
        asked++
        return await whole.shard(entity, 0).copies(message)
      },
    }),
  }
  const breakers = new Map([['west', new Breaker(() => Date.now(), 100)]])
  const reach = reachOf([east.reads(), far], () => east.clock, { breakers })
  const keys = ['a', 'b', 'c', 'd']
  const alone: unknown[] = []
  for (const key of keys) {
    const rows = await read(
      east.plan,
      { ...reach, breakers: new Map([['west', new Breaker(() => Date.now(), 100)]]) },
      [key],
    )
    if ('failure' in rows) throw new Error('failed')
    alone.push(rows[0]?.count)
  }
  const well = keys.filter((_, i) => alone[i] === 1)
  expect(well.length).toBeGreaterThan(0)
  expect(well.length).toBeLessThan(4)
  asked = 0
  const rows = await read(east.plan, reach, keys)
  if ('failure' in rows) throw new Error('failed')
  expect(asked).toBe(1)
  expect(rows.map(({ count }) => count)).toEqual(alone)
})

test('a far home that does not answer is left alone by a read of 0 ms too', async () => {
  const west = new Publishing(planOf(), [], 'west', 2)
  let asked = 0
  const far: RegionShards = {
    ...west.reads(),
    shard: () => ({
      read: async () => {
        asked++
        throw new Error('no answer within 2,000 ms')
      },
      copies: async () => {
        throw new Error('no answer')
      },
    }),
  }
  const breakers = new Map([['west', new Breaker(() => west.clock, 1_500)]])
  const reach = reachOf([far], () => west.clock, { breakers })
  for (let i = 0; i < 20; i++) await read(west.plan, reach, ['a'])
  expect(asked).toBeLessThan(3)
})
