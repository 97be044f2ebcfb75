import { expect, test } from 'vitest'
import type { FeatureSpec, SourceSpec, ViewSpec } from '../../src/engine/index.ts'
import { Plan } from '../../src/plan/index.ts'
import { MESSAGE_VERSION, MemoryStorage, type Shard } from '../../src/shard/index.ts'
import {
  ACTIVITY,
  apply,
  definitionsOf,
  eventText,
  lifetimeView,
  message,
  openShard,
  plainEvent,
} from '../support/shards.ts'

/** A deploy changes definitions under a shard that has pages, a tail of raw rows and journal rows not yet in any page. */

const NOW = Date.UTC(2026, 0, 1)
const DAY_MS = 86_400_000
const day = { kind: 'sliding', widthMs: DAY_MS, delayMs: 0 } as const

const view = (features: readonly FeatureSpec[], more: Partial<ViewSpec> = {}): ViewSpec => {
  const { since, ...rest } = lifetimeView
  return { ...rest, name: 'stats', features, ...more }
}
const planOf = (views: readonly ViewSpec[], source?: SourceSpec) =>
  new Plan(definitionsOf([lifetimeView, ...views], source))
/** With no memory every batch's pages are saved: then a deploy finds states; else it finds the journal. */
const open = (plan: Plan, storage: MemoryStorage, memoryBytes = 0, nowMs = NOW) =>
  openShard({ plan, storage, memoryBytes, now: () => nowMs })
const MEMORY = [0, 1_000_000]

function send(shard: Shard, plan: Plan, from: number, count: number, fields: object = {}): string {
  const texts = Array.from({ length: count }, (_, i) => {
    const event = plainEvent(`e${from + i}`, 'u', NOW - 100_000 + from + i)
    return eventText({ ...event, fields: { ...fields } })
  })
  return apply(shard, message(plan, texts, NOW)).verdicts
}

function read(shard: Shard, plan: Plan, run: string, t = NOW): { value: unknown; status: string; exact: string } {
  const answer = shard.read({ version: MESSAGE_VERSION, plan: plan.hash, t, keys: ['u'], run })
  const row = 'rows' in answer ? answer.rows[0] : undefined
  if (row === undefined) throw new Error(JSON.stringify(answer))
  return { value: JSON.parse(row.values), status: row.statuses, exact: row.exact }
}

const required = { name: 'country', type: 'string', nullable: false, optional: false } as const

test.each(MEMORY)('what was accepted stays accepted under a contract that would refuse it (%i bytes)', (memory) => {
  const storage = new MemoryStorage()
  const before = planOf([])
  send(open(before, storage, memory), before, 0, 5)
  const after = planOf([], { ...ACTIVITY, fields: [...ACTIVITY.fields, required] })
  const shard = open(after, storage)
  expect(read(shard, after, 'ever.count')).toMatchObject({ value: 5, status: 'p' })
  expect(shard.stats).toMatchObject({ seq: 5, unreadable: 0 })
  expect(send(shard, after, 5, 1)).toBe('r')
  expect(send(shard, after, 5, 1, { country: 'FR' })).toBe('a')
})

test.each(MEMORY)(
  'an event sent again after the contract gained a field is a duplicate, not a conflict (%i)',
  (memory) => {
    const storage = new MemoryStorage()
    const before = planOf([])
    send(open(before, storage, memory), before, 0, 3)
    const optional = { ...required, nullable: true, optional: true }
    const after = planOf([], { ...ACTIVITY, fields: [optional, ...ACTIVITY.fields] })
    expect(send(open(after, storage), after, 0, 3)).toBe('ddd')
  },
)

test('a field of another type under the same name starts anew: no value of the old type, no shard that cannot write', () => {
  const feature = { name: 'most', aggregate: 'max', field: 'amount', window: day }
  for (const [memory, type] of [
    [0, 'string'],
    [0, 'int64'],
    [0, 'int'],
    [1_000_000, 'string'],
    [1_000_000, 'int64'],
  ] as const) {
    const storage = new MemoryStorage()
    const before = planOf([view([feature])])
    let shard = open(before, storage, memory)
    send(shard, before, 0, 300, { amount: 1.5 })
    expect(read(shard, before, 'stats.most').value).toBe(1.5)
    const fields = ACTIVITY.fields.map((field) => (field.name === 'amount' ? { ...field, type } : field))
    const after = planOf([view([feature])], { ...ACTIVITY, fields })
    shard = open(after, storage, memory)
    expect(read(shard, after, 'stats.most')).toMatchObject({ value: null, status: 's' })
    expect(send(shard, after, 300, 300, { amount: type === 'string' ? 'x' : 7 })).toBe('a'.repeat(300))
    expect(read(open(after, storage), after, 'stats.most')).toMatchObject({
      value: type === 'string' ? 'x' : 7,
      status: 's',
    })
    expect(read(open(after, storage), after, 'ever.count').value).toBe(600)
  }
})

test('a feature that goes and comes back is partial: it has missed what came between', () => {
  const feature = { name: 'n', aggregate: 'count', where: { op: 'isNull', field: 'amount' }, window: day } as const
  const storage = new MemoryStorage()
  const other = { name: 'all', aggregate: 'count', window: day }
  const withIt = planOf([view([feature, other])])
  const without = planOf([view([other])])
  send(open(withIt, storage, 0, NOW - 3 * DAY_MS), withIt, 0, 10)
  send(open(without, storage, 0, NOW - 3_600_000), without, 10, 200)
  const shard = open(withIt, storage)
  expect(read(shard, withIt, 'stats.n').status).toBe('s')
  expect(read(shard, withIt, 'stats.all')).toMatchObject({ value: 210, status: 'p' })
})

test('a shorter lateness never counts an event at or after t, and says so where it counts too few', () => {
  const count = { name: 'n', aggregate: 'count', window: { kind: 'lifetime' } } as const
  const storage = new MemoryStorage()
  const before = planOf([view([count], { allowedLatenessMs: DAY_MS })])
  const texts = Array.from({ length: 1_000 }, (_, i) =>
    eventText(plainEvent(`e${i}`, 'u', NOW - 1_000_000 + i * 1_000)),
  )
  const shard = open(before, storage)
  for (let i = 0; i < texts.length; i += 100) apply(shard, message(before, texts.slice(i, i + 100), NOW))
  read(shard, before, 'stats.n')
  const after = planOf([view([count], { allowedLatenessMs: 1_200_000 })])
  const reopened = open(after, storage)
  for (const truth of [650, 500, 300]) {
    const { value, exact } = read(reopened, after, 'stats.n', NOW - 1_000_000 + truth * 1_000)
    expect(value).toBeLessThanOrEqual(truth)
    if (value !== truth) expect(exact).toBe('0')
  }
})
