import { expect, test } from 'vitest'
import { type EntityRuntime, hashKey, Plan, type SourceRuntime, shardOf } from '../../src/plan/index.ts'
import { Heir, MESSAGE_VERSION, type ParentShard, Shard } from '../../src/shard/index.ts'
import { MemoryTableStorage, type ParentTable, TableHeir, TableShard } from '../../src/table/index.ts'
import { Crash, CrashingStorage } from '../support/crashing-storage.ts'
import { type Random, random } from '../support/random.ts'
import { NOW, ORDERS, VIEW } from './deployment.ts'

const USERS = ['a', 'b', 'c', 'd', 'e', 'ü,', '']

/** A table's storage whose next transaction ends with the process. */
class CrashingTableStorage extends MemoryTableStorage {
  next: 'lose' | 'keep' | null = null

  override transaction(work: () => void): void {
    const { next } = this
    this.next = null
    super.transaction(() => {
      work()
      if (next === 'lose') throw new Crash()
    })
    if (next === 'keep') throw new Crash()
  }
}

class TablePlace {
  readonly storage = new CrashingTableStorage()
  table: TableShard | null = null
  heir: TableHeir | null = null
}

class EntityPlace {
  readonly storage = new CrashingStorage()
  shard: Shard | null = null
  heir: Heir | null = null
}

interface Row {
  readonly uid: string
  readonly amount: number | null
  readonly note: string | null
}

/** A table and the entities that it feeds, through several epochs; beside them the rows of the database. */
class World {
  readonly rows = new Map<number, Row>()
  readonly plan = new Plan({
    entities: [{ name: 'user', keys: [{ name: 'user_id', type: 'string' }] }],
    sources: [ORDERS],
    views: [VIEW],
    services: [],
  })
  crashes = 0
  private readonly r: Random
  private readonly tableCounts: number[]
  private readonly entityCounts: number[]
  private readonly tables = new Map<string, TablePlace>()
  private readonly entities = new Map<string, EntityPlace>()
  private readonly log: object[] = []
  private readonly source: SourceRuntime
  private readonly entity: EntityRuntime

  constructor(r: Random) {
    this.r = r
    this.tableCounts = [r.pick([1, 2])]
    this.entityCounts = [r.pick([1, 2])]
    this.source = this.plan.sources.get('orders') as SourceRuntime
    this.entity = this.plan.entities.get('user') as EntityRuntime
  }

  private get epoch(): number {
    return this.tableCounts.length - 1
  }

  private tablePlace(epoch: number, shard: number): TablePlace {
    return placeIn(this.tables, `${epoch}/${shard}`, () => new TablePlace())
  }

  private entityPlace(epoch: number, shard: number): EntityPlace {
    return placeIn(this.entities, `${epoch}/${shard}`, () => new EntityPlace())
  }

  /** Now and then a write ends the process. */
  private arm(storage: { next: 'lose' | 'keep' | null }): void {
    if (this.r.chance(0.06)) storage.next = this.r.pick(['lose', 'keep'])
  }

  private async insist<T>(step: () => Promise<T> | T, kill: () => void): Promise<T> {
    for (;;) {
      try {
        return await step()
      } catch (cause) {
        if (!(cause instanceof Crash)) throw cause
        this.crashes++
        kill()
      }
    }
  }

  private killTable(epoch: number, shard: number): void {
    const place = this.tablePlace(epoch, shard)
    place.table = null
    place.heir = null
    place.storage.next = null
  }

  private killEntity(epoch: number, shard: number): void {
    const place = this.entityPlace(epoch, shard)
    place.shard = null
    place.heir = null
    place.storage.next = null
  }

  private table(epoch: number, shard: number): TableShard {
    const place = this.tablePlace(epoch, shard)
    place.table ??= new TableShard({
      plan: this.plan,
      source: this.source,
      part: { region: 1, epoch, shard },
      storage: place.storage,
      destinations: { shardsOf: () => this.entityCounts.at(-1) ?? 1 },
      now: () => NOW,
    })
    return place.table
  }

