import { expect, test } from 'vitest'
import { MemoryStore } from '../../src/online/index.ts'
import { Plan } from '../../src/plan/index.ts'
import { Breaker, lookup, type NearStore, PartCache, parseFeaturesRequest, type Reach } from '../../src/serve/index.ts'
import { SimRegion } from '../simulation/sim-region.ts'
import { definitionsOf, eventText, lifetimeView, message, plainEvent } from '../support/shards.ts'

// What a region answers of an entity that another one keeps, while that one cannot be asked.

const plan = new Plan(definitionsOf([lifetimeView]))
const START = Date.UTC(2026, 0, 1)

class CutOff {
  clock = START
  private readonly near = [new MemoryStore(), new MemoryStore()]
  private readonly farther = new MemoryStore()
  private sent = 0
  private readonly home = new SimRegion({
    name: 'east',
    id: 1,
    shards: 1,
    plan,
    stores: () => [
      { name: 'west/near', store: this.near[0] as MemoryStore },
      { name: 'west/second', store: this.near[1] as MemoryStore },
      { name: 'east/far', store: this.farther },
    ],
    now: () => this.clock,
  })
  private readonly cache = new PartCache()

  /** Takes in one event at home; its commit. */
  send(): string {
    const event = plainEvent(`e${this.sent++}`, 'ada', this.clock - 1)
    const answer = this.home.shard(0).shard.apply(message(plan, [eventText(event)], this.clock))
    if ('unavailable' in answer) throw new Error(answer.message)
    return `east/user/0/0/${answer.seq}`
  }

  /** What is due leaves for these stores, by their places among the three. */
  async publish(...places: readonly number[]): Promise<void> {
    this.clock += 2_000
    const { stores } = this.home.shard(0).stores
    for (const place of places) {
      const store = stores[place]
      while (store !== undefined && store.dueMs <= this.clock) await store.send()
    }
  }

  async read(maxStalenessMs: number, after: readonly string[] = []) {
    const body = { features: ['ever.count'], entities: [{ user_id: 'ada' }], at: this.clock, maxStalenessMs, after }
    const request = parseFeaturesRequest(plan, body, this.clock)
    if ('status' in request) throw new Error(request.detail)
    const answer = await lookup(plan, this.reach, request)
    if ('failure' in answer) return answer
    const [row] = answer
    return { values: row?.texts[0]?.values, parts: row?.parts }
  }

  private get reach(): Reach {
    const now = () => this.clock
    const open = (name: string, store: MemoryStore): NearStore => ({ name, store, breaker: new Breaker(now, 1_000) })
    const [near, second] = this.near as [MemoryStore, MemoryStore]
    const east = this.home.reads(() => true)
    const west = new SimRegion({ name: 'west', id: 2, shards: 1, plan, stores: () => [], now }).reads(() => false)
    return {
      regions: [west, east],
      // The entity has parts at home only, unless a test says more.
      holders: () => (this.isHeldByBoth ? [west, east] : [east]),
      nearStores: [open('west/near', near), open('west/second', second)],
      farStores: [open('east/far', this.farther)],
      cache: this.cache,
      breakers: new Map([['east', new Breaker(now, 1_000)]]),
      now,
    }
  }

  isHeldByBoth = false
}

test('what was read once does not stand in for what the store is told since, however fresh a read wants it', async () => {
  const world = new CutOff()
  world.send()
  await world.publish(0)
  expect(await world.read(0)).toMatchObject({ values: '1', parts: [{ region: 'east', ageMs: 0, tier: 'store' }] })
  world.send()
  await world.publish(0)
  expect(await world.read(0)).toMatchObject({ values: '2', parts: [{ ageMs: 0 }] })
})

test('a near store that has nothing is no reason to lack what another store has', async () => {
  for (const place of [1, 2]) {
    for (const maxStalenessMs of [0, 60_000]) {
      const world = new CutOff()
      world.send()
      await world.publish(place)
      expect(await world.read(maxStalenessMs)).toMatchObject({
        values: '1',
        parts: [{ region: 'east', tier: 'store' }],
      })
    }
  }
})

test('a read with "after" whose part is absent says that the commit has not been seen, and gives no value without it', async () => {
  const world = new CutOff()
  world.isHeldByBoth = true
  const commit = world.send()
  expect(await world.read(0)).toMatchObject({
    values: '0',
    parts: [{ region: 'west' }, { region: 'east', ageMs: null }],
  })
  for (const maxStalenessMs of [0, 60_000])
    expect(await world.read(maxStalenessMs, [commit])).toEqual({
      failure: 'commit_not_seen',
      commit: 'east/user/0/0/0',
    })
  await world.publish(2)
  expect(await world.read(0, [commit])).toMatchObject({ values: '1' })
})
