import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { MemoryStore, type OnlineStore, storeProblems } from '../../src/online/index.ts'
import { type KvNamespace, KvStore } from '../../src/online/kv/index.ts'
import { NOW, Publishing, planOf } from '../support/publishing.ts'
import { random } from '../support/random.ts'
import { FakeKv } from './fake-kv.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] })
  vi.setSystemTime(NOW)
})
afterEach(() => {
  vi.useRealTimers()
})

const target = (store: OnlineStore) => ({ name: 'east/kv', spec: { kind: 'kv' as const }, open: () => store })

/** What drives a shard's publisher: an invocation at a time, which sends so often, and stops at a failure. */
function drainOf(east: Publishing, mostSends = 1) {
  return async (ms: number) => {
    east.clock += ms
    vi.setSystemTime(east.clock)
    try {
      for (let i = 0; i < mostSends && east.store.dueMs <= east.clock; i++) await east.store.send()
    } catch {
      // Tried again with the next.
    }
  }
}

const ageOfHead = (east: Publishing, values: ReadonlyMap<string, string>) => {
  const head = [...values].find(([key]) => key.includes('head/'))?.[1]
  const atMs =
    head === undefined ? undefined : (JSON.parse(head.slice(44, head.indexOf('\n'))) as { atMs: number }).atMs
  return atMs === undefined ? Number.POSITIVE_INFINITY : east.clock - atMs
}

test.each([
  ['KV by its defaults', {}, 10],
  ['a libSQL with the flushMs of docs/online-stores.md', { flushMs: 5_000 }, 100],
])(
  '%s: a listing comes to its end although the shard is busy',
  async (_name, spec, rate) => {
    const memory = new MemoryStore()
    const east = new Publishing(planOf(), [{ name: 'east/kv', spec: { kind: 'kv', ...spec }, open: () => memory }])
    east.send('u1')
    const tick = drainOf(east)
    for (let i = 0; i < 120; i++) await tick(1_000)
    // As after a deploy with a changed definition, of a store that is new, and of a shard that has taken over.
    east.store.publishAll()
    let worst = 0
    for (let i = 0; i < 1_200 * rate; i++) {
      east.send(`u${i % 10}`)
      await tick(1_000 / rate)
      if (i > 300 * rate) worst = Math.max(worst, ageOfHead(east, memory.texts))
    }
    console.log(
      `20 minutes later: page ${east.store.status.page}, the head is ${Math.round(ageOfHead(east, memory.texts) / 1_000)} s old`,
    )
    expect(east.store.status.page).toBeNull()
    expect(worst).toBeLessThan(120_000)
  },
  120_000,
)

test('KV by its defaults: a shard of 12,000 entities that takes 100 batches a second is published', async () => {
  const memory = new MemoryStore()
  const east = new Publishing(planOf(), [{ name: 'east/kv', spec: { kind: 'kv' }, open: () => memory }])
  const tick = drainOf(east)
  const keys = Array.from({ length: 12_000 }, (_, i) => `u${i}`)
  for (let at = 0; at < keys.length; at += 1_000) east.send(...keys.slice(at, at + 1_000))
  for (let i = 0; i < 120; i++) await tick(1_000)
  const all = [...memory.texts.keys()].length
  let starts = 0
  let before: number | null = null
  for (let i = 0; i < 1_200 * 100; i++) {
    east.send(`u${i % 10}`)
    await tick(10)
    const { page } = east.store.status
    if (page !== null && (before === null || page < before)) starts++
    before = page
  }
  console.log(
    `${all} copies before; 20 minutes later: page ${east.store.status.page}, begun ${starts} times, the head is ${Math.round(ageOfHead(east, memory.texts) / 1_000)} s old`,
  )
  expect(ageOfHead(east, memory.texts)).toBeLessThan(120_000)
}, 120_000)

test('what was put into KV is read back although the shard is never quiet', async () => {
  const memory = new MemoryStore()
  let settled = 0
  const store = Object.assign(Object.create(memory) as OnlineStore, {
    settle: async () => {
      settled++
      return 0
    },
  })
  const east = new Publishing(planOf(), [target(store)])
  const tick = drainOf(east)
  for (let i = 0; i < 600; i++) {
    east.send('u1')
    await tick(1_000)
  }
  expect(settled).toBeGreaterThan(0)
})

test('KV: a new shard is not taken for one whose store has lost its copies, although what was not there is cached', async () => {
  const kv = new FakeKv(random(1))
  kv.nowMs = NOW
  const store = new KvStore(kv.at(), { epochsOf: () => [0], now: () => Date.now() })
  const east = new Publishing(planOf(), [target(store)])
  const tick = drainOf(east)
  await tick(0)
  for (let i = 0; i < 60; i++) {
    if (i % 25 === 20) east.send('u1')
    kv.pass(1_000)
    await tick(1_000)
  }
  expect(east.reports).toEqual([])
})

test.each([1, 4])(
  '6,000 entities of %i KB are listed in KV although an invocation has 1,000 operations',
  async (kb) => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const values = new Map<string, string>()
    let operations = 0
    let puts = 0
    const use = (count: number) => {
      operations += count
      if (operations > 1_000) throw new Error('Too many API requests by single Worker invocation.')
    }
    const namespace: KvNamespace = {
      get: async (keys) => {
        use(1)
        return new Map(keys.map((key) => [key, values.get(key) ?? null]))
      },
      put: async (key, value) => {
        use(1)
        puts++
        values.set(key, value)
      },
    }
    const kv = new KvStore(namespace, { epochsOf: () => [0], now: () => Date.now() })
    // States as large as many views make them.
    const padded: OnlineStore = Object.assign(Object.create(kv) as OnlineStore, {
      put: (copies: Parameters<OnlineStore['put']>[0]) =>
        kv.put(
          copies.map((copy) =>
            copy.address.kind === 'head' ? copy : { ...copy, body: new Uint8Array(kb * 1024).fill(7) },
          ),
        ),
    })
    const first = new Publishing(planOf(), [target(new MemoryStore())])
    const keys = Array.from({ length: 6_000 }, (_, i) => `u${i}`)
    for (let at = 0; at < keys.length; at += 1_000) first.send(...keys.slice(at, at + 1_000))
    const east = new Publishing(planOf(), [{ ...target(padded), name: 'east/new' }])
    Object.assign(east, { storage: first.storage, clock: first.clock })
    east.reopen()
    const tick = drainOf(east)
    for (let i = 0; i < 900; i++) {
      operations = 0
      await tick(1_000)
    }
    console.log(
      `${kb} KB: a quarter of an hour later ${[...values.keys()].filter((key) => key.includes('entity/')).length} copies are there, by ${puts} puts; ${east.store.status.problem}`,
    )
    expect([...values.keys()].filter((key) => key.includes('head/')).length).toBe(1)
    expect(puts).toBeLessThan(12_500)
  },
  120_000,
)

test('before a deploy is told: a heartbeat of 0 ms puts heads without end', () => {
  const shards = { default: 1 }
  const stores = [{ name: 'far', kind: 'kv' as const, id: 'x', heartbeatMs: 0 }]
  expect(storeProblems([{ name: 'r', id: 1, epoch: 0, shards, stores }], {})).not.toEqual([])
})