  private shard(epoch: number, shard: number): Shard {
    const place = this.entityPlace(epoch, shard)
    const shards = this.entityCounts[epoch] as number
    const part = { region: 1, epoch, shard }
    const { plan, entity } = this
    place.shard ??= new Shard({ plan, entity, part, shards, storage: place.storage, now: () => NOW })
    return place.shard
  }

  private async openTable(epoch: number, shard: number): Promise<TableShard> {
    const { storage } = this.tablePlace(epoch, shard)
    if (epoch > 0 && !TableHeir.isOpen(storage)) {
      this.arm(storage)
      await this.insist(
        () => this.tableHeir(epoch, shard).open(),
        () => this.killTable(epoch, shard),
      )
    }
    return this.table(epoch, shard)
  }

  private tableHeir(epoch: number, shard: number): TableHeir {
    const place = this.tablePlace(epoch, shard)
    const shards = this.tableCounts[epoch] as number
    const before = shard % (this.tableCounts[epoch - 1] as number)
    const ask = async <T>(what: (table: TableShard) => T): Promise<T> => {
      const table = await this.openTable(epoch - 1, before)
      this.arm(this.tablePlace(epoch - 1, before).storage)
      try {
        return structuredClone(what(table))
      } catch (cause) {
        this.killTable(epoch - 1, before)
        throw cause
      }
    }
    const parent: ParentTable = {
      head: () => ask((table) => table.handOver.head()),
      seal: async (child) => {
        const rest = await ask((table) => table.handOver.seal(child))
        await this.drain(epoch - 1, before, this.r.int(0, 2))
        return rest
      },
      rows: (child, after, round) => ask((table) => table.handOver.rows(child, after, round)),
    }
    place.heir ??= new TableHeir({
      storage: place.storage,
      child: { epoch, shards, shard },
      countsExpectations: shard === before,
      parent,
      sleep: async () => {},
      now: () => NOW,
    })
    return place.heir
  }

  private async openEntity(epoch: number, shard: number): Promise<Shard> {
    const { storage } = this.entityPlace(epoch, shard)
    if (epoch > 0 && !Heir.isOpen(storage)) {
      this.arm(storage)
      await this.insist(
        () => this.entityHeir(epoch, shard).open(),
        () => this.killEntity(epoch, shard),
      )
    }
    return this.shard(epoch, shard)
  }

  private entityHeir(epoch: number, shard: number): Heir {
    const place = this.entityPlace(epoch, shard)
    const [shards = 1, old = 1] = [this.entityCounts[epoch], this.entityCounts[epoch - 1]]
    const before = () => this.openEntity(epoch - 1, shard % old)
    const parent: ParentShard = {
      head: async () => structuredClone((await before()).handOver.head()),
      seal: async (child) => structuredClone((await before()).handOver.seal(child)),
      cells: async (child, page, since) => structuredClone((await before()).handOver.cells(child, page, since)),
      ids: async (run, part) => structuredClone((await before()).handOver.ids(run, part)),
    }
    place.heir ??= new Heir({
      storage: place.storage,
      child: { epoch, shards, shard },
      siblings: shards / old,
      countsExpectations: shard === shard % old,
      parent,
      now: () => NOW,
    })
    return place.heir
  }

  /** Lets some or all of what a table has to tell leave, again and again where nobody has said that it came. */
  private async drain(epoch: number, shard: number, most = Number.POSITIVE_INFINITY): Promise<void> {
    for (let step = 0; step < most; step++) {
      const table = this.table(epoch, shard)
      if (table.outbox.isEmpty && !table.work()) return
      const { sendings, delivered } = table.outbox.take(this.plan, this.r.int(1, 3))
      for (const sending of sendings) {
        const own = await this.openEntity(this.epoch, sending.shard)
        const { storage } = this.entityPlace(this.epoch, sending.shard)
        this.arm(storage)
        await this.insist(
          () => {
            const answer = this.shard(this.epoch, sending.shard).apply(sending.message)
            if ('unavailable' in answer) throw new Error(answer.message)
          },
          () => this.killEntity(this.epoch, sending.shard),
        )
        expect(own.stats.unreadable).toBe(0)
      }
      if (this.r.chance(0.1)) this.killTable(epoch, shard)
      else delivered()
    }
  }

