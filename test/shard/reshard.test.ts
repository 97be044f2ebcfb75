import { expect, test } from 'vitest'
import { Plan } from '../../src/plan/index.ts'
import { MESSAGE_VERSION } from '../../src/shard/index.ts'
import { EpochWorld, forEver } from '../support/epochs.ts'
import { type Random, random } from '../support/random.ts'
import { definitionsOf, eventText, lifetimeView, message, plainEvent, type SentEvent } from '../support/shards.ts'
import { randomEvents, shuffled } from '../support/streams.ts'

const KEYS = ['', 'ü,"\\', 'busy', 'busy', 'busy', ...Array.from({ length: 24 }, (_, i) => `k${i}`)]

/** As `forSeeds`, of a property that waits. */
async function forSeeds(count: number, property: (r: Random) => Promise<void>, first = 1): Promise<void> {
  for (let seed = first; seed < first + count; seed++) {
    try {
      await property(random(seed))
    } catch (cause) {
      throw new Error(`seed ${seed}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    }
  }
}

/** Random events in batches of any size, with events of before among them. */
class Stream {
  readonly sent: SentEvent[] = []
  private readonly r: Random
  private number = 0

  constructor(r: Random) {
    this.r = r
  }

  some(world: EpochWorld, count: number): void {
    const { r } = this
    const batch = randomEvents(r, count).map(({ time, availableAt, fields }) => ({
      event: { id: `e${this.number++}`, uid: r.pick(KEYS), friend: r.pick(KEYS), at: time, fields },
      clock: availableAt,
    }))
    for (let at = 0; at < batch.length; ) {
      const part = batch.slice(at, at + r.int(1, r.pick([1, 8, 30])))
      at += part.length
      const repeats = Array.from({ length: r.chance(0.4) ? r.int(1, 6) : 0 }, () =>
        r.pick([...this.sent, part[0]?.event]),
      )
      const events = shuffled(r, [...part.map(({ event }) => event), ...repeats]).filter((one) => one !== undefined)
      world.send(events, part.at(-1)?.clock ?? 0)
      this.sent.push(...part.map(({ event }) => event))
    }
  }
}

/** Hands over to an epoch of so many shards, while events come in as long as they can. */
async function reshard(r: Random, world: EpochWorld, shards: number, stream: Stream): Promise<void> {
  const epoch = world.counts.length
  world.counts.push(shards)
  const before = () => world.counts.pop()
  const after = () => world.counts.push(shards)
  const order = shuffled(
    r,
    Array.from({ length: shards }, (_, shard) => shard),
  )
  for (let round = r.int(0, 3); round > 0; round--) {
    for (const shard of order) {
      if (r.chance(0.2)) continue
      await world.prepare(epoch, shard, r.pick([1, 3, Number.POSITIVE_INFINITY]))
      if (!r.chance(0.3)) continue
      before()
      stream.some(world, r.int(1, 12))
      after()
    }
  }
  // Some are opened by nobody: the next epoch, or the first event, does.
  for (const shard of order) await world.open(epoch, shard)
}

test('whatever is sent, lost or sent again while shards hand over, theirs is the state of the accepted events', async () => {
  let crashes = 0
  let entities = 0
  await forSeeds(60, async (r) => {
    const world = new EpochWorld(r, { shards: r.pick([1, 2, 4]) })
    const stream = new Stream(r)
    stream.some(world, r.pick([0, 20, 80]))
    for (const times of [r.pick([1, 2, 2, 3]), 2]) {
      await reshard(r, world, (world.counts.at(-1) ?? 1) * times, stream)
      stream.some(world, r.pick([0, 10, 60]))
    }
    // Everything that was ever sent is known.
    for (const said of world.send(stream.sent, world.clock)) expect(said).toMatch(/^d*$/)
    expect(world.found()).toEqual(world.expected())
    entities += world.found().length
    crashes += world.crashes
  })
  expect(entities).toBeGreaterThan(800)
  expect(crashes).toBeGreaterThan(500)
})

test('entities that are spread go to the child that has their slice', async () => {
  await forSeeds(15, async (r) => {
    const { entities, ...spec } = definitionsOf([lifetimeView])
    const plan = forEver({ ...spec, entities: entities.map((entity) => ({ ...entity, spread: 3 })) })
    const world = new EpochWorld(r, { shards: 4, plan })
    const stream = new Stream(r)
    stream.some(world, 150)
    await reshard(r, world, 8, stream)
    stream.some(world, 50)
    for (const said of world.send(stream.sent, world.clock)) expect(said).toMatch(/^d*$/)
    expect(world.found()).toEqual(world.expected())
    expect(world.found().filter(([name]) => name.endsWith('/busy')).length).toBe(3)
  })
})

test('a process that ends at any one write of a hand-over loses nothing', async () => {
  for (const how of ['lose', 'keep'] as const) {
    for (let write = 0; ; write++) {
      const r = random(7)
      const world = new EpochWorld(r, { shards: 1, memoryBytes: () => 4_000 })
      const stream = new Stream(r)
      world.crashAt = { write: -1, how }
      stream.some(world, 60)
      world.counts.push(2)
      world.crashAt = { write, how }
      await world.prepare(1, 0)
      world.counts.pop()
      stream.some(world, 15)
      world.counts.push(2)
      for (const shard of [0, 1]) await world.open(1, shard)
      stream.some(world, 15)
      expect(world.found()).toEqual(world.expected())
      for (const said of world.send(stream.sent, world.clock)) expect(said).toMatch(/^d*$/)
      // Behind the last write nothing ends any more.
      if (world.writes <= write) {
        expect(write).toBeGreaterThan(5)
        break
      }
    }
  }
}, 60_000)

const PLAIN = new Plan(definitionsOf([lifetimeView]))

/** One shard with so many entities, and its two children. */
function plainWorld(): EpochWorld {
  const world = new EpochWorld(random(1), { shards: 1, plan: PLAIN, memoryBytes: () => 200_000 })
  world.crashAt = { write: -1, how: 'lose' }
  return world
}

test('thousands of entities, in pages that split while they are copied, and ids in many runs', async () => {
  const world = plainWorld()
  const users = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => plainEvent(`e${from + i}`, `u${from + i}`, 1e12))
  world.send(users(0, 17_000), 1e12)
  world.counts.push(2)
  await world.prepare(1, 0, 3)
  await world.prepare(1, 1)
  world.counts.pop()
  world.send(users(17_000, 22_000), 1e12)
  // Entities that were copied change once more.
  world.send(
    users(0, 3_000).map((event) => ({ ...event, id: `again ${event.id}` })),
    1e12,
  )
  world.counts.push(2)
  for (const shard of [0, 1]) await world.open(1, shard)
  expect(world.shard(0, 0).stats.pages).toBeGreaterThan(30)
  expect(world.found()).toEqual(world.expected())
  for (const said of world.send(users(0, 22_000), 1e12)) expect(said).toMatch(/^d*$/)
}, 60_000)

test('what was copied is not copied again, only what has changed', async () => {
  const world = plainWorld()
  world.send(
    Array.from({ length: 2_000 }, (_, i) => plainEvent(`e${i}`, `u${i}`, 1e12)),
    1e12,
  )
  world.counts.push(1)
  await world.prepare(1, 0)
  expect(world.heir(1, 0).progress).toMatchObject({ isOpen: false, cells: 2_000, seq: 2_000, parentSeq: 2_000 })
  await world.prepare(1, 0)
  expect(world.heir(1, 0).progress.cells).toBe(2_000)
  world.counts.pop()
  world.send([plainEvent('new', 'u7', 1e12)], 1e12)
  world.counts.push(1)
  await world.prepare(1, 0)
  expect(world.heir(1, 0).progress).toMatchObject({ cells: 2_001, seq: 2_001 })
})

test('a sealed shard takes nothing in and answers no read, also when it is opened again; its refusals go on leaving', async () => {
  const world = plainWorld()
  world.send([plainEvent('a', 'u', 1e12)], 1e12)
  const refused = world.shard(0, 0).apply(message(PLAIN, ['{"id":"x"}'], 1e12))
  expect(refused).toMatchObject({ verdicts: 'r' })
  world.counts.push(2)
  await world.open(1, 0)
  for (const again of [false, true]) {
    if (again) world.kill(0, 0)
    const parent = world.shard(0, 0)
    const write = parent.apply(message(PLAIN, [eventText(plainEvent('b', 'u', 1e12))], 1e12))
    const t = 1e12 + 1
    const read = parent.read({ version: MESSAGE_VERSION, plan: PLAIN.hash, t, keys: ['u'], run: 'ever.count' })
    for (const answer of [write, read]) expect(answer).toMatchObject({ unavailable: 'sealed' })
    expect(parent.letters.isEmpty).toBe(false)
  }
})

test('positions go to every child: what was handed over before is known there, what comes next is not', async () => {
  const world = plainWorld()
  const from = (offsets: readonly number[]) => ({
    ...message(
      PLAIN,
      offsets.map((offset) => eventText(plainEvent(`p${offset}`, `u${offset % 7}`, 1e12))),
      1e12,
    ),
    position: { sequence: 'clicks/0', incarnation: 1, generation: 4, offsets },
  })
  world.clock = 1e12
  world.shard(0, 0).apply(from([0, 1, 2, 3, 4, 5, 6, 7]))
  world.counts.push(2)
  for (const shard of [0, 1]) await world.open(1, shard)
  for (const shard of [0, 1]) {
    const offsets = Array.from({ length: 20 }, (_, i) => i).filter((i) => world.shardOf(`u${i % 7}`) === shard)
    const answer = world.shard(1, shard).apply(from(offsets))
    expect(answer).toMatchObject({ verdicts: offsets.map((offset) => (offset < 8 ? 'd' : 'a')).join('') })
    const fenced = { ...from([30]), position: { ...from([30]).position, generation: 3 } }
    expect(world.shard(1, shard).apply(fenced)).toMatchObject({ unavailable: 'fenced' })
  }
})

test('counts of expectations go to one child, and their sum stays', async () => {
  const spec = definitionsOf([lifetimeView])
  const expecting = spec.sources.map((source) => ({
    ...source,
    expect: [{ kind: 'nulls' as const, field: 'units', atMost: 0.5, action: 'count' as const, overMs: 3_600_000 }],
  }))
  const plan = new Plan({ ...spec, sources: expecting })
  const world = new EpochWorld(random(1), { shards: 1, plan, memoryBytes: () => 1e6 })
  world.crashAt = { write: -1, how: 'lose' }
  world.send(
    Array.from({ length: 50 }, (_, i) => plainEvent(`e${i}`, `u${i}`, 1e12)),
    1e12,
  )
  expect(world.shard(0, 0).expectations('activity')[0]).toMatchObject({ seen: 50, failed: 50 })
  world.counts.push(2)
  for (const shard of [0, 1]) await world.open(1, shard)
  expect([0, 1].map((shard) => world.shard(1, shard).expectations('activity')[0]?.seen)).toEqual([50, 0])
})

test('a state that cannot be read where it was cannot be read where it goes', async () => {
  const world = plainWorld()
  world.send([plainEvent('a', 'u', 1e12), plainEvent('b', 'v', 1e12)], 1e12)
  const parent = world.shard(0, 0)
  const pages = Reflect.get(parent, 'pages') as { find(key: string, hash: number): object }
  const { hashKey } = await import('../../src/plan/index.ts')
  Reflect.set(pages.find('u', hashKey('u')), 'tail', Uint8Array.of(255, 255, 255, 1, 1, 1))
  Reflect.set(pages.find('u', hashKey('u')), 'tailLength', 6)
  world.counts.push(1)
  await world.open(1, 0)
  const t = 1e12 + 1
  const answer = world
    .shard(1, 0)
    .read({ version: MESSAGE_VERSION, plan: PLAIN.hash, t, keys: ['u', 'v'], run: 'ever.count' })
  expect(answer).toMatchObject({
    rows: [
      { statuses: 'x', reasons: ['damaged'] },
      { statuses: 'p', values: '1' },
    ],
  })
})
