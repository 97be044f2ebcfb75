import { describe, expect, test } from 'vitest'
import { isRefusal } from '../../src/contract/index.ts'
import type { DeadLetter } from '../../src/dead-letters/index.ts'
import type { SourceSpec } from '../../src/engine/index.ts'
import { Plan, type SourceRouting, type SourceRuntime } from '../../src/plan/index.ts'
import { MESSAGE_VERSION, Shard } from '../../src/shard/index.ts'
import {
  ForwardQueue,
  forwardedText,
  Homes,
  type Intake,
  parseForwarded,
  parseRows,
  type QueueAnswer,
  type Receipt,
  Router,
  requestBatch,
  takeForwarded,
  takeIn,
  writeRows,
} from '../../src/source/index.ts'
import { Crash, CrashingStorage } from '../support/crashing-storage.ts'
import { type Random, random } from '../support/random.ts'
import { ACTIVITY, definitionsOf, lifetimeView } from '../support/shards.ts'

const NOW = Date.UTC(2026, 0, 1)
const SHARDS = 2
const USERS = 5

const withId: SourceSpec = ACTIVITY
const { id: _, ...noId } = ACTIVITY
/** Nothing tells one event from another like it: only its place in the queue does. */
const countsEach: SourceSpec = { ...noId, idempotency: 'none' }

const event = (id: string, uid: string, more: object = {}) => ({ id, uid, friend: uid, at: NOW, ...more })

/** A region in memory: shards that can crash and be out of reach, and a queue for another region. */
class MemoryRegion {
  readonly plan: Plan
  readonly letters: DeadLetter[] = []
  readonly name: string
  private readonly source: SourceRuntime
  private readonly routing: SourceRouting
  private readonly shards = Array.from({ length: SHARDS }, () => ({ storage: new CrashingStorage(), isDown: false }))
  private open: (Shard | undefined)[] = []
  queueStorage = new CrashingStorage()
  /** Regions whose queue has no room, and one that others fill in the moment between. */
  readonly fullHomes = new Set<string>()
  filled: string | undefined
  private bornMs = NOW
  /** How long each call of a shard takes. */
  slowMs = 0
  clockMs = NOW
  private opened: ForwardQueue | undefined
  readonly maxBytes: number

  constructor(name: string, source: SourceSpec, routing: SourceRouting, maxBytes = 1_000_000) {
    this.name = name
    this.plan = new Plan(definitionsOf([lifetimeView], source))
    this.source = this.plan.sources.get(source.name) as SourceRuntime
    this.routing = routing
    this.maxBytes = maxBytes
  }

  private shardAt(shard: number): Shard {
    const { plan } = this
    const entity = plan.entities.get('user')
    if (entity === undefined) throw new Error('no entity user')
    const { storage } = this.shards[shard] as (typeof this.shards)[number]
    const part = { region: 1, epoch: 0, shard }
    const known = this.open[shard] ?? new Shard({ plan, entity, part, shards: SHARDS, storage, now: () => NOW })
    this.open[shard] = known
    return known
  }

  get queue(): ForwardQueue {
    this.opened ??= new ForwardQueue({
      storage: this.queueStorage,
      from: this.name,
      home: 'east',
      now: () => this.bornMs,
      maxBytes: this.maxBytes,
    })
    return this.opened
  }

  /** What is in memory is gone. */
  restart(): void {
    this.open = []
    this.opened = undefined
  }

  /** Its objects are deleted, and it is deployed anew later. */
  makeAnew(laterMs: number): void {
    this.restart()
    this.queueStorage = new CrashingStorage()
    this.bornMs += laterMs
  }

  trouble(r: Random): void {
    for (const shard of this.shards) {
      shard.isDown = r.chance(0.15)
      if (r.chance(0.1)) shard.storage.next = r.pick(['lose', 'keep'])
    }
  }

  calm(): void {
    for (const shard of this.shards) {
      shard.isDown = false
      shard.storage.next = null
    }
  }