  /** One more change of the database. */
  change(): void {
    const { r } = this
    const id = r.int(1, 25)
    const old = this.rows.get(id)
    const row: Row = {
      uid: r.pick(USERS),
      amount: r.pick([null, 1, 5, 100]),
      note: r.pick([null, 'x', 'yy']),
    }
    const said = { id, ...row, at: NOW - r.int(0, 1e6) }
    const kind = r.next()
    if (kind < 0.02) {
      this.log.push({ $op: 't' })
      this.rows.clear()
    } else if (kind < 0.2) {
      this.log.push({ $op: 'd', id })
      this.rows.delete(id)
    } else if (kind < 0.35 && old) {
      const { note: _, ...sent } = said
      this.log.push({ $op: 'u', ...sent, $unchanged: ['note'] })
      this.rows.set(id, { ...row, note: old.note })
    } else {
      this.log.push({ $op: old ? 'u' : 'c', ...said })
      this.rows.set(id, row)
    }
  }

  /** Sends the log from some place that was passed before. */
  async send(): Promise<void> {
    const from = Math.max(0, this.sent - this.r.int(0, 5))
    const shards = this.tableCounts.at(-1) ?? 1
    for (let shard = 0; shard < shards; shard++) {
      const offsets = this.log.flatMap((change, offset) => {
        const { $op, id } = change as { $op: string; id?: number }
        return offset >= from && ($op === 't' || hashKey(String(id)) % shards === shard) ? [offset] : []
      })
      if (offsets.length === 0) continue
      await this.openTable(this.epoch, shard)
      const events = JSON.stringify(offsets.map((offset) => this.log[offset]))
      const position = { sequence: 'orders/0', incarnation: 0, generation: 0, offsets }
      const about = { version: MESSAGE_VERSION, plan: this.plan.hash, source: 'orders', arrivalMs: NOW }
      this.arm(this.tablePlace(this.epoch, shard).storage)
      await this.insist(
        () => {
          const message = { ...about, events, fanout: '1'.repeat(offsets.length), position }
          const answer = this.table(this.epoch, shard).apply(message)
          if ('unavailable' in answer) throw new Error(answer.message)
          expect(answer.refused).toEqual([])
        },
        () => this.killTable(this.epoch, shard),
      )
      if (this.r.chance(0.6)) await this.drain(this.epoch, shard, this.r.int(0, 3))
    }
    this.sent = this.log.length
  }
  private sent = 0

  /** More shards, of tables and of entities: copied ahead or not, opened by whoever asks first. */
  async reshard(): Promise<void> {
    const { r } = this
    const [tables = 1, entities = 1] = [this.tableCounts.at(-1), this.entityCounts.at(-1)]
    const more = { tables: tables * r.pick([1, 2, 3]), entities: entities * r.pick([1, 2]) }
    const epoch = this.epoch + 1
    for (let rounds = r.int(0, 2); rounds > 0; rounds--) {
      for (let shard = 0; shard < more.tables; shard++) {
        if (r.chance(0.3)) continue
        let left = r.pick([1, 100])
        this.arm(this.tablePlace(epoch, shard).storage)
        this.tableCounts.push(more.tables)
        const heir = () => this.tableHeir(epoch, shard)
        await this.insist(
          () => heir().copy(() => left-- <= 0),
          () => this.killTable(epoch, shard),
        )
        this.tableCounts.pop()
      }
      for (let i = r.int(0, 6); i > 0; i--) this.change()
      await this.send()
    }
    this.tableCounts.push(more.tables)
    this.entityCounts.push(more.entities)
  }

  async finish(): Promise<void> {
    const [tables = 1, entities = 1] = [this.tableCounts.at(-1), this.entityCounts.at(-1)]
    for (let shard = 0; shard < tables; shard++) {
      await this.openTable(this.epoch, shard)
      await this.drain(this.epoch, shard)
    }
    for (let shard = 0; shard < entities; shard++) await this.openEntity(this.epoch, shard)
  }

