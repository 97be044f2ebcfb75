import { expect, test } from 'vitest'
import { isRefusal } from '../../src/contract/index.ts'
import type { ViewSpec } from '../../src/engine/index.ts'
import { Plan, type SourceRuntime } from '../../src/plan/index.ts'
import { MESSAGE_VERSION, MemoryStorage, Shard } from '../../src/shard/index.ts'
import { deliver, type EventBatch, Router, requestBatch } from '../../src/source/index.ts'
import { MemoryTableStorage, TableShard } from '../../src/table/index.ts'
import { type Random, random } from '../support/random.ts'
import { NOW, ORDERS } from './deployment.ts'

const SHARDS = 3
const VIEW: ViewSpec = {
  name: 'v',
  entity: 'user',
  source: 'orders',
  key: { user_id: 'uid' },
  changes: true,
  features: [
    { name: 'rows', aggregate: 'count', window: { kind: 'lifetime' } },
    { name: 'total', aggregate: 'sum', field: 'amount', window: { kind: 'lifetime' } },
    { name: 'noted', aggregate: 'count', field: 'note', window: { kind: 'lifetime' } },
  ],
  exactRows: 3,
  allowedLatenessMs: 5_000,
  since: 'beginning',
}

interface Row {
  readonly id: number
  readonly uid: string
  readonly amount: number | null
  readonly note: string | null
  readonly at: number
}

/** A change as it lies in a partition. */
interface Logged {
  readonly text: string
  readonly lsn: number
}

/** The database: applies statements and logs them, each in the partition of its key. */
class Database {
  readonly rows = new Map<number, Row>()
  readonly partitions: Logged[][] = [[], []]
  private lsn = 100

  private log(partition: number, change: object): void {
    this.partitions[partition]?.push({
      text: JSON.stringify({ ...change, $lsn: String(this.lsn), $time: NOW }),
      lsn: this.lsn,
    })
    this.lsn += 10
  }

  statement(r: Random): void {
    const id = r.int(1, 12)
    const old = this.rows.get(id)
    const row = {
      id,
      uid: r.pick(['a', 'b', 'c', 'd']),
      amount: r.pick([null, 1, 5, 100]),
      note: r.pick([null, 'x', 'yy']),
      at: NOW - r.int(0, 1e6),
    }
    const kind = r.next()
    if (kind < 0.02) {
      this.log(0, { $op: 't' })
      this.rows.clear()
    } else if (kind < 0.2) {
      this.log(id % 2, { $op: 'd', id })
      this.rows.delete(id)
    } else if (kind < 0.3 && old) {
      // The note was not sent, because it did not change.
      const { note: _, ...sent } = { ...row, note: old.note }
      this.log(id % 2, { $op: 'u', ...sent, $unchanged: ['note'] })
      this.rows.set(id, { ...row, note: old.note })
    } else if (kind < 0.35) {
      // A snapshot that is taken again.
      for (const there of this.rows.values()) this.log(there.id % 2, { $op: 'r', ...there })
    } else {
      this.log(id % 2, { $op: old ? 'u' : 'c', ...row })
      this.rows.set(id, row)
    }
  }

  expected(uid: string) {
    const rows = [...this.rows.values()].filter((row) => row.uid === uid)
    const amounts = rows.flatMap(({ amount }) => (amount === null ? [] : [amount]))
    return [
      rows.length,
      amounts.length === 0 ? null : amounts.reduce((a, b) => a + b, 0),
      rows.filter(({ note }) => note !== null).length,
    ]
  }
}

class World {
  readonly plan = new Plan({
    entities: [{ name: 'user', keys: [{ name: 'user_id', type: 'string' }] }],
    sources: [ORDERS],
    views: [VIEW],
    services: [],
  })
  readonly source = this.plan.sources.get('orders') as SourceRuntime
  private readonly tableStorages = Array.from({ length: SHARDS }, () => new MemoryTableStorage())
  private readonly storages = Array.from({ length: SHARDS }, () => new MemoryStorage())
  tables = this.tableStorages.map((_, shard) => this.openTable(shard))
  shards = this.storages.map((_, shard) => this.openShard(shard))
  private readonly router = new Router(this.plan.hash, this.source, () => SHARDS)
  readonly refused: string[] = []

  openTable(shard: number): TableShard {
    return new TableShard({
      plan: this.plan,
      source: this.source,
      part: { region: 1, epoch: 0, shard },
      storage: this.tableStorages[shard] as MemoryTableStorage,
      destinations: { shardsOf: () => SHARDS },
      now: () => NOW,
    })
  }

  openShard(shard: number): Shard {
    const entity = this.plan.entities.get('user')
    if (entity === undefined) throw new Error('no entity')
    const part = { region: 1, epoch: 0, shard }
    return new Shard({
      plan: this.plan,
      entity,
      part,
      shards: SHARDS,
      storage: this.storages[shard] as MemoryStorage,
      now: () => NOW,
    })
  }

  async take(batch: EventBatch): Promise<void> {
    const tables = {
      shards: SHARDS,
      shard: (_: string, shard: number) => ({
        apply: async (m: never) => (this.tables[shard] as TableShard).apply(m),
        rows: async (m: never) => (this.tables[shard] as TableShard).rows(m),
      }),
    }
    const receipt = await deliver(
      { router: this.router, directory: null as never, tables, source: 'orders', keep: async () => {} },
      batch,
    )
    if (isRefusal(receipt) || 'unavailable' in receipt) throw new Error(receipt.message)
    this.refused.push(...receipt.refused.map(({ message }) => message))
  }

