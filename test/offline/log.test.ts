import { expect, test } from 'vitest'
import { jsonText } from '../../src/engine/index.ts'
import { EntityReplay, type LogShard, MemoryObjects, ShardLog } from '../../src/offline/index.ts'
import { Plan } from '../../src/plan/index.ts'
import { Shard } from '../../src/shard/index.ts'
import { JOURNAL_ROWS } from '../../src/shard/journal.ts'
import { Crash, CrashingStorage } from '../support/crashing-storage.ts'
import { manifestOf, rowsOf } from '../support/log.ts'
import { type Random, random } from '../support/random.ts'
import {
  apply,
  definitionsOf,
  eventText,
  lifetimeView,
  message,
  plainEvent,
  randomDefinitions,
  type SentEvent,
} from '../support/shards.ts'
import { randomEvents } from '../support/streams.ts'

const SHARD: LogShard = { entity: 'user', region: 'weur', regionId: 1, epoch: 0, shard: 0, shards: 1 }
const NOW = Date.UTC(2026, 0, 1)

/** A store that fails: before it has written, or after. */
class FailingObjects extends MemoryObjects {
  next: 'before' | 'after' | null = null

  override async put(...args: Parameters<MemoryObjects['put']>): Promise<boolean> {
    const { next } = this
    this.next = null
    if (next === 'before') throw new Crash()
    const isPut = await super.put(...args)
    if (next === 'after') throw new Crash()
    return isPut
  }
}

/** A shard and its log, both of which die. */
class World {
  readonly storage = new CrashingStorage()
  readonly objects = new FailingObjects()
  readonly plan: Plan
  readonly sent = new Map<string, { readonly event: SentEvent; readonly seq: number; readonly availableAt: number }>()
  shard: Shard
  log: ShardLog
  clock = NOW
  crashes = 0

  constructor(plan: Plan) {
    this.plan = plan
    this.shard = this.openShard()
    this.log = this.openLog()
  }

  openShard(): Shard {
    const entity = this.plan.entities.get('user')
    if (entity === undefined) throw new Error('no entity')
    const { plan, storage } = this
    const part = { region: 1, epoch: 0, shard: 0 }
    return new Shard({ plan, entity, part, shards: 1, storage, now: () => this.clock, isLogged: true })
  }

  openLog(): ShardLog {
    const feed = this.shard.log
    if (feed === null) throw new Error('no feed')
    return new ShardLog({
      feed,
      objects: this.objects,
      shard: SHARD,
      bornMs: NOW,
      previous: null,
      since: () => ({}),
      pause: async () => {},
      report: (problem) => {
        throw new Error(problem)
      },
    })
  }

  restart(): void {
    this.crashes++
    this.shard = this.openShard()
    this.log = this.openLog()
  }

  /** Sends a batch until it is acknowledged. */
  send(r: Random, batch: readonly SentEvent[]): void {
    for (;;) {
      this.storage.next = r.chance(0.1) ? r.pick(['lose', 'keep'] as const) : null
      const isKept = this.storage.next !== 'lose'
      try {
        if (isKept) this.note(batch)
        apply(this.shard, message(this.plan, batch.map(eventText), this.clock))
        return
      } catch (cause) {
        if (!(cause instanceof Crash)) throw cause
        this.restart()
      }
    }
  }

  private note(batch: readonly SentEvent[]): void {
    for (const event of batch) {
      if (!this.sent.has(event.id)) this.sent.set(event.id, { event, seq: this.sent.size + 1, availableAt: this.clock })
    }
  }

  /** Lets the log write, with whatever may fail. */
  async flush(r: Random): Promise<void> {
    this.storage.next = r.chance(0.3) ? r.pick(['lose', 'keep'] as const) : null
    this.objects.next = r.chance(0.3) ? r.pick(['before', 'after'] as const) : null
    try {
      await this.log.send()
    } catch (cause) {
      if (!(cause instanceof Crash)) throw cause
      if (r.chance(0.5)) this.restart()
    }
    this.storage.next = null
    this.objects.next = null
  }

  async flushAll(): Promise<void> {
    while (this.log.dueMs !== null) await this.log.send()
  }
}

