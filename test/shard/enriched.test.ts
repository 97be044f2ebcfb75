import { expect, test } from 'vitest'
import {
  type EnrichSpec,
  EntityState,
  type FieldSpec,
  type SourceSpec,
  stateBytes,
  type Value,
  type ViewSpec,
} from '../../src/engine/index.ts'
import { Plan } from '../../src/plan/index.ts'
import { type ApplyMessage, MemoryStorage, type Shard } from '../../src/shard/index.ts'
import { Crash, CrashingStorage } from '../support/crashing-storage.ts'
import { forSeeds, type Random } from '../support/random.ts'
import {
  ACTIVITY,
  apply,
  definitionsOf,
  eventText,
  lifetimeView,
  message,
  openShard,
  plainEvent,
  readValues,
} from '../support/shards.ts'
import { shuffled } from '../support/streams.ts'

/** What a shard does with the rows that come beside events: given these, the state is that of the oracle, whatever happens. */

const NOW = Date.UTC(2026, 0, 1)
const PART = { region: 1, epoch: 0, shard: 0 }
const PRODUCTS = ['p1', 'p2', 'p3', 'unknown']

const enriched = (name: string, type: FieldSpec['type']): FieldSpec => ({
  name,
  type,
  enriched: true,
  nullable: true,
  optional: true,
})
const sent: FieldSpec = { name: 'pid', type: 'string', nullable: false, optional: false }
const sourceOf = (columns: readonly FieldSpec[], unknown: 'null' | 'refuse' = 'null'): SourceSpec => ({
  ...ACTIVITY,
  fields: [...ACTIVITY.fields, sent, ...columns],
  enrich: [
    { table: 'products', on: ['pid'], columns: columns.map(({ name }) => ({ column: name, as: name })), unknown },
  ],
})
const CATEGORY = enriched('section', 'string')
const PRICE = enriched('cost', 'decimal(2)')
const STOCK = enriched('left', 'int64')

const statsView: ViewSpec = {
  ...lifetimeView,
  name: 'stats',
  features: [
    { name: 'spent', aggregate: 'sum', field: 'cost', window: { kind: 'lifetime' } },
    { name: 'last', aggregate: 'latest', field: 'section', window: { kind: 'lifetime' } },
    { name: 'stock', aggregate: 'max', field: 'left', window: { kind: 'sliding', widthMs: 3_600_000, delayMs: 0 } },
  ],
}
const planOf = (columns: readonly FieldSpec[], unknown?: 'null' | 'refuse') =>
  new Plan(definitionsOf([lifetimeView, statsView], sourceOf(columns, unknown)))

/** A row as its table has it at the moment: units of the cost's last digit, so that the oracle reads nothing. */
interface Row {
  readonly section: string | null
  readonly cost: bigint | null
  readonly left: bigint | null
}

interface Sent {
  readonly id: string
  readonly uid: string
  readonly pid: string
  readonly at: number
}

const columnText: Readonly<Record<string, (row: Row) => string>> = {
  section: (row) => JSON.stringify(row.section),
  cost: ({ cost }) => (cost === null ? 'null' : `"${cost / 100n}.${String(cost % 100n).padStart(2, '0')}"`),
  left: ({ left }) => String(left),
}

/** A message as the door makes it: each row once, and for each event its place. */
function stamped(
  plan: Plan,
  events: readonly Sent[],
  table: ReadonlyMap<string, Row>,
  columns: readonly FieldSpec[],
): ApplyMessage {
  const known = [...new Set(events.map(({ pid }) => pid))].filter((pid) => table.has(pid))
  const rows = known.map((pid, i) => {
    const row = table.get(pid) as Row
    return `[${[`"0/0/${i}"`, ...columns.map(({ name }) => columnText[name]?.(row))].join()}]`
  })
  const texts = events.map(({ id, uid, pid, at }) => eventText({ ...plainEvent(id, uid, at), fields: { pid } }))
  const of = events.map(({ pid }) => (known.includes(pid) ? known.indexOf(pid) : '')).join()
  return { ...message(plan, texts, NOW), stamps: { rows: `[${rows.join()}]`, of } }
}