  get intake(): Intake {
    const homes = Homes.of(this.source, this.routing, this.name)
    return {
      router: new Router(this.plan.hash, this.source, () => SHARDS),
      source: this.source.spec.name,
      directory: {
        region: this.name,
        epoch: 0,
        shardsOf: () => SHARDS,
        shard: (_entity, shard) => ({
          apply: async (message) => {
            this.clockMs += this.slowMs
            if (this.shards[shard]?.isDown) throw new Error('out of reach')
            try {
              return this.shardAt(shard).apply(message)
            } catch (cause) {
              // As the object does: memory may be ahead of the storage.
              this.open[shard] = undefined
              throw cause
            }
          },
        }),
      },
      keep: async (letters) => void this.letters.push(...letters),
      ...(homes && { homes }),
      full: async (home) => (this.fullHomes.has(home) ? `for ${home} there is no room` : undefined),
      forward: async (home, rows): Promise<QueueAnswer> => {
        if (this.filled === home) return { full: `others were quicker for ${home}` }
        try {
          return this.queue.add(parseRows(writeRows(rows)))
        } catch (cause) {
          this.opened = undefined
          throw cause
        }
      },
    }
  }

  /** The door between regions. */
  async take(from: string, rows: string) {
    const forwarded = parseForwarded(forwardedText(from, rows))
    if ('unreadable' in forwarded) throw new Error(forwarded.unreadable)
    return await takeForwarded(this.intake, forwarded, () => this.clockMs)
  }

  async counts(): Promise<Record<string, number>> {
    const counts: Record<string, number> = {}
    for (let user = 0; user < USERS; user++) {
      for (let shard = 0; shard < SHARDS; shard++) {
        const read = {
          version: MESSAGE_VERSION,
          plan: this.plan.hash,
          t: NOW + 600_000,
          keys: [`u${user}`],
          run: 'ever.count',
        }
        const answer = this.shardAt(shard).read(read)
        if (!('rows' in answer)) throw new Error(JSON.stringify(answer))
        counts[`u${user}`] = (counts[`u${user}`] ?? 0) + Number(answer.rows[0]?.values)
      }
    }
    return counts
  }
}

const HOME: SourceRouting = { home: 'east' }

async function send(region: MemoryRegion, events: readonly object[], deliveryId?: string): Promise<Receipt> {
  const batch = requestBatch(JSON.stringify(events), NOW, deliveryId)
  if (isRefusal(batch)) throw new Error(batch.message)
  const receipt = await takeIn(region.intake, batch)
  if (!('accepted' in receipt)) throw new Error(receipt.message)
  return receipt
}

async function drain(from: MemoryRegion, to: MemoryRegion): Promise<void> {
  for (let sent = from.queue.take(); sent; sent = from.queue.take()) {
    const taken = await to.take(from.name, sent.text)
    if (taken.problem) throw new Error(taken.problem)
    from.queue.taken(taken.rows)
  }
}

