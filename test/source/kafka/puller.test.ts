import { expect, test } from 'vitest'
import type { Decoder } from '../../../src/contract/index.ts'
import { refusal } from '../../../src/contract/index.ts'
import type { KafkaIntake } from '../../../src/engine/index.ts'
import { Plan } from '../../../src/plan/index.ts'
import { type DeadLetter, MESSAGE_VERSION, Shard, type ShardDirectory } from '../../../src/shard/index.ts'
import { deliver, type EventBatch, Router } from '../../../src/source/index.ts'
import { Puller } from '../../../src/source/kafka/puller.ts'
import type { PullerState, Pulls, ReadElsewhere } from '../../../src/source/kafka/puller-state.ts'
import { CrashingStorage } from '../../support/crashing-storage.ts'
import { type Random, random } from '../../support/random.ts'
import { ACTIVITY, definitionsOf, lifetimeView } from '../../support/shards.ts'
import { MemoryKafka } from './memory-kafka.ts'

const SHARDS = 3
const START = Date.UTC(2026, 0, 1)

const intake = (more: Partial<KafkaIntake> = {}): KafkaIntake => ({
  kind: 'kafka',
  topic: 'activity',
  cluster: 'default',
  format: { kind: 'json' },
  start: 'earliest',
  onGap: 'earliest',
  onPoison: 'park',
  lingerMs: 100,
  maxIdleMs: 1_000,
  ...more,
})

/** Texts as they are; those that begin with `!` cannot be decoded, tombstones are nothing. */
const plain: Decoder = {
  decode: ({ valueText }) => {
    if (valueText === undefined) return { kind: 'skipped', why: 'tombstone' }
    if (valueText.startsWith('!')) return { kind: 'refused', why: refusal('bad_encoding', 'not decodable') }
    return { kind: 'event', text: valueText }
  },
}

/** A region: shards that die, a puller that is made anew from what it saved, and the dead letters. */
class World {
  readonly kafka: MemoryKafka
  readonly letters = new Map<string, DeadLetter>()
  now = START
  handFaults = 0
  /** A shard that throws at whatever has this text in it. */
  poison: string | undefined
  restarts = 0
  saved: PullerState | undefined
  puller: Puller
  private readonly r: Random
  private readonly plan: Plan
  private readonly intake: KafkaIntake
  private readonly storages = Array.from({ length: SHARDS }, () => new CrashingStorage())
  private shards: Shard[] = []
  private readonly router: Router
  private readonly directory: ShardDirectory
  /** By the routing of its source, as deployed. */
  pulls: Pulls
  /** What the other regions say when they are asked. */
  elsewhere: ReadElsewhere = { kind: 'nobody' }

  constructor(r: Random, options: Partial<KafkaIntake> = {}, kafka = new MemoryKafka(r), pulls: Pulls = 'home') {
    this.r = r
    this.kafka = kafka
    this.pulls = pulls
    this.intake = intake(options)
    // No id field: what identifies a record is its place.
    const { id: _, ...source } = ACTIVITY
    this.plan = new Plan(definitionsOf([lifetimeView], { ...source, from: [this.intake] }))
    this.shards = this.storages.map((_, shard) => this.open(shard))
    this.directory = {
      region: 'local',
      epoch: 0,
      shardsOf: () => SHARDS,
      shard: (_entity, shard) => ({
        apply: async (message) => this.apply(shard, message),
      }),
    }
    this.router = new Router(this.plan.hash, this.plan.sources.get('activity') as never, () => SHARDS)
    this.puller = this.start()
  }

  private open(shard: number): Shard {
    const entity = this.plan.entities.get('user')
    if (entity === undefined) throw new Error('no entity user')
    const part = { region: 1, epoch: 0, shard }
    const { plan, storages } = this
    const storage = storages[shard] as CrashingStorage
    return new Shard({ plan, entity, part, shards: SHARDS, storage, now: () => this.now })
  }

  private apply(shard: number, message: Parameters<Shard['apply']>[0]) {
    if (this.poison !== undefined && message.events.includes(this.poison))
      throw new Error('this record breaks the shard')
    const fate = this.r.chance(this.handFaults) ? this.r.pick(['lose', 'keep', 'before', 'after'] as const) : null
    if (fate === 'before') throw new Error('the call did not arrive')
    const storage = this.storages[shard] as CrashingStorage
    storage.next = fate === 'lose' || fate === 'keep' ? fate : null
    try {
      const answer = (this.shards[shard] as Shard).apply(message)
      if (fate === 'after') throw new Error('the answer was lost')
      return answer
    } catch (cause) {
      storage.next = null
      this.shards[shard] = this.open(shard)
      throw cause
    }
  }

