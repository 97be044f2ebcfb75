import { describe, expect, test } from 'vitest'
import { encodeKey, isRefusal } from '../../src/contract/index.ts'
import { DEFAULT_LIMITS, type DeadLetter, Letters, type Replay, replay } from '../../src/dead-letters/index.ts'
import type { FieldType, SourceSpec } from '../../src/engine/index.ts'
import { type EntityRuntime, Plan } from '../../src/plan/index.ts'
import { MemoryStorage, Shard, type ShardDirectory } from '../../src/shard/index.ts'
import { deliver, type EventBatch, Router, requestBatch } from '../../src/source/index.ts'
import { ACTIVITY, definitionsOf, lifetimeView, readValues } from '../support/shards.ts'
import { MemorySql } from './sqlite.ts'

const NOW = Date.UTC(2026, 0, 1)
const SHARDS = 3
const KEYS = ['u0', 'u1', 'u2', 'u3', 'u4']

/** A source with a field `amount` of this type. */
function planOf(amount: FieldType, change: Partial<SourceSpec> = {}, views = [lifetimeView]): Plan {
  const { id, ...rest } = ACTIVITY
  const fields = ACTIVITY.fields.map((field) => (field.name === 'amount' ? { ...field, type: amount } : field))
  const source = { ...rest, ...('id' in change ? {} : { id: id as string }), fields, ...change }
  if (source.id === undefined) {
    const { id: _none, ...without } = source
    return new Plan(definitionsOf(views, { ...without, fields: fields.filter(({ name }) => name !== 'id') }))
  }
  return new Plan(definitionsOf(views, source))
}

/** A region in this process, whose plan can be deployed anew over what is stored. */
class Region {
  readonly sql = new MemorySql()
  readonly letters = new Letters(this.sql, 'activity', DEFAULT_LIMITS)
  private readonly storages = Array.from({ length: SHARDS }, () => new MemoryStorage())
  private shards: Shard[] = []
  private plan: Plan
  /** Shards that do not answer. */
  readonly down = new Set<number>()

  constructor(plan: Plan) {
    this.plan = plan
    this.deploy(plan)
  }

  deploy(plan: Plan): void {
    this.plan = plan
    const entity = plan.entities.get('user') as EntityRuntime
    this.shards = this.storages.map(
      (storage, shard) =>
        new Shard({ plan, entity, part: { region: 1, epoch: 0, shard }, shards: SHARDS, storage, now: () => NOW }),
    )
  }

  async deliver(batch: EventBatch) {
    const source = this.plan.sources.get('activity')
    if (source === undefined) throw new Error('no source')
    const directory: ShardDirectory = {
      region: 'local',
      epoch: 0,
      shardsOf: () => SHARDS,
      shard: (_entity, shard) => ({
        apply: async (message) => {
          if (this.down.has(shard)) throw new Error('down')
          return (this.shards[shard] as Shard).apply(message)
        },
      }),
    }
    const keep = async (letters: readonly DeadLetter[]) => this.letters.add(letters, NOW)
    const router = new Router(this.plan.hash, source, () => SHARDS)
    const receipt = await deliver({ router, directory, source: 'activity', keep }, batch)
    if (isRefusal(receipt)) throw new Error(receipt.message)
    for (const shard of this.shards) {
      const { letters, delivered } = shard.letters.take(1_000)
      this.letters.add(letters, NOW)
      delivered()
    }
    return receipt
  }

  async send(text: string, deliveryId?: string) {
    const batch = requestBatch(text, NOW, deliveryId)
    if (isRefusal(batch)) throw new Error(batch.message)
    const receipt = await this.deliver(batch)
    if ('unavailable' in receipt) throw new Error(receipt.message)
    return receipt
  }

  replay(request: Parameters<typeof replay>[1], change: Partial<Replay> = {}) {
    const { letters } = this
    const of: Replay = {
      countsEach: this.plan.sources.get('activity')?.spec.idempotency === 'none',
      take: async (asked) => letters.take(asked),
      takeIds: async (ids) => letters.reader.takeIds(ids),
      replayed: async (ids) => letters.replayed(ids),
      decode: async () => undefined,
      deliver: async (batch) => await this.deliver({ ...batch, arrivalMs: NOW }),
      ...change,
    }
    return replay(of, request)
  }

  /** Events of all keys that are counted. */
  get counted(): number {
    const sums = this.shards.flatMap((shard) =>
      readValues(
        shard,
        this.plan,
        'ever.count',
        KEYS.map((key) => encodeKey([key], ['string'])),
        NOW + 1,
      ),
    )
    return sums.reduce<number>((sum, value) => sum + Number(value), 0)
  }

  get list() {
    return this.letters.reader.list({ limit: 1_000 })
  }
}