describe('events of a source that lives elsewhere', () => {
  test.each([
    ['with an id', withId],
    ['that are counted each', countsEach],
  ])('%s are counted exactly once, whatever is cut, lost, repeated, late or crashes', async (_name, source) => {
    for (let seed = 1; seed <= 100; seed++) {
      const r = random(seed)
      const west = new MemoryRegion('west', source, HOME)
      const east = new MemoryRegion('east', source, HOME)
      const truth: Record<string, number> = Object.fromEntries(
        Array.from({ length: USERS }, (_, user) => [`u${user}`, 0]),
      )
      const late: string[] = []
      for (let step = 0, id = 0; step < 40; step++) {
        east.trouble(r)
        if (r.chance(0.5)) {
          const events = Array.from({ length: r.int(1, 6) }, () => event(`e${id++}`, `u${r.int(0, USERS - 1)}`))
          // Of events without an id a sender cannot send again what it knows nothing of: the queue itself does not crash.
          const crashes = source === withId && r.chance(0.3)
          if (crashes) west.queueStorage.next = r.pick(['lose', 'keep'])
          const receipt = await send(west, events).catch(async (cause: Error) => {
            expect(cause.message).toContain('did not answer')
            return await send(west, events)
          })
          expect(receipt).toMatchObject({ accepted: 0, forwarded: events.length, refused: [] })
          for (const { uid } of events) truth[uid] = (truth[uid] ?? 0) + 1
        }
        if (r.chance(0.1)) west.restart()
        if (r.chance(0.1)) east.restart()
        const sent = west.queue.take()
        if (sent === undefined || r.chance(0.2)) continue
        const taken = await east.take('west', sent.text)
        if (r.chance(0.3)) late.push(sent.text)
        if (r.chance(0.2)) await east.take('west', sent.text)
        if (late.length > 0 && r.chance(0.3)) await east.take('west', late[r.int(0, late.length - 1)] as string)
        const isAnswerLost = r.chance(0.3)
        if (isAnswerLost) continue
        if (r.chance(0.1)) west.queueStorage.next = r.pick(['lose', 'keep'])
        try {
          west.queue.taken(taken.rows)
        } catch (cause) {
          if (!(cause instanceof Crash)) throw cause
          west.restart()
        }
        west.queueStorage.next = null
      }
      east.calm()
      await drain(west, east)
      for (const text of late) await east.take('west', text)
      expect(await east.counts(), `seed ${seed}`).toEqual(truth)
      expect(west.queue.status, `seed ${seed}`).toEqual({ home: 'east', events: 0, bytes: 0, oldestMs: null })
      expect([...west.letters, ...east.letters]).toEqual([])
    }
  })

  test('that are sent again through another region are known at home by their id', async () => {
    const regions = ['west', 'south'].map((name) => new MemoryRegion(name, withId, HOME))
    const east = new MemoryRegion('east', withId, HOME)
    for (const region of [...regions, east]) await send(region, [event('e1', 'u1'), event('e2', 'u1')])
    for (const region of regions) await drain(region, east)
    expect((await east.counts()).u1).toBe(2)
  })

  test('keep the order in which they came, and the time at which they did', async () => {
    const west = new MemoryRegion('west', withId, HOME)
    for (const id of ['a', 'b', 'c']) await send(west, [event(id, 'u1')])
    const rows = parseRows(west.queue.take()?.text ?? '')
    expect(rows.map(({ events }) => JSON.parse(events)[0].id)).toEqual(['a', 'b', 'c'])
    expect(rows).toMatchObject([
      { first: 1, count: 1, arrivalMs: NOW },
      { first: 2, count: 1 },
      { first: 3, count: 1 },
    ])
  })

  test('are judged by the time of their first arrival, however late they get home', async () => {
    const west = new MemoryRegion('west', withId, HOME)
    const east = new MemoryRegion('east', withId, HOME)
    await send(west, [event('e1', 'u1', { at: NOW + withId.maxFutureMs })])
    await drain(west, east)
    const rows = writeRows([
      { count: 1, arrivalMs: NOW - 1, events: JSON.stringify([event('e2', 'u1', { at: NOW + withId.maxFutureMs })]) },
    ])
    // As a queue numbers them.
    const numbered = rows.replace('{', `{"incarnation":${NOW},"first":2,`)
    expect(await east.take('west', numbered)).toMatchObject({ rows: 1, refused: 1 })
    expect((await east.counts()).u1).toBe(1)
  })
})