  start(): Puller {
    const { kafka, router, directory } = this
    const keep = async (letters: readonly DeadLetter[]) => {
      if (this.r.chance(this.handFaults)) throw new Error('the dead letters did not answer')
      for (const letter of letters) this.letters.set(`${letter.payload}`, letter)
    }
    return new Puller({
      intake: this.intake,
      partition: 0,
      kafka,
      decoder: plain,
      learn: async () => ({ kind: 'failed', message: 'no registry' }),
      hand: async (batch: EventBatch) => {
        try {
          return await deliver({ router, directory, source: 'activity', keep }, batch)
        } catch (cause) {
          return { unavailable: 'shard_failed', message: String(cause) }
        }
      },
      areWell: async () => true,
      save: (state) => {
        this.saved = state
      },
      saved: this.saved,
      pulls: this.pulls,
      elsewhere: async () => this.elsewhere,
      now: () => this.now,
      random: () => this.r.next(),
      sleep: async (ms) => {
        this.now += ms
      },
    })
  }

  restart(from = this.saved): void {
    this.restarts++
    this.saved = from
    this.puller = this.start()
  }

  /** One run; the clock moves by the pause. */
  async run(): Promise<void> {
    const pause = await this.puller.run(this.now + 1)
    this.now += Math.max(1, pause ?? 0)
  }

  /** Runs until everything is taken, or it halts. */
  async drain(): Promise<void> {
    for (let turns = 0; turns < 3_000; turns++) {
      await this.run()
      const { phase, offset, topicId } = this.puller.status
      const isCaughtUp = offset >= this.kafka.end && (!this.kafka.tellsId || topicId === `topic-${this.kafka.id}`)
      if (phase !== 'running' || isCaughtUp) return
    }
    throw new Error(`not drained: ${JSON.stringify(this.puller.status)}`)
  }

  /** Events of each user. */
  counts(users: readonly string[]): Record<string, number> {
    const t = this.now + 1
    const read = (user: string) => {
      const sum = this.shards.map((shard) => {
        const answer = shard.read({
          version: MESSAGE_VERSION,
          plan: this.plan.hash,
          t,
          keys: [user],
          run: 'ever.count',
        })
        return 'rows' in answer ? (JSON.parse(answer.rows[0]?.values ?? '0') as number) : Number.NaN
      })
      return sum.reduce((a, b) => a + b, 0)
    }
    return Object.fromEntries(users.map((user) => [user, read(user)]))
  }
}

const USERS = ['a', 'b', 'c', 'd', 'e', 'f']

function append(r: Random, kafka: MemoryKafka, truth: Record<string, number>, count: number, at: number): void {
  for (let i = 0; i < count; i++) {
    const uid = r.pick(USERS)
    const kind = r.next()
    if (kind < 0.03) kafka.append(null, at)
    else if (kind < 0.06) kafka.append(`!${r.next()}`, at)
    else {
      kafka.append(JSON.stringify({ id: 'x', uid, friend: uid, at }), at)
      truth[uid] = (truth[uid] ?? 0) + 1
    }
  }
}