  /** Sends what is in the outboxes; with a fault some of it twice, or without its answer. */
  drain(r: Random, faults: number): void {
    for (const table of this.tables) {
      while (table.work()) if (r.chance(faults)) break
      while (!table.outbox.isEmpty) {
        const { sendings, delivered } = table.outbox.take(this.plan, r.int(1, 3))
        let failed = false
        for (const { shard, message } of sendings) {
          if (r.chance(faults)) failed = true
          else this.shards[shard]?.apply(message)
        }
        if (failed) return
        delivered()
      }
    }
  }

  read(uid: string): unknown[] {
    return ['v.rows', 'v.total', 'v.noted'].map((run) => {
      const sums = this.shards.flatMap((shard) => {
        const answer = shard.read({ version: MESSAGE_VERSION, plan: this.plan.hash, t: NOW + 1, keys: [uid], run })
        if (!('rows' in answer)) throw new Error(JSON.stringify(answer))
        return answer.rows[0]?.statuses === 'm' ? [] : [JSON.parse(answer.rows[0]?.values ?? 'null')]
      })
      return sums[0] ?? (run === 'v.total' ? null : 0)
    })
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

test('features equal the rows of the database, whatever is sent twice, late or lost on the way', async () => {
  let truncates = 0
  await forSomeSeeds(60, async (r) => {
    const database = new Database()
    const world = new World()
    const next = [0, 0]
    const faults = r.pick([0, 0.2])
    for (let step = 0; step < 60; step++) {
      for (let n = r.int(0, 4); n > 0; n--) database.statement(r)
      // The partitions move on unlike each other; what was read is read again after a restart of the puller.
      const p = r.int(0, 1)
      const log = database.partitions[p] as Logged[]
      const from = Math.max(0, (next[p] as number) - (r.chance(faults) ? r.int(0, 5) : 0))
      const to = Math.min(log.length, (next[p] as number) + r.int(0, 12))
      if (to > from) await world.take(positioned(log, p, from, to))
      next[p] = Math.max(next[p] as number, to)
      world.drain(r, faults)
      const shard = r.int(0, SHARDS - 1)
      if (r.chance(0.1)) world.tables[shard] = world.openTable(shard)
      if (r.chance(0.1)) world.shards[shard] = world.openShard(shard)
    }
    for (const p of [0, 1]) {
      const log = database.partitions[p] as Logged[]
      if (log.length > (next[p] as number)) await world.take(positioned(log, p, next[p] as number, log.length))
    }
    world.drain(r, 0)
    truncates += database.partitions[0]?.filter(({ text }) => text.includes('"t"')).length ?? 0
    expect(world.refused).toEqual([])
    for (const uid of ['a', 'b', 'c', 'd']) expect([uid, ...world.read(uid)]).toEqual([uid, ...database.expected(uid)])
  })
  expect(truncates).toBeGreaterThan(20)
})

test('over HTTP, without positions, the place in the log decides: repeats and old versions change nothing', async () => {
  await forSomeSeeds(40, async (r) => {
    const database = new Database()
    const world = new World()
    for (let n = 0; n < 60; n++) database.statement(r)
    const log = database.partitions.flat().sort((a, b) => a.lsn - b.lsn)
    let done = 0
    while (done < log.length) {
      const from = Math.max(0, done - r.int(0, 6))
      const to = Math.min(log.length, from + r.int(1, 20))
      const batch = requestBatch(
        `[${log
          .slice(from, to)
          .map(({ text }) => text)
          .join()}]`,
        NOW,
      )
      if (isRefusal(batch)) throw new Error(batch.message)
      await world.take(batch)
      done = Math.max(done, to)
    }
    world.drain(r, 0)
    for (const uid of ['a', 'b', 'c', 'd']) expect([uid, ...world.read(uid)]).toEqual([uid, ...database.expected(uid)])
  })
})

function positioned(log: readonly Logged[], partition: number, from: number, to: number): EventBatch {
  const batch = requestBatch(
    `[${log
      .slice(from, to)
      .map(({ text }) => text)
      .join()}]`,
    NOW,
  )
  if (isRefusal(batch)) throw new Error(batch.message)
  const offsets = Array.from({ length: to - from }, (_, i) => from + i)
  return { ...batch, position: { sequence: `orders/${partition}`, incarnation: 0, generation: 1, offsets } }
}

test('a change that has no place in any order, or lacks what was never seen, is refused with the way out', async () => {
  const world = new World()
  const send = async (change: object) => {
    const batch = requestBatch(JSON.stringify(change), NOW)
    if (isRefusal(batch)) throw new Error(batch.message)
    await world.take(batch)
  }
  const row = { id: 1, uid: 'a', amount: 1, at: NOW }
  await send({ $op: 'c', ...row })
  await send({ $op: 'u', ...row, $lsn: '5', $unchanged: ['note'] })
  await send({ $op: 'x', ...row, $lsn: '5' })
  await send({ $op: 'u', id: 'one', $lsn: '5' })
  expect(world.refused).toEqual([
    expect.stringContaining('Nothing says where this change stands among the others: "$lsn" is missing'),
    expect.stringContaining('"note" was not sent because it did not change, and this row was never seen before'),
    expect.stringContaining('"$op" is "x"; expected c, u, r, d or t'),
    expect.stringContaining('"id"'),
  ])
})
