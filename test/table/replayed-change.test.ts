import { expect, test } from 'vitest'
import { encodeKey, isRefusal } from '../../src/contract/index.ts'
import {
  DEFAULT_LIMITS,
  type DeadLetter,
  Letters,
  letterOrigin,
  placeOfLetter,
  replay,
} from '../../src/dead-letters/index.ts'
import type { FieldSpec, FieldType, SourceSpec, ViewSpec } from '../../src/engine/index.ts'
import { Plan, type SourceRuntime } from '../../src/plan/index.ts'
import { MESSAGE_VERSION } from '../../src/shard/index.ts'
import { deliver, type EventBatch, Router, requestBatch } from '../../src/source/index.ts'
import { MemoryTableStorage, TableShard } from '../../src/table/index.ts'
import { MemorySql } from '../dead-letters/sqlite.ts'
import { random } from '../support/random.ts'

// Changes without a place in the database's log, as MySQL's are: only where they stood in their topic orders them.

const NOW = Date.UTC(2026, 0, 1)
const field = (name: string, type: FieldType): FieldSpec => ({ name, type, nullable: false, optional: false })
const VIEW: ViewSpec = {
  name: 'v',
  entity: 'user',
  source: 'orders',
  key: { user_id: 'uid' },
  changes: true,
  features: [{ name: 'rows', aggregate: 'count', window: { kind: 'lifetime' } }],
  exactRows: 3,
  allowedLatenessMs: 5_000,
  since: 'beginning',
}

/** A table whose contract takes `amount` of this type. */
function planOf(amount: FieldType): Plan {
  const source: SourceSpec = {
    name: 'orders',
    fields: [
      field('id', 'int'),
      field('uid', 'string'),
      field('amount', amount),
      { ...field('at', 'timestamp'), format: 'ms' },
    ],
    time: 'at',
    maxFutureMs: 300_000,
    redeliveryHorizonMs: 86_400_000,
    changes: { key: ['id'] },
    from: [],
  }
  const entities = [{ name: 'user', keys: [{ name: 'user_id', type: 'string' as const }] }]
  return new Plan({ entities, sources: [source], views: [VIEW], services: [] })
}

/** One shard of the table, with its dead letters, whose plan can be deployed anew. */
class World {
  readonly letters = new Letters(new MemorySql(), 'orders', DEFAULT_LIMITS)
  private readonly storage = new MemoryTableStorage()
  private plan = planOf('int')
  private table = this.open()

  private open(): TableShard {
    const { plan, storage } = this
    const source = plan.sources.get('orders') as SourceRuntime
    const part = { region: 1, epoch: 0, shard: 0 }
    return new TableShard({ plan, source, part, storage, destinations: { shardsOf: () => 1 }, now: () => NOW })
  }

  deploy(plan: Plan): void {
    this.plan = plan
    this.table = this.open()
  }

  async take(batch: EventBatch) {
    const { plan } = this
    const shard = { apply: async (m: never) => this.table.apply(m), rows: async (m: never) => this.table.rows(m) }
    const router = new Router(plan.hash, plan.sources.get('orders') as SourceRuntime, () => 1)
    const keep = async (letters: readonly DeadLetter[]) => this.letters.add(letters, NOW)
    const tables = { shards: 1, shard: () => shard }
    const receipt = await deliver({ router, directory: null as never, tables, source: 'orders', keep }, batch)
    if (isRefusal(receipt)) throw new Error(receipt.message)
    const { letters, delivered } = this.table.refusals.take(1_000)
    this.letters.add(letters, NOW)
    delivered()
    return receipt
  }

  send(changes: readonly object[], offsets: readonly number[], partition = 0, incarnation = 0) {
    const batch = requestBatch(JSON.stringify(changes), NOW)
    if (isRefusal(batch)) throw new Error(batch.message)
    return this.take({
      ...batch,
      position: { sequence: `shop.orders/${partition}`, incarnation, generation: 1, offsets },
    })
  }

  replay() {
    const { letters } = this
    return replay(
      {
        countsEach: false,
        take: async (asked) => letters.take(asked),
        takeIds: async (ids) => letters.reader.takeIds(ids),
        replayed: async (ids) => letters.replayed(ids),
        decode: async () => undefined,
        deliver: async (batch) => this.take({ ...batch, arrivalMs: NOW }),
      },
      { limit: 1_000 },
    )
  }