async function forSomeSeeds(count: number, property: (r: Random) => Promise<void>): Promise<void> {
  for (let seed = 1; seed <= count; seed++) {
    try {
      await property(random(seed))
    } catch (cause) {
      throw new Error(`seed ${seed}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    }
  }
}

const none = (): Record<string, number> => Object.fromEntries(USERS.map((user) => [user, 0]))

test('every record counts once, whatever fails, dies or is saved too late', async () => {
  let restarts = 0
  let undecodable = 0
  await forSomeSeeds(60, async (r) => {
    const world = new World(r)
    const truth = none()
    world.kafka.faults = r.pick([0, 0.1, 0.4])
    world.handFaults = r.pick([0, 0.1, 0.3])
    for (let phase = 0; phase < 4; phase++) {
      append(r, world.kafka, truth, r.int(0, 150), world.now)
      const older = world.saved
      for (let turns = r.int(0, 8); turns > 0; turns--) await world.run()
      // A process that ended before its save was durable: what it comes back with is older.
      if (r.chance(0.5)) world.restart(r.chance(0.5) ? older : world.saved)
    }
    world.handFaults = 0
    await world.drain()
    expect(world.counts(USERS)).toEqual(truth)
    const bad = world.kafka.records.filter(({ valueText }) => valueText?.startsWith('!')).length
    expect(world.letters.size).toBe(bad)
    restarts += world.restarts
    undecodable += bad
  })
  expect(restarts).toBeGreaterThan(30)
  expect(undecodable).toBeGreaterThan(100)
})

test('a topic that is deleted and made again is counted from its beginning, also when it is as long already', async () => {
  await forSomeSeeds(40, async (r) => {
    const world = new World(r)
    const truth = none()
    world.handFaults = r.pick([0, 0.2])
    for (let topic = 0; topic < 3; topic++) {
      append(r, world.kafka, truth, r.int(1, 100), world.now)
      await world.drain()
      world.kafka.recreate()
    }
    append(r, world.kafka, truth, 120, world.now)
    await world.drain()
    expect(world.puller.status.incarnation).toBe(3)
    expect(world.counts(USERS)).toEqual(truth)
  })
})

test('without the id of the topic, a shorter topic halts until a person says where to go on', async () => {
  const r = random(1)
  const world = new World(r, {}, new MemoryKafka(r, false))
  const truth = none()
  append(r, world.kafka, truth, 100, world.now)
  await world.drain()
  world.kafka.recreate()
  append(r, world.kafka, truth, 10, world.now)
  await world.run()
  await world.run()
  expect(world.puller.status.halt).toMatchObject({ reason: 'beyond_end' })
  expect(world.puller.status.halt?.message).toContain('no id of the topic')
  world.puller.resume({ offset: 0 })
  await world.drain()
  expect(world.counts(USERS)).toEqual(truth)
})

test('records that were deleted before they were read are counted, or halt, as the source says', async () => {
  const run = async (onGap: KafkaIntake['onGap']) => {
    const r = random(7)
    const world = new World(r, { onGap })
    append(r, world.kafka, none(), 100, world.now)
    await world.drain()
    const { offset } = world.puller.status
    append(r, world.kafka, none(), 100, world.now)
    world.kafka.truncate(world.kafka.end - 5)
    const lost = world.kafka.begin - offset
    expect(lost).toBeGreaterThan(0)
    world.restart()
    await world.drain()
    return { world, lost, status: world.puller.status }
  }
  const earliest = await run('earliest')
  expect(earliest.status.counts.lost).toBe(earliest.lost)
  const latest = await run('latest')
  expect(latest.status.offset).toBe(latest.world.kafka.end)
  const halt = await run('halt')
  expect(halt.status.halt).toMatchObject({ reason: 'gap' })
  expect(halt.status.halt?.message).toMatch(/^\d+ records of activity\/0 were deleted before they were read/)
  halt.world.puller.resume()
  await halt.world.drain()
  expect(halt.world.puller.status.counts.lost).toBe(halt.lost)
})

test('where the source says so, a record that cannot be decoded halts before it, and is passed over by hand', async () => {
  const r = random(3)
  const world = new World(r, { onPoison: 'halt' })
  const event = (uid: string) => JSON.stringify({ id: 'x', uid, friend: uid, at: START })
  for (const text of [event('a'), event('a'), '!bad', event('b')]) world.kafka.append(text, START)
  await world.drain()
  expect(world.puller.status.halt).toMatchObject({ reason: 'poison', offset: world.kafka.records[2]?.offset })
  expect(world.counts(['a', 'b'])).toEqual({ a: 2, b: 0 })
  world.puller.resume()
  await world.drain()
  expect(world.puller.status.phase).toBe('halted')
  world.puller.resume({ skip: true })
  await world.drain()
  expect(world.puller.status.phase).toBe('running')
  expect(world.counts(['a', 'b'])).toEqual({ a: 2, b: 1 })
  expect([...world.letters.keys()]).toEqual(['!bad'])
})

test('a record that breaks its shard each time is parked in the end, and alone', async () => {
  const r = random(5)
  const world = new World(r)
  const truth = none()
  append(r, world.kafka, truth, 60, START)
  world.kafka.append(JSON.stringify({ id: 'poison', uid: 'a', friend: 'a', at: START }), START)
  append(r, world.kafka, truth, 60, START)
  world.poison = '"poison"'
  await world.drain()
  expect(world.counts(USERS)).toEqual(truth)
  const letter = [...world.letters.values()].find(({ payload }) => payload.includes('poison'))
  expect(letter?.reason).toBe('poison')
  expect(letter?.message).toContain('fails each time')
})

test('a stale puller is fenced, and one that is handed over goes on elsewhere exactly where it was', async () => {
  await forSomeSeeds(20, async (r) => {
    const first = new World(r)
    const second = new World(r, {}, first.kafka, 'moved')
    const truth = none()
    append(r, first.kafka, truth, 200, START)
    await second.run()
    expect(second.puller.status).toMatchObject({ phase: 'away', offset: -1 })
    for (let turns = r.int(0, 6); turns > 0; turns--) await first.run()
    const barrier = await first.puller.handOver()
    await first.run()
    expect(first.puller.status.phase).toBe('away')
    // Before it has begun, it is known nowhere where it should go on: at the beginning.
    second.puller.takeOver(barrier)
    append(r, first.kafka, truth, 50, START)
    await second.drain()
    second.now = Math.max(first.now, second.now)
    const [a, b] = [first.counts(USERS), second.counts(USERS)]
    expect(Object.fromEntries(USERS.map((user) => [user, (a[user] ?? 0) + (b[user] ?? 0)]))).toEqual(truth)
  })
  const r = random(9)
  const world = new World(r)
  append(r, world.kafka, none(), 100, START)
  await world.run()
  const stale = world.puller
  world.restart()
  await world.run()
  append(r, world.kafka, none(), 100, START)
  await world.drain()
  world.puller = stale
  await world.drain()
  expect(stale.status.halt).toMatchObject({ reason: 'fenced' })
})

test('a source that begins with what comes reads a partition that is added later from its beginning', async () => {
  const count = async (isLater: boolean) => {
    const r = random(4)
    const world = new World(r, { start: 'latest' })
    append(r, world.kafka, none(), 50, START)
    if (isLater) world.puller.addedLater()
    await world.run()
    append(r, world.kafka, none(), 10, START)
    await world.drain()
    return world.puller.status.counts.records
  }
  expect([await count(false), await count(true)]).toEqual([10, 60])
})

test('a server that asks for days of patience is asked again within minutes', async () => {
  const world = new World(random(6))
  world.kafka.topic = async () => ({ kind: 'failed', transient: true, message: 'busy', retryAfterMs: 999_999_000 })
  expect(await world.puller.run(world.now + 1)).toBe(300_000)
})

test('what is too large behind a gap is one letter, and the skip that passes it is used up', async () => {
  const world = new World(random(7), { onPoison: 'halt' })
  const large = 60
  world.kafka.records = ['!bad', 'never'].map((text, i) => ({
    offset: large + 1 + i,
    key: null,
    value: new TextEncoder().encode(text),
    valueText: text,
    headers: new Map(),
    timestampMs: START,
  }))
  const read = world.kafka.read.bind(world.kafka)
  world.kafka.read = async (request) =>
    request.offset <= large
      ? { kind: 'failed', transient: true, oversized: true, message: 'larger than may be held' }
      : await read(request)
  await world.drain()
  expect(world.puller.status.halt).toMatchObject({ reason: 'poison', offset: 0 })
  world.puller.resume({ skip: true })
  await world.drain()
  expect([...world.letters.values()].map(({ reason, message }) => [reason, message])).toEqual([
    ['too_large', 'A record of activity/0 between offsets 0 and 60 is larger than can be read.'],
  ])
  // The bad record behind it is another matter.
  expect(world.puller.status.halt).toMatchObject({ reason: 'poison', offset: large + 1 })
})

test('a partition is handed over also when the run under way fails', async () => {
  const world = new World(random(8))
  append(random(8), world.kafka, none(), 20, START)
  await world.drain()
  world.kafka.read = async () => {
    throw new Error('a bug of an adapter')
  }
  const running = world.puller.run(world.now + 1_000)
  const barrier = world.puller.handOver()
  await expect(running).rejects.toThrow('a bug of an adapter')
  expect((await barrier).offset).toBe(world.kafka.end)
  expect(world.puller.status.phase).toBe('away')
})

test('a run that is to settle ends with its page, and the next one goes on from there', async () => {
  const world = new World(random(8))
  append(random(8), world.kafka, none(), 20, START)
  let isSettled = false
  const running = world.puller.run(world.now + 1_000_000)
  const settled = world.puller.settle().then(() => {
    isSettled = true
  })
  expect(isSettled).toBe(false)
  await running
  await settled
  const before = world.puller.status.offset
  expect(before).toBeLessThan(world.kafka.end)
  expect(world.puller.status.phase).toBe('running')
  await world.drain()
  expect(world.puller.status.offset).toBe(world.kafka.end)
})

test('an idle partition looks less and less often, and never less than it may', async () => {
  const world = new World(random(2), { maxIdleMs: 4_000 })
  const pauses: (number | null)[] = []
  for (let i = 0; i < 8; i++) pauses.push(await world.puller.run(world.now + 1))
  // The first of them is slept through: an alarm would cost more.
  expect(pauses).toEqual([500, 1_000, 2_000, 4_000, 4_000, 4_000, 4_000, 4_000])
})