interface Accepted extends Sent {
  readonly seq: number
  readonly row: Row | undefined
}

function randomRow(r: Random): Row {
  return {
    section: r.pick([null, 'books', 'toys', '"\\,']),
    cost: r.pick([null, 0n, 1n, 1250n, 9007199254740993n]),
    left: r.pick([null, 5n, 9007199254740993n]),
  }
}

/** The canonical bytes of what was accepted, each event with the row that was logged with it, in any order. */
function expected(r: Random, plan: Plan, accepted: readonly Accepted[]): [string, Uint8Array][] {
  const views = plan.entities.get('user')?.plan ?? []
  const states = new Map<string, EntityState>()
  for (const { uid, at, seq, row } of shuffled(r, [...accepted])) {
    const state = states.get(uid) ?? new EntityState(views)
    states.set(uid, state)
    state.raiseMark(at, NOW)
    views.forEach((view, i) => {
      const values = view.fields.map(({ name }): Value => row?.[name as keyof Row] ?? null)
      state.apply(i, at, state.commit(PART, seq), seq, values)
    })
  }
  return [...states]
    .map(([key, state]): [string, Uint8Array] => [key, stateBytes(state)])
    .sort(([a], [b]) => (a < b ? -1 : 1))
}

test('given the rows that were logged, the state is the oracle’s: through crashes, retries and changes of the table', () => {
  const columns = [CATEGORY, PRICE, STOCK]
  const plan = planOf(columns)
  let crashes = 0
  let retriedWithAnother = 0
  forSeeds(200, (r) => {
    const storage = new CrashingStorage()
    const open = () => openShard({ plan, storage, now: () => NOW, memoryBytes: r.pick([0, 4_000, 1_000_000]) })
    let shard = open()
    const table = new Map<string, Row>([['p1', randomRow(r)]])
    const accepted = new Map<string, Accepted>()
    const all: Sent[] = Array.from({ length: r.pick([5, 40, 150]) }, (_, i) => ({
      id: `e${i}`,
      uid: r.pick(['ann', 'bob']),
      pid: r.pick(PRODUCTS),
      at: NOW - r.int(0, 7_200_000),
    }))
    for (let at = 0; at < all.length; ) {
      if (r.chance(0.5)) table.set(r.pick(['p1', 'p2', 'p3']), randomRow(r))
      if (r.chance(0.1)) table.delete(r.pick(['p1', 'p2', 'p3']))
      const fresh = all.slice(at, at + r.int(1, 20))
      const batch = shuffled(r, [...fresh, ...(r.chance(0.4) ? [r.pick(all.slice(0, at + 1))] : [])])
      storage.next = r.chance(0.2) ? r.pick(['lose', 'keep'] as const) : null
      const lost = storage.next === 'lose'
      let verdicts: string | undefined
      try {
        verdicts = apply(shard, stamped(plan, batch, table, columns)).verdicts
      } catch (cause) {
        if (!(cause instanceof Crash)) throw cause
        crashes++
        shard = open()
      }
      if (lost) continue
      const want = batch.map((event) => {
        const known = accepted.get(event.id)
        if (known) {
          if (known.row !== table.get(event.pid)) retriedWithAnother++
          return 'd'
        }
        accepted.set(event.id, { ...event, seq: accepted.size + 1, row: table.get(event.pid) })
        return 'a'
      })
      if (verdicts === undefined) continue
      expect(verdicts).toBe(want.join(''))
      at += fresh.length
    }
    shard = open()
    expect(shard.stats).toMatchObject({ seq: accepted.size, unreadable: 0 })
    expect(shard.canonical()).toEqual(expected(r, plan, [...accepted.values()]))
  })
  expect(crashes).toBeGreaterThan(200)
  expect(retriedWithAnother).toBeGreaterThan(200)
})