test('the log has each accepted event once, in the order of commits, whatever dies while it is written', async () => {
  let crashes = 0
  await forEachSeed(40, async (r) => {
    const world = new World(new Plan(randomDefinitions(r)))
    const events = sentEvents(r, r.int(50, 400))
    for (let at = 0; at < events.length; ) {
      const size = r.int(1, 40)
      const batch = events.slice(at, at + size)
      world.clock = batch.at(-1)?.clock ?? 0
      const again = r.chance(0.2) ? events.slice(Math.max(0, at - 5), at) : []
      world.send(
        r,
        [...again, ...batch].map(({ event }) => event),
      )
      at += size
      if (r.chance(0.4)) await world.flush(r)
    }
    await world.flushAll()
    crashes += world.crashes
    const manifest = await manifestOf(world.objects, SHARD)
    if (manifest === undefined) throw new Error('no manifest')
    expect(manifest.seq).toBe(world.sent.size)
    const rows = await rowsOf(world.objects, manifest)
    const expected = [...world.sent.values()].flatMap(({ event, seq, availableAt }) =>
      [...new Set([event.uid, event.friend])].map((key) => ({
        key,
        seq,
        id: event.id,
        timeMs: event.at,
        availableAtMs: availableAt,
      })),
    )
    const told = rows.map(({ key, seq, id, timeMs, availableAtMs }) => ({ key, seq, id, timeMs, availableAtMs }))
    expect(sorted(told)).toEqual(sorted(expected))
    for (let i = 1; i < rows.length; i++) expect(rows[i]?.seq).toBeGreaterThanOrEqual(rows[i - 1]?.seq ?? 0)
    // Nothing but what the manifest names was left behind.
    const segments = (await world.objects.list('log/tm_')).map(({ key }) => key)
    expect(segments).toEqual(manifest.segments.map(({ key }) => key).sort())
    replaysAlike(world, rows)
  })
  expect(crashes).toBeGreaterThan(20)
})

/** From the log alone the same vectors as from the shard. */
function replaysAlike({ plan, shard, sent, clock }: World, rows: Awaited<ReturnType<typeof rowsOf>>): void {
  const entity = plan.entities.get('user')
  const source = plan.sources.get('activity')
  const vector = plan.vectorOf(null, plan.featureNames)
  if (entity === undefined || source === undefined || typeof vector === 'string') throw new Error('no plan')
  const keys = [...new Set([...sent.values()].flatMap(({ event }) => [event.uid, event.friend]))]
  const run = vector.features.map(({ name }) => name).join()
  const answer = shard.read({ version: 1, plan: plan.hash, t: clock, keys, run })
  if (!('rows' in answer)) throw new Error('no rows')
  const replay = new EntityReplay(entity, vector.features)
  keys.forEach((key, i) => {
    replay.begin(key)
    for (const row of rows) {
      if (row.key !== key) continue
      replay.row(source, { ...row, part: { region: 1, epoch: 0, shard: 0 } })
    }
    const values = replay
      .read(clock)
      .map(({ value }, f) => jsonText(value, vector.features[f]?.feature.resultType ?? 'int'))
    expect(values.join()).toBe(answer.rows[i]?.values)
  })
}

test('batches that the ring has no place for wait aside, and leave in their order', async () => {
  const world = new World(new Plan(definitionsOf([lifetimeView])))
  const count = JOURNAL_ROWS + 300
  for (let i = 0; i < count; i++) {
    world.clock++
    apply(world.shard, message(world.plan, [eventText(plainEvent(`e${i}`, `user-${i % 7}`, NOW + i))], world.clock))
    if (i === JOURNAL_ROWS + 100) world.restart()
  }
  expect(world.storage.unlogged.readOutbox(1_000).length).toBe(300)
  await world.flushAll()
  expect(world.storage.unlogged.readOutbox(1_000)).toEqual([])
  const manifest = await manifestOf(world.objects, SHARD)
  const rows = manifest && (await rowsOf(world.objects, manifest))
  expect(rows?.map(({ seq }) => seq)).toEqual(Array.from({ length: count }, (_, i) => i + 1))
})

test('a log of another shard of the same name is not written on', async () => {
  const world = new World(new Plan(definitionsOf([lifetimeView])))
  apply(world.shard, message(world.plan, [eventText(plainEvent('a', 'u', NOW))], NOW))
  await world.flushAll()
  const other = new World(world.plan)
  apply(other.shard, message(world.plan, [eventText(plainEvent('b', 'u', NOW))], NOW))
  const feed = other.shard.log
  if (feed === null) throw new Error('no feed')
  const log = new ShardLog({
    feed,
    objects: world.objects,
    shard: SHARD,
    bornMs: NOW + 1,
    previous: null,
    since: () => ({}),
    pause: async () => {},
    report: () => {},
  })
  await expect(log.send()).rejects.toThrow(/that was made at 2026-01-01T00:00:00.000Z, this one was made at/)
})

function sentEvents(r: Random, count: number): { readonly event: SentEvent; readonly clock: number }[] {
  return randomEvents(r, count).map(({ time, availableAt, fields }, i) => ({
    event: { id: `e${i}`, uid: r.pick(['a', 'b', 'ü,"\\', '']), friend: r.pick(['a', 'b', 'c']), at: time, fields },
    clock: availableAt,
  }))
}

async function forEachSeed(count: number, property: (r: Random) => Promise<void>): Promise<void> {
  for (let seed = 1; seed <= count; seed++) {
    try {
      await property(random(seed))
    } catch (cause) {
      throw new Error(`seed ${seed}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    }
  }
}

const sorted = <T extends { readonly seq: number; readonly key: string | null }>(rows: readonly T[]): T[] =>
  [...rows].sort((a, b) => a.seq - b.seq || ((a.key ?? '') < (b.key ?? '') ? -1 : 1))