describe('what is refused', () => {
  test('by the contract is told and kept where it came in', async () => {
    const west = new MemoryRegion('west', withId, HOME)
    const receipt = await send(west, [event('e1', 'u1'), { ...event('e2', 'u1'), at: 'soon' }, event('e3', 'u2')])
    expect(receipt).toMatchObject({
      accepted: 0,
      forwarded: 2,
      refused: [{ index: 1, reason: 'wrong_type', field: 'at' }],
    })
    expect(west.letters).toMatchObject([{ reason: 'wrong_type', by: 'door' }])
    expect(parseRows(west.queue.take()?.text ?? '')[0]?.count).toBe(2)
  })

  test('for want of an id is told where it came in as well', async () => {
    const west = new MemoryRegion('west', noId, HOME)
    expect((await send(west, [event('e1', 'u1')])).refused).toMatchObject([{ reason: 'missing_id' }])
    expect(await send(west, [event('e1', 'u1')], 'msg_1')).toMatchObject({ forwarded: 1, refused: [] })
  })

  test('with everything else leaves nothing in the queue', async () => {
    const west = new MemoryRegion('west', withId, HOME)
    await send(west, [{ nothing: true }])
    expect(west.queue.isEmpty).toBe(true)
  })
})

describe('a queue', () => {
  test('that is full says so and takes nothing, and goes on when it has room', async () => {
    const west = new MemoryRegion('west', withId, HOME, 500)
    const east = new MemoryRegion('east', withId, HOME)
    let sent = 0
    const fill = async () => {
      for (; sent < 100; sent++) await send(west, [event(`e${sent}`, 'u1')])
    }
    await expect(fill()).rejects.toThrow(/^\d events \(0\.0 MB\) wait in west for region east/)
    expect(west.queue.status.events).toBe(sent)
    await drain(west, east)
    await send(west, [event('more', 'u1')])
    await drain(west, east)
    expect((await east.counts()).u1).toBe(sent + 1)
  })

  test('gets on however slow its home is, although a request ends after a minute', async () => {
    const west = new MemoryRegion('west', countsEach, HOME)
    const east = new MemoryRegion('east', countsEach, HOME)
    east.slowMs = 310
    for (let i = 0; i < 250; i++) await send(west, [event(`e${i}`, 'u1')])
    for (let sent = west.queue.take(); sent; sent = west.queue.take()) {
      const startMs = east.clockMs
      const taken = await east.take('west', sent.text)
      expect(east.clockMs - startMs).toBeLessThan(60_000)
      expect(taken.rows).toBeGreaterThan(0)
      west.queue.taken(taken.rows)
    }
    expect((await east.counts()).u1).toBe(250)
    // One row alone that takes longer than there is time is taken all the same.
    east.slowMs = 40_000
    await send(west, [event('slow', 'u1')])
    await send(west, [event('slower', 'u1')])
    await drain(west, east)
    expect((await east.counts()).u1).toBe(252)
  })

  test('that was made anew, as of a region that was taken away and deployed again, loses nothing', async () => {
    const west = new MemoryRegion('west', countsEach, HOME)
    const east = new MemoryRegion('east', countsEach, HOME)
    await send(west, [event('a', 'u1'), event('b', 'u1'), event('c', 'u1')])
    const before = west.queue.take()?.text ?? ''
    await drain(west, east)
    west.makeAnew(1)
    await send(west, [event('d', 'u1'), event('e', 'u1')])
    await drain(west, east)
    expect((await east.counts()).u1).toBe(5)
    // What comes late from the queue of before is told, and never called a duplicate.
    expect(await east.take('west', before)).toMatchObject({
      rows: 0,
      duplicates: 0,
      problem: expect.stringContaining('a newer queue'),
    })
    expect((await east.counts()).u1).toBe(5)
  })

  test('whose numbers are below what its home knows keeps what it has, and says why', async () => {
    const west = new MemoryRegion('west', withId, HOME)
    const east = new MemoryRegion('east', withId, HOME)
    await send(west, [event('a', 'u1')])
    await drain(west, east)
    // A clock that went back: there is no other way to an older number.
    west.makeAnew(-1)
    await send(west, [event('b', 'u1')])
    await expect(drain(west, east)).rejects.toThrow('a newer queue has followed that of forward/west')
    expect({ counted: (await east.counts()).u1, waiting: west.queue.status.events }).toEqual({ counted: 1, waiting: 1 })
  })

  test('that code of before began, numbered by the epoch, goes on with what waits and with what comes', async () => {
    const west = new MemoryRegion('west', countsEach, HOME)
    const east = new MemoryRegion('east', countsEach, HOME)
    await send(west, [event('a', 'u1'), event('b', 'u1')])
    const { queueStorage } = west
    const [row] = queueStorage.readOutbox(1)
    queueStorage.transaction(() => {
      queueStorage.deleteOutbox(row?.id ?? 0)
      queueStorage.writeOutbox(1, (row?.body ?? '').replace(`"incarnation":${NOW}`, '"incarnation":3'))
      const { born: _, ...state } = JSON.parse(queueStorage.readMeta('queue') ?? '{}')
      queueStorage.writeMeta('queue', JSON.stringify(state))
    })
    west.restart()
    await send(west, [event('c', 'u1')])
    await drain(west, east)
    expect((await east.counts()).u1).toBe(3)
  })

  test('waits when the regions disagree on where a source lives, and loses nothing', async () => {
    const west = new MemoryRegion('west', withId, HOME)
    const east = new MemoryRegion('east', withId, { home: 'south' })
    await send(west, [event('e1', 'u1')])
    const text = west.queue.take()?.text ?? ''
    expect(await east.take('west', text)).toMatchObject({ rows: 0, problem: expect.stringContaining('lives in south') })
    expect((await east.counts()).u1).toBe(0)
  })
})

