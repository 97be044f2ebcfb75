/** Shards that were filled from a parent that is then restored to a time before. */
import { expect, test } from 'vitest'
import { Plan } from '../../src/plan/index.ts'
import {
  Heir,
  MESSAGE_VERSION,
  MemoryStorage,
  type ParentShard,
  Shard,
  startLineage,
  whyNotRestorable,
} from '../../src/shard/index.ts'
import { Crash, CrashingStorage } from '../support/crashing-storage.ts'
import { random } from '../support/random.ts'
import { definitionsOf, eventText, lifetimeView, message, plainEvent } from '../support/shards.ts'

const PLAN = new Plan(definitionsOf([lifetimeView]))
const entity = PLAN.entities.get('user')
const AT = 1e12
const CHILD = { epoch: 1, shards: 1, shard: 0 }

function shardOf(events: readonly string[], epoch = 0, storage = new MemoryStorage()) {
  if (!entity) throw new Error('no entity')
  const part = { region: 1, epoch, shard: 0 }
  const shard = new Shard({ plan: PLAN, entity, part, shards: 1, storage, now: () => AT })
  const send = (ids: readonly string[]) => {
    const texts = ids.map((id) => eventText(plainEvent(id, `u-${id}`, AT)))
    if (texts.length > 0) shard.apply(message(PLAN, texts, AT))
  }
  send(events)
  return { shard, storage, send }
}

/** A parent that can be another one from one call to the next. */
class World {
  parent = shardOf([])
  readonly ask: ParentShard = {
    head: async () => this.parent.shard.handOver.head(),
    seal: async (child) => this.parent.shard.handOver.seal(child),
    cells: async (child, page, since) => this.parent.shard.handOver.cells(child, page, since),
    ids: async (run, part) => this.parent.shard.handOver.ids(run, part),
  }

  heir(storage: MemoryStorage, now = AT): Heir {
    const of = { child: CHILD, siblings: 1, countsExpectations: true, parent: this.ask, now: () => now }
    return new Heir({ storage, ...of })
  }

  /** As a restore of the region does: the state of then, under a name of its own. */
  restore(events: readonly string[], lineage: string): void {
    this.parent = shardOf(events)
    startLineage(this.parent.storage, lineage)
  }
}

const childOf = (storage: MemoryStorage) => shardOf([], 1, storage)
const keysOf = (storage: MemoryStorage) =>
  childOf(storage)
    .shard.canonical()
    .map(([key]) => key)

test('a child takes over what its parent is, not what it was before it was restored', async () => {
  const world = new World()
  world.parent = shardOf(['a', 'b', 'wrong', 'worse'])
  const storage = new MemoryStorage()
  await world.heir(storage).copy()
  world.restore(['a', 'b'], 'restored')
  await world.heir(storage).open()
  expect(keysOf(storage)).toEqual(['u-a', 'u-b'])
  // Ids too: what was lost counts when it comes again, and what was kept does not.
  const child = childOf(storage)
  child.send(['a', 'wrong'])
  const asked = { version: MESSAGE_VERSION, plan: PLAN.hash, t: AT + 1, keys: ['u-a', 'u-wrong'], run: 'ever.count' }
  expect(child.shard.read(asked)).toMatchObject({ rows: [{ values: '1' }, { values: '1' }] })
})

test('also when the parent has come as far again, with other commits', async () => {
  const world = new World()
  world.parent = shardOf(['a', 'wrong'])
  const storage = new MemoryStorage()
  await world.heir(storage).copy()
  world.restore(['a'], 'restored')
  for (const id of ['b', 'c', 'd']) world.parent.send([id])
  await world.heir(storage).copy()
  await world.heir(storage).open()
  expect(keysOf(storage)).toEqual(['u-a', 'u-b', 'u-c', 'u-d'])
})

test('and when its process ends anywhere in between, and the parent is restored again', async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const r = random(seed)
    const world = new World()
    const ids = Array.from({ length: 60 }, (_, i) => `${seed}-${i}`)
    world.parent = shardOf(ids)
    const storage = new CrashingStorage()
    storage.onTransaction = () => {
      if (r.chance(0.3)) storage.next = r.pick(['lose', 'keep'])
    }
    const step = async (work: () => Promise<unknown>) => {
      try {
        await work()
        return true
      } catch (cause) {
        if (!(cause instanceof Crash)) throw cause
        return false
      }
    }
    let kept = ids
    for (let round = 0; round < 6; round++) {
      let left = r.int(0, 4)
      await step(() => world.heir(storage).copy(() => left-- <= 0))
      if (r.chance(0.5)) continue
      kept = [...ids.slice(0, r.int(0, 60)), `only-${round}`]
      world.restore(kept, `restored ${round}`)
    }
    while (!(await step(() => world.heir(storage).open())));
    storage.onTransaction = null
    expect(keysOf(storage), `seed ${seed}`).toEqual(kept.map((id) => `u-${id}`).sort())
  }
})

test('a shard that took over has no state of a time before that, and one that has not yet has none at all', async () => {
  const world = new World()
  world.parent = shardOf(['a'])
  const storage = new MemoryStorage()
  expect(whyNotRestorable(storage, false, AT)).toContain('it has not taken over from the shard before it')
  await world.heir(storage, AT).open()
  expect(whyNotRestorable(storage, true, AT)).toBe(
    'it took over from the shard before it at 2001-09-09T01:46:40.000Z: restore to a time after that',
  )
  expect(whyNotRestorable(storage, true, AT + 1)).toBeUndefined()
  expect(whyNotRestorable(new MemoryStorage(), true, 5)).toBeUndefined()
})