const event = (i: number, change: object = {}) => ({
  id: `e${i}`,
  uid: KEYS[i % 5],
  friend: 'f',
  at: NOW,
  amount: 1,
  ...change,
})
const done = { replayed: 0, duplicates: 0, refusedAgain: 0, notReplayable: 0, remaining: 0 }

describe('after a fix of the contract', () => {
  const texts = Array.from({ length: 10_000 }, (_, i) =>
    JSON.stringify(event(i, i % 100 === 7 ? { amount: 'much' } : {})),
  )

  test('100 bad events among 10,000: the good are counted, the bad listed, and a replay counts each once', async () => {
    const region = new Region(planOf('float64'))
    for (let at = 0; at < texts.length; at += 1_000) await region.send(`[${texts.slice(at, at + 1_000).join(',')}]`)
    expect(region.counted).toBe(9_900)
    expect(region.list).toMatchObject({ count: 100, byReason: { wrong_type: 100 } })
    expect(new Set(region.list.letters.map(({ payload }) => payload))).toEqual(
      new Set(texts.filter((_, i) => i % 100 === 7)),
    )

    expect(await region.replay({ limit: 1_000 })).toEqual({ ...done, refusedAgain: 100 })
    expect(region.list).toMatchObject({ count: 100, totals: { kept: 100, replayed: 0 } })
    expect(region.list.letters.every(({ times }) => times === 2)).toBe(true)

    region.deploy(planOf('string'))
    // The good ones of old would be refused now; only the letters are sent.
    const before = region.counted
    expect(await region.replay({ limit: 1_000 })).toEqual({ ...done, replayed: 100 })
    expect(region.counted).toBe(before + 100)
    expect(region.list).toMatchObject({ count: 0, totals: { kept: 100, replayed: 100 } })
    expect(await region.replay({ limit: 1_000 })).toEqual(done)
    expect(region.counted).toBe(before + 100)
  })

  test('a replay that is cut off between delivery and removal finds its events counted', async () => {
    const region = new Region(planOf('float64'))
    await region.send(`[${texts.slice(0, 1_000).join(',')}]`)
    region.deploy(planOf('string'))
    const before = region.counted
    region.sql.failing = 0
    const dying = () => Promise.reject(new Error('killed'))
    await expect(region.replay({ limit: 4 }, { replayed: dying })).rejects.toThrow('killed')
    expect([region.counted, region.list.count]).toEqual([before + 4, 10])
    expect(await region.replay({ limit: 100 })).toEqual({ ...done, replayed: 6, duplicates: 4 })
    expect([region.counted, region.list.count]).toEqual([before + 10, 0])
  })

  test('a removal whose transaction fails removes nothing, and the totals know nothing of it', async () => {
    const region = new Region(planOf('float64'))
    await region.send(`[${texts.slice(0, 1_000).join(',')}]`)
    region.deploy(planOf('string'))
    const replayed = async (ids: readonly string[]) => {
      region.sql.failing = 1
      region.letters.replayed(ids)
    }
    await expect(region.replay({ limit: 100 }, { replayed })).rejects.toThrow('disk full')
    expect(region.list).toMatchObject({ count: 10, totals: { replayed: 0 } })
    expect(await region.replay({ limit: 100 })).toEqual({ ...done, duplicates: 10 })
  })
})

describe('the id under which a letter enters', () => {
  test('is the one that it came with, so the sender’s own retry is a duplicate', async () => {
    const plan = (type: FieldType) => planOf(type, { id: undefined as never })
    const region = new Region(plan('float64'))
    const { id: _, ...one } = event(1, { amount: 'much' })
    await region.send(JSON.stringify([one, one]), 'msg_1')
    expect(region.list.letters.map(({ eventId }) => eventId)).toEqual(['msg_1:1', 'msg_1:0'])
    region.deploy(plan('string'))
    expect(await region.replay({ limit: 10 })).toMatchObject({ replayed: 2 })
    expect(await region.send(JSON.stringify([one, one]), 'msg_1')).toMatchObject({ accepted: 0, duplicates: 2 })
    expect(region.counted).toBe(2)
  })

  test('is its own where each delivery counts, so two replays at once count once', async () => {
    const plan = (type: FieldType) => planOf(type, { id: undefined as never, idempotency: 'none' })
    const region = new Region(plan('float64'))
    const { id: _, ...one } = event(1, { amount: 'much' })
    await region.send(JSON.stringify(one))
    region.deploy(plan('string'))
    const idle = async () => {}
    expect(await region.replay({ limit: 10 }, { replayed: idle })).toMatchObject({ replayed: 1 })
    expect(await region.replay({ limit: 10 })).toMatchObject({ replayed: 0, duplicates: 1 })
    expect(region.counted).toBe(1)
  })

  test('is its position in a topic, where that identifies it', async () => {
    const plan = (type: FieldType) => planOf(type, { id: undefined as never })
    const region = new Region(plan('float64'))
    const { id: _, ...one } = event(1, { amount: 'much' })
    const batch = requestBatch(JSON.stringify([one, one]), NOW)
    if (isRefusal(batch)) throw new Error(batch.message)
    await region.deliver({
      ...batch,
      position: { sequence: 'clicks/3', incarnation: 2, generation: 1, offsets: [40, 41] },
    })
    expect(region.list.letters.map(({ position }) => position)).toEqual(['clicks/2/3/41', 'clicks/2/3/40'])
    expect(await region.replay({ limit: 10 })).toMatchObject({ refusedAgain: 2 })
    expect(region.list.letters).toMatchObject([{ times: 2 }, { times: 2 }])
    region.deploy(plan('string'))
    expect(await region.replay({ limit: 10, position: 'clicks/2/3/40' })).toMatchObject({ replayed: 1 })
    expect(await region.replay({ limit: 10, position: 'clicks/' })).toMatchObject({ replayed: 1 })
    expect(region.counted).toBe(2)
  })
})

