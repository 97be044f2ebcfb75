import { expect, test } from 'vitest'
import { EntityStores, MemoryStore, type OnlineStore } from '../../src/online/index.ts'
import type { EntityRuntime } from '../../src/plan/index.ts'
import type { RegionShards } from '../../src/serve/index.ts'
import { MemoryStorage, Shard } from '../../src/shard/index.ts'
import { NOW, nearOf, Publishing, planOf, reachOf, read } from '../support/publishing.ts'
import { apply, eventText, message, plainEvent } from '../support/shards.ts'

test('a lookup of the epoch before takes no age and no commit from the head of another shard of the new epoch', async () => {
  const plan = planOf()
  const entity = plan.entities.get('user') as EntityRuntime
  let clock = NOW
  const store = new MemoryStore()
  // Shards 1 and 3 of 4 of epoch 1: both are children of shard 1 of 2.
  const shards = [1, 3].map((number) => {
    const storage = new MemoryStorage()
    const part = { region: 1, epoch: 1, shard: number }
    const shard = new Shard({ plan, entity, part, shards: 4, storage, now: () => clock, isCopied: true })
    const place = { region: 'east', epoch: 1, shards: 4, shard: number, sliceOf: () => 0 }
    const target = { name: 'east/redis', spec: { kind: 'redis' as const }, open: (): OnlineStore => store }
    const stores = new EntityStores({
      entity,
      place,
      shard,
      storage,
      stores: [target],
      now: () => clock,
      report: () => {},
    })
    return { shard, store: stores.stores[0] }
  })
  const [one, three] = shards
  // Which keys live in shard 3 of 4 is told by the shard itself: it refuses the others.
  const key = Array.from({ length: 50 }, (_, i) => `k${i}`).find((name, i) => {
    const answer = three?.shard.apply(message(plan, [eventText(plainEvent(`e${i}`, name, clock - 10))], clock))
    return answer !== undefined && 'verdicts' in answer && answer.verdicts === 'a'
  }) as string
  const drain = async (which: typeof one) => {
    for (let i = 0; i < 5; i++) {
      clock += 2_000
      while (which?.store && which.store.dueMs <= clock) await which.store.send()
    }
  }
  await drain(three)
  // Shard 3 takes in one more, and cannot publish any more; shard 1 can.
  apply(three?.shard as Shard, message(plan, [eventText(plainEvent('late', key, clock - 10))], clock))
  clock += 3_600_000
  await drain(one)
  // A lookup that was deployed before: another region's, or this one's for the minutes of a deployment. Its shard is sealed.
  const old: RegionShards = {
    region: 'east',
    epoch: 0,
    shardsOf: () => 2,
    shard: () => ({
      read: async () => ({ unavailable: 'sealed', message: 'taken over' }),
      copies: async () => ({ unavailable: 'sealed', message: 'taken over' }),
    }),
  }
  const reach = reachOf([old], () => clock, { nearStores: [nearOf('east/redis', store, () => clock)] })
  const rows = await read(plan, reach, [key], { maxStalenessMs: 60_000 })
  if ('failure' in rows) throw new Error(JSON.stringify(rows))
  // It is the copy of an hour ago, and has to say so.
  expect(rows[0]).toMatchObject({ count: 1 })
  expect(rows[0]?.parts?.[0]?.ageMs).toBeGreaterThan(3_000_000)
})

test('`after` of a commit that a restore has taken back is not answered as if it were seen', async () => {
  const east = new Publishing(planOf(), [])
  east.send('u1')
  const shards: RegionShards = { ...east.reads(), epoch: 1, oldestEpoch: 1 }
  const rows = await read(
    east.plan,
    reachOf([shards], () => east.clock),
    ['u1'],
    { after: ['east/user/0/0/99'] },
  )
  expect(rows).toHaveProperty('failure')
})