const all = ['ann', 'bob']
const send = (shard: Shard, plan: Plan, from: number, columns: readonly FieldSpec[], row: Row) =>
  apply(
    shard,
    stamped(
      plan,
      all.map((uid, i) => ({ id: `e${from + i}`, uid, pid: 'p1', at: NOW - 1_000 + from })),
      new Map([['p1', row]]),
      columns,
    ),
  ).verdicts

test.each([0, 1_000_000])(
  'after a deploy that takes other columns, rows are read as they were logged (%i bytes)',
  (memoryBytes) => {
    const storage = new MemoryStorage()
    const first = planOf([CATEGORY, PRICE, STOCK])
    const open = (plan: Plan) => openShard({ plan, storage, memoryBytes, now: () => NOW })
    expect(send(open(first), first, 0, [CATEGORY, PRICE, STOCK], { section: 'books', cost: 150n, left: 3n })).toBe('aa')

    // The columns stand in another order: what is logged names neither.
    const second = planOf([PRICE, CATEGORY, STOCK])
    let shard = open(second)
    expect(shard.stats).toMatchObject({ seq: 2, unreadable: 0 })
    expect(readValues(shard, second, 'stats.last', all, NOW)).toEqual(['books', 'books'])
    expect(readValues(shard, second, 'stats.spent', all, NOW)).toEqual(['1.50', '1.50'])
    expect(send(shard, second, 10, [PRICE, CATEGORY, STOCK], { section: 'toys', cost: 50n, left: null })).toBe('aa')

    // A row that must be known now was not then: what was accepted stays.
    const third = planOf([CATEGORY, PRICE, STOCK], 'refuse')
    shard = open(third)
    expect(readValues(shard, third, 'stats.last', all, NOW)).toEqual(['toys', 'toys'])
    expect(readValues(shard, third, 'stats.spent', all, NOW)).toEqual(['2.00', '2.00'])
    // Retries are known by what was sent, whatever it was enriched with.
    expect(send(shard, third, 0, [CATEGORY, PRICE, STOCK], { section: null, cost: null, left: null })).toBe('dd')
    expect(
      apply(shard, stamped(third, [{ id: 'n', uid: 'ann', pid: 'p7', at: NOW }], new Map(), [CATEGORY])).refused,
    ).toMatchObject([{ index: 0, reason: 'unknown_row' }])
  },
)

test('rows that were logged for one enrichment are not read as those of two', () => {
  const storage = new MemoryStorage()
  const first = planOf([CATEGORY, PRICE, STOCK])
  const open = (plan: Plan) => openShard({ plan, storage, now: () => NOW })
  send(open(first), first, 0, [CATEGORY, PRICE, STOCK], { section: 'books', cost: 150n, left: 3n })
  // The same fields in the same order, from two tables.
  const source = sourceOf([CATEGORY, PRICE, STOCK])
  const [one] = source.enrich as readonly [EnrichSpec]
  const enrich = [
    { ...one, columns: one.columns.slice(0, 1) },
    { ...one, table: 'prices', columns: one.columns.slice(1) },
  ]
  const second = new Plan(definitionsOf([lifetimeView, statsView], { ...source, enrich }))
  const shard = open(second)
  expect(readValues(shard, second, 'stats.last', all, NOW)).toEqual(['books', 'books'])
  expect(readValues(shard, second, 'stats.spent', all, NOW)).toEqual(['1.50', '1.50'])
})

test('events of a door that asked no table are not taken as if the table had nothing', () => {
  const plan = planOf([CATEGORY, PRICE, STOCK])
  const shard = openShard({ plan, storage: new MemoryStorage(), now: () => NOW })
  const { stamps: _, ...bare } = stamped(plan, [{ id: 'e', uid: 'ann', pid: 'p1', at: NOW }], new Map(), [])
  expect(shard.apply(bare)).toMatchObject({ unavailable: 'unknown_version' })
  // Asked whether it is well, it is.
  expect(shard.apply({ ...bare, events: '[]', fanout: '' })).toMatchObject({ verdicts: '' })
})