  get count(): number {
    return this.letters.reader.list({ limit: 1 }).count
  }

  /** The amount of a row, as JSON; null when there is none. */
  amountOf(id: number): unknown {
    const key = encodeKey([id], ['int64'])
    const answer = this.table.rows({ version: MESSAGE_VERSION, plan: this.plan.hash, keys: [key], columns: ['amount'] })
    if ('unavailable' in answer) throw new Error(answer.message)
    const row = answer.rows[0]
    return row ? JSON.parse(row)[1] : null
  }
}

const change = (op: string, id: number, amount: number | string) => ({ $op: op, id, uid: 'a', amount, at: NOW - 1_000 })

test('what was refused and is replayed after the contract was mended becomes the row', async () => {
  const world = new World()
  expect(await world.send([change('c', 1, 1.5)], [10])).toMatchObject({ accepted: 0 })
  expect(await world.replay()).toMatchObject({ replayed: 0, refusedAgain: 1 })
  expect([world.amountOf(1), world.count]).toEqual([null, 1])
  world.deploy(planOf('float64'))
  expect(await world.replay()).toMatchObject({ replayed: 1, refusedAgain: 0 })
  expect([world.amountOf(1), world.count]).toEqual([1.5, 0])
  // The place of a letter is no place of reading: what is behind it in the topic is taken in as ever.
  expect(await world.send([change('u', 1, 2.5)], [11])).toMatchObject({ accepted: 1 })
  expect(world.amountOf(1)).toBe(2.5)
})

test('what is replayed is no newer than what came behind it, nor than what a new topic of that name holds', async () => {
  const world = new World()
  await world.send([change('c', 1, 1.5), change('c', 1, 2), change('c', 2, 1.5), change('d', 2, 0)], [10, 11, 12, 13])
  await world.send([change('c', 3, 1.5)], [14])
  await world.send([change('c', 3, 3)], [0], 0, 1)
  world.deploy(planOf('float64'))
  expect(await world.replay()).toMatchObject({ replayed: 0, duplicates: 3, refusedAgain: 0 })
  expect([1, 2, 3].map((id) => world.amountOf(id))).toEqual([2, null, 3])
})

test('letters replayed at any time leave the rows that the database has', async () => {
  for (let seed = 1; seed <= 150; seed++) {
    const r = random(seed)
    const world = new World()
    const rows = new Map<number, number>()
    const next = [0, 0]
    let isMended = false
    for (let step = 0; step < 40; step++) {
      const id = r.int(1, 5)
      const amount = r.int(0, 9) + (r.chance(0.4) ? 0.5 : 0)
      const isDelete = rows.has(id) && r.chance(0.3)
      const partition = id % 2
      const offset = next[partition] as number
      next[partition] = offset + r.int(1, 3)
      await world.send([isDelete ? { $op: 'd', id } : change('u', id, amount)], [offset], partition)
      if (isDelete) rows.delete(id)
      else rows.set(id, amount)
      if (r.chance(0.05)) {
        isMended = true
        world.deploy(planOf('float64'))
      }
      if (r.chance(0.1)) await world.replay()
    }
    if (!isMended) world.deploy(planOf('float64'))
    await world.replay()
    const found = [1, 2, 3, 4, 5].map((id) => world.amountOf(id))
    expect([seed, world.count, found]).toEqual([seed, 0, [1, 2, 3, 4, 5].map((id) => rows.get(id) ?? null)])
  }
})

test('the place that a letter says is the one that it had', () => {
  for (const [sequence, incarnation, offset] of [
    ['orders/0', 0, 0],
    ['shop.public.orders/11', 3, 9_007_199_254_740_991],
    ['a/b/7', 1, 5],
  ] as const) {
    const position = { sequence, incarnation, offsets: [offset] }
    const { position: text = '' } = letterOrigin({ position }, 0)
    expect(placeOfLetter(text)).toEqual({ sequence, incarnation, offset })
  }
  for (const text of ['', 'orders', 'orders/0/1', 'orders/x/0/1', 'orders/0/0/undefined']) {
    expect(placeOfLetter(text)).toBeUndefined()
  }
})