describe('a home that a field chooses', () => {
  const routing: SourceRouting = { by: 'friend', homes: { u1: 'east', 'a"b': 'south' }, otherwise: 'west' }

  test('is found for each event; a batch is split, and its places stay those of the request', async () => {
    const west = new MemoryRegion('west', withId, routing)
    const receipt = await send(west, [
      event('e0', 'u0', { friend: 'u1' }),
      event('e1', 'u0', { friend: 'u2' }),
      event('e2', 'u0', { friend: 7 }),
      event('e3', 'u0', { friend: 'u1', at: 'soon' }),
      event('e4', 'u0', { friend: 'a"b' }),
      event('e5', 'u3'),
    ])
    expect(receipt).toMatchObject({ accepted: 2, forwarded: 2 })
    expect(receipt.refused).toMatchObject([
      { index: 2, reason: 'wrong_type', field: 'friend' },
      { index: 3, reason: 'wrong_type', field: 'at' },
    ])
    expect(await west.counts()).toMatchObject({ u0: 1, u3: 1 })
  })

  test('whose queue is full leaves nothing of the request anywhere, whatever room the others have', async () => {
    const west = new MemoryRegion('west', countsEach, routing)
    const batch = [event('e0', 'u0', { friend: 'u1' }), event('e1', 'u0', { friend: 'a"b' }), event('e2', 'u0')]
    west.fullHomes.add('south')
    await expect(send(west, batch)).rejects.toThrow(/^for south there is no room$/)
    expect({ waiting: west.queue.status.events, counted: (await west.counts()).u0 }).toEqual({ waiting: 0, counted: 0 })
    west.fullHomes.clear()
    expect(await send(west, batch)).toMatchObject({ accepted: 1, forwarded: 2 })
    expect(west.queue.status.events).toBe(2)
  })

  test('whose queue others fill in that very moment: the sender is told what has left', async () => {
    const west = new MemoryRegion('west', withId, routing)
    west.filled = 'south'
    const batch = [event('e0', 'u0', { friend: 'u1' }), event('e1', 'u0', { friend: 'a"b' })]
    await expect(send(west, batch)).rejects.toThrow(
      'others were quicker for south. The events of this request for east are on their way',
    )
  })

  test('is not found through the prototype of an object', async () => {
    const west = new MemoryRegion('west', withId, routing)
    expect(await send(west, [event('e0', 'u0', { friend: 'constructor' })])).toMatchObject({ accepted: 1 })
  })
})