  values(user: string): unknown[] {
    const shard = this.shard(this.epoch, shardOf(user, this.entityCounts.at(-1) ?? 1))
    const run = 'v.rows,v.total,v.noted'
    const answer = shard.read({ version: MESSAGE_VERSION, plan: this.plan.hash, t: NOW + 1, keys: [user], run })
    if (!('rows' in answer)) throw new Error(JSON.stringify(answer))
    return JSON.parse(`[${answer.rows[0]?.values}]`) as unknown[]
  }

  expected(user: string): unknown[] {
    const rows = [...this.rows.values()].filter(({ uid }) => uid === user)
    const amounts = rows.flatMap(({ amount }) => (amount === null ? [] : [amount]))
    return [
      rows.length,
      amounts.length === 0 ? null : amounts.reduce((a, b) => a + b, 0),
      rows.filter(({ note }) => note !== null).length,
    ]
  }
}

function placeIn<T>(places: Map<string, T>, name: string, make: () => T): T {
  const place = places.get(name) ?? make()
  places.set(name, place)
  return place
}

test('rows that were put in by one epoch are changed and taken out by the next', async () => {
  let crashes = 0
  for (let seed = 1; seed <= 120; seed++) {
    const r = random(seed)
    const world = new World(r)
    try {
      for (let round = 0; round < 3; round++) {
        for (let step = r.int(1, 5); step > 0; step--) {
          for (let i = r.int(0, 12); i > 0; i--) world.change()
          await world.send()
        }
        if (round < 2) await world.reshard()
      }
      await world.finish()
      for (const user of USERS) expect(world.values(user)).toEqual(world.expected(user))
    } catch (cause) {
      throw new Error(`seed ${seed}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    }
    crashes += world.crashes
  }
  expect(crashes).toBeGreaterThan(200)
}, 60_000)

test('rows that change while thousands are copied are copied again', async () => {
  const plan = new Plan({ entities: [], sources: [ORDERS], views: [], services: [] })
  const source = plan.sources.get('orders') as SourceRuntime
  const open = (epoch: number, storage: MemoryTableStorage) => {
    const part = { region: 1, epoch, shard: 0 }
    return new TableShard({ plan, source, part, storage, destinations: { shardsOf: () => 1 }, now: () => NOW })
  }
  const about = { version: MESSAGE_VERSION, plan: plan.hash, source: 'orders', arrivalMs: NOW }
  let lsn = 0
  const apply = (table: TableShard, ids: readonly number[], amount: number) => {
    const rows = ids.map((id) => ({ $op: 'u', $lsn: String(++lsn), id, uid: 'a', amount, at: NOW }))
    table.apply({ ...about, events: JSON.stringify(rows), fanout: '1'.repeat(ids.length) })
  }
  const parentTable = open(0, new MemoryTableStorage())
  const all = Array.from({ length: 7_000 }, (_, id) => id)
  apply(parentTable, all, 1)
  const { handOver } = parentTable
  const storage = new MemoryTableStorage()
  let asked = 0
  const heir = new TableHeir({
    storage,
    child: { epoch: 1, shards: 1, shard: 0 },
    countsExpectations: true,
    parent: {
      head: async () => handOver.head(),
      seal: async (child) => handOver.seal(child),
      rows: async (child, after, round) => {
        asked++
        return handOver.rows(child, after, round)
      },
    },
    sleep: async () => {},
    now: () => NOW,
  })
  let steps = 2
  expect(await heir.copy(() => steps-- <= 0)).toBe(false)
  apply(parentTable, [0, 3_000, 6_999, 7_000], 2)
  await heir.open()
  expect(asked).toBeLessThan(10)
  expect(heir.progress.cells).toBeLessThan(7_010)
  const child = open(1, storage)
  const ask = { version: MESSAGE_VERSION, plan: plan.hash, keys: [...all, 7_000].map(String), columns: ['amount'] }
  const answer = child.rows(ask)
  if ('unavailable' in answer) throw new Error(answer.message)
  const changed = answer.rows.flatMap((row, i) => (row?.endsWith(',2]') ? [i] : []))
  expect(changed).toEqual([0, 3_000, 6_999, 7_000])
  expect(answer.rows.filter((row) => row?.endsWith(',1]')).length).toBe(6_997)
  // Each still says which shard put it in, and under which number.
  expect(answer.rows[1]).toBe('["0/0/2",1]')
})

/** A table of one shard whose partitions say nothing of each other's order, and the shard that takes over from it. */
function handedOver() {
  const plan = new Plan({ entities: [], sources: [ORDERS], views: [], services: [] })
  const source = plan.sources.get('orders') as SourceRuntime
  const open = (epoch: number, storage: MemoryTableStorage) => {
    const part = { region: 1, epoch, shard: 0 }
    return new TableShard({ plan, source, part, storage, destinations: { shardsOf: () => 1 }, now: () => NOW })
  }
  const parent = open(0, new MemoryTableStorage())
  const storage = new MemoryTableStorage()
  const busy = { isDrained: true }
  const heir = new TableHeir({
    storage,
    child: { epoch: 1, shards: 1, shard: 0 },
    countsExpectations: true,
    parent: {
      head: async () => parent.handOver.head(),
      seal: async (child) => ({ ...parent.handOver.seal(child), ...busy }),
      rows: async (child, after, round) => parent.handOver.rows(child, after, round),
    },
    sleep: async () => {},
    now: () => NOW,
  })
  const apply = (table: TableShard, sequence: string, changes: readonly object[]) => {
    const position = { sequence, incarnation: 0, generation: 0, offsets: changes.map((_, offset) => offset) }
    const about = { version: MESSAGE_VERSION, plan: plan.hash, source: 'orders', arrivalMs: NOW }
    const events = JSON.stringify(changes)
    const answer = table.apply({ ...about, events, fanout: '1'.repeat(changes.length), position })
    if ('unavailable' in answer) throw new Error(answer.message)
    expect(answer.refused).toEqual([])
  }
  const rows = (table: TableShard, keys: readonly string[]) => {
    const answer = table.rows({ version: MESSAGE_VERSION, plan: plan.hash, keys, columns: ['amount'] })
    if ('unavailable' in answer) throw new Error(answer.message)
    return answer.rows
  }
  return { parent, heir, busy, apply, rows, openChild: () => open(1, storage) }
}

test('a truncate takes out what was put in before the table was handed over: numbers go on where the parent was', async () => {
  const { parent, heir, apply, rows, openChild } = handedOver()
  const put = (id: number) => ({ $op: 'u', id, uid: 'a', amount: id, at: NOW })
  apply(parent, 'orders/0', [put(1), put(2), put(3)])
  await heir.open()
  const child = openChild()
  apply(child, 'orders/1', [{ $op: 't' }, put(4)])
  while (child.work()) {
    // Some rows are looked at a time.
  }
  // Nothing but their numbers tells that the first three were there when the truncate came, and the fourth was not.
  expect(rows(child, ['1', '2', '3', '4'])).toEqual([null, null, null, expect.stringContaining(',4]')])
  expect(child.stats.seq).toBeGreaterThan(parent.stats.seq)
})

test('a table that is long in telling what it has to tell is waited for: opening says that it is not done, and goes on', async () => {
  const { parent, heir, busy, apply, rows, openChild } = handedOver()
  apply(parent, 'orders/0', [{ $op: 'u', id: 1, uid: 'a', amount: 7, at: NOW }])
  busy.isDrained = false
  let looks = 0
  expect(await heir.open(() => looks++ === 3)).toBe(false)
  expect(heir.progress.isOpen).toBe(false)
  busy.isDrained = true
  expect(await heir.open()).toBe(true)
  expect(heir.progress.isOpen).toBe(true)
  expect(rows(openChild(), ['1'])).toEqual([expect.stringContaining(',7]')])
})
