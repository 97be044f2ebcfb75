import { expect, test } from 'vitest'
import { type Copy, headAddress, isCopy, MemoryStore, type PutOutcome, readHead } from '../../src/online/index.ts'
import { Plan } from '../../src/plan/index.ts'
import { SimRegion, type SimShard } from '../simulation/sim-region.ts'
import { apply, definitionsOf, eventText, lifetimeView, message, plainEvent } from '../support/shards.ts'

// A store that loses everything while it is being filled, as a Redis without persistence does that starts again and again.

const plan = new Plan(definitionsOf([lifetimeView]))
const START = Date.UTC(2026, 0, 1)

class FragileStore extends MemoryStore {
  /** After so many further calls that put entities all is lost. */
  holds = Number.POSITIVE_INFINITY

  override async put(copies: readonly Copy[]): Promise<PutOutcome[]> {
    const outcomes = await super.put(copies)
    if (copies.some(({ address }) => address.kind === 'entity') && --this.holds === 0) this.texts.clear()
    return outcomes
  }

  get entities(): number {
    return [...this.texts.keys()].filter((text) => text.startsWith('entity/')).length
  }

  /** Up to which commit it says that it has everything; 0 when it does not say so. */
  async said(): Promise<number> {
    const [found] = await this.get([headAddress({ entity: 'user', region: 'east', shard: 0 })])
    const head = isCopy(found) ? readHead(found) : undefined
    return head?.print === '' ? 0 : (head?.seq ?? 0)
  }
}

class World {
  readonly store = new FragileStore()
  clock = START
  private sent = 0
  private readonly region = new SimRegion({
    name: 'east',
    id: 1,
    shards: 1,
    plan,
    stores: () => [{ name: 'east/near', store: this.store }],
    now: () => this.clock,
  })

  get shard(): SimShard {
    return this.region.shard(0)
  }

  send(users: number): void {
    const events = Array.from({ length: users }, (_, i) => plainEvent(`e${this.sent++}`, `u${i}`, this.clock - 1))
    apply(this.shard.shard, message(plan, events.map(eventText), this.clock))
  }

  async publish(): Promise<void> {
    for (let i = 0; i < 10; i++) {
      this.clock += 20_000
      await this.shard.publish(this.clock)
    }
  }
}

test('a store that is emptied is filled again', async () => {
  const world = new World()
  world.send(5)
  await world.publish()
  expect([world.store.entities, await world.store.said()]).toEqual([5, 5])
  world.store.texts.clear()
  await world.publish()
  expect([world.store.entities, await world.store.said()]).toEqual([5, 5])
})

test('a store that is emptied again while it is being filled gets no head over what is missing, by a new process neither', async () => {
  for (const isRestarted of [false, true]) {
    const world = new World()
    world.send(5)
    await world.publish()
    world.store.texts.clear()
    // Everything is put, and is gone before the head comes.
    world.store.holds = 1
    const [store] = world.shard.stores.stores
    while (world.store.holds > 0) await store?.send()
    expect([world.store.entities, await world.store.said()]).toEqual([0, 0])
    if (isRestarted) world.shard.reopen()
    await world.publish()
    expect([world.store.entities, await world.store.said()]).toEqual([5, 5])
  }
})

test('a store is emptied once and once again between the steps of being filled', async () => {
  const world = new World()
  world.send(9_000)
  await world.publish()
  expect(world.store.entities).toBe(9_000)
  world.store.texts.clear()
  // Some calls are before it, some behind it.
  world.store.holds = 2
  await world.publish()
  expect([world.store.entities, await world.store.said()]).toEqual([9_000, 9_000])
})