test('a conflict stays refused, and what is no JSON is not sent', async () => {
  const region = new Region(planOf('float64'))
  await region.send(JSON.stringify(event(1)))
  await region.send(JSON.stringify(event(1, { amount: 2 })))
  await region.send(`${JSON.stringify(event(2))}\n{"id": nothing}\n{"id"\n`)
  expect(region.list.byReason).toEqual({ bad_json: 2, conflict: 1 })
  expect(await region.replay({ limit: 10 })).toEqual({ ...done, refusedAgain: 1, notReplayable: 2 })
  expect(region.list.byReason).toEqual({ bad_json: 2, conflict: 1 })
  expect(region.counted).toBe(2)
})

test('a shard that is down ends the replay with what was done, and going on finishes it', async () => {
  const region = new Region(planOf('float64'))
  const texts = Array.from({ length: 1_200 }, (_, i) => JSON.stringify(event(i, { amount: 'much' })))
  await region.send(`[${texts.join(',')}]`)
  region.deploy(planOf('string'))
  let batches = 0
  const deliverTwo: Replay['deliver'] = async (batch) => {
    if (++batches === 2) for (let shard = 0; shard < SHARDS; shard++) region.down.add(shard)
    return await region.deliver({ ...batch, arrivalMs: NOW })
  }
  const first = await region.replay({ limit: 5_000 }, { deliver: deliverTwo })
  expect(first).toMatchObject({ replayed: 500, failure: { unavailable: 'shard_failed' }, remaining: 700 })
  region.down.clear()
  const { cursor } = first
  const second = await region.replay({ limit: 300, ...(cursor && { cursor }) })
  expect(second).toMatchObject({ replayed: 300, remaining: 400 })
  const rest = await region.replay({ limit: 5_000, ...(second.cursor && { cursor: second.cursor }) })
  expect(rest).toEqual({ ...done, replayed: 400 })
  expect([region.counted, region.list.count]).toEqual([1_200, 0])
})

test('some letters by id, and nothing but those', async () => {
  const region = new Region(planOf('float64'))
  await region.send(JSON.stringify([1, 2, 3].map((i) => event(i, { amount: 'much' }))))
  const [first, second] = region.list.letters
  region.deploy(planOf('string'))
  const ids = [first?.id ?? '', 'unknown', second?.id ?? '']
  expect(await region.replay({ ids, limit: 3 })).toEqual({ ...done, replayed: 2 })
  expect(region.list.count).toBe(1)
})

test('what its format refused is decoded again, and goes back to its letter when the contract refuses it', async () => {
  const region = new Region(planOf('float64'))
  const envelope = (i: number, change = {}) => JSON.stringify({ after: event(i, change) })
  const text = [envelope(1), envelope(2, { amount: 'much' }), envelope(3), envelope(4)].join('\n')
  const batch = requestBatch(text, NOW)
  if (isRefusal(batch)) throw new Error(batch.message)
  const why = { reason: 'bad_envelope', message: 'no' } as const
  const broken = new Map([0, 1, 2, 3].map((index) => [index, why]))
  await region.deliver({ ...batch, spans: { ...batch.spans, broken }, undecoded: true })
  expect(region.list.byReason).toEqual({ bad_envelope: 4 })
  const decode: Replay['decode'] = async ({ payload }) => {
    const { after } = JSON.parse(payload) as { readonly after: { readonly id: string } }
    if (after.id === 'e3') return why
    return after.id === 'e4' ? undefined : { text: JSON.stringify(after) }
  }
  expect(await region.replay({ limit: 10 }, { decode })).toEqual({
    ...done,
    replayed: 1,
    refusedAgain: 2,
    notReplayable: 1,
  })
  expect(region.counted).toBe(1)
  expect(region.list.byReason).toEqual({ bad_envelope: 2, wrong_type: 1 })
  region.deploy(planOf('string'))
  expect(await region.replay({ limit: 10, reason: 'wrong_type' }, { decode })).toEqual({ ...done, replayed: 1 })
})
