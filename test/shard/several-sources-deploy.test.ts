import { expect, test } from 'vitest'
import * as z from 'zod'
import * as t from '../../src/define/index.ts'
import { Plan } from '../../src/plan/index.ts'
import { MESSAGE_VERSION, MemoryStorage, Shard } from '../../src/shard/index.ts'

// What a deploy that changes a join or a union makes of what is stored.

const NOW = Date.UTC(2026, 0, 10)
const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000

const user = t.entity('user', { user_id: z.string() })
const sourceOf = (name: string) =>
  t.streamSource(name, {
    event: z.object({ id: z.int(), uid: z.string(), item: z.int(), amount: z.int(), at: t.epochMs() }),
    id: 'id',
    time: 'at',
    from: [t.webhook()],
  })
const shown = sourceOf('shown')
const clicked = sourceOf('clicked')
const bought = sourceOf('bought')

const planOf = (...views: Parameters<typeof t.definitions>[0]['views'] & object) =>
  new Plan(t.definitions({ services: [], views }).spec)

const joined = (options: { within?: '10m' | '20m'; exactRows?: number; isWider?: boolean; maxPairs?: number }) => {
  const { within = '10m', exactRows = 500, isWider = false, maxPairs = 1_000 } = options
  const source = t.intervalJoin('j', shown, clicked, { on: 'item', within, maxPairs })
  return t.featureView('joined', { entity: user, source, key: { user_id: 'uid' }, exactRows }, (e) => ({
    matched: t.count().where(e.matched.eq(true)).over('6h'),
    ...(isWider && { amount: t.sum(e.right.amount).over('12h') }),
  }))
}

const united = (source: Parameters<typeof t.union>[0]) =>
  t.featureView('united', { entity: user, source: t.union(source), key: { user_id: 'uid' } as never }, (e) => ({
    n: t.count().where(e.$source.eq('shown')).over('6h'),
  }))

function open(plan: Plan, storage: MemoryStorage, now: number): Shard {
  const entity = plan.entities.get('user')
  if (entity === undefined) throw new Error('no entity user')
  // Nothing stays in memory: what is read was stored.
  return new Shard({
    plan,
    entity,
    part: { region: 1, epoch: 0, shard: 0 },
    shards: 1,
    storage,
    now: () => now,
    memoryBytes: 0,
  })
}

/** Three hours of pairs, a minute each, ending before `NOW`. */
function send(shard: Shard, plan: Plan): void {
  for (const source of ['clicked', 'shown']) {
    for (let from = 0; from < 180; from += 20) {
      const events = Array.from({ length: 20 }, (_, i) => {
        const item = from + i
        const at = NOW - 3 * HOUR_MS + item * 60_000 + (source === 'clicked' ? 5_000 : 0)
        return { id: item, uid: 'u', item, amount: 2, at }
      })
      const message = { version: MESSAGE_VERSION, plan: plan.hash, source, arrivalMs: NOW, fanout: '1'.repeat(20) }
      shard.apply({ ...message, events: JSON.stringify(events) })
    }
  }
}

function read(shard: Shard, plan: Plan, run: string): { value: unknown; status: string | undefined } {
  const answer = shard.read({ version: MESSAGE_VERSION, plan: plan.hash, t: NOW, keys: ['u'], run })
  const row = 'rows' in answer ? answer.rows[0] : undefined
  if (row === undefined) throw new Error(JSON.stringify(answer))
  return { value: JSON.parse(row.values), status: row.statuses }
}

/** Stores by one plan, long ago, and opens by another now. */
function deploy(before: Plan, after: Plan): Shard {
  const storage = new MemoryStorage()
  open(before, storage, NOW - 3 * DAY_MS)
  send(open(before, storage, NOW), before)
  return open(after, storage, NOW)
}

test('a feature more over a join leaves the others as they were, and is partial itself', () => {
  const after = planOf(joined({ isWider: true }))
  const shard = deploy(planOf(joined({})), after)
  expect(read(shard, after, 'joined.matched')).toEqual({ value: 180, status: 'p' })
  expect(read(shard, after, 'joined.amount').status).toBe('s')
})

test('more rows or more pairs are the same join', () => {
  const after = planOf(joined({ exactRows: 800, maxPairs: 5_000 }))
  expect(read(deploy(planOf(joined({})), after), after, 'joined.matched')).toEqual({ value: 180, status: 'p' })
})

test('with fewer rows, or fewer pairs, than a window needs it is an error', () => {
  for (const fewer of [{ exactRows: 100 }, { maxPairs: 100 }]) {
    const after = planOf(joined(fewer))
    expect(read(deploy(planOf(joined({})), after), after, 'joined.matched')).toEqual({ value: null, status: 'x' })
  }
})

test('another interval is another join, and a union with another source another union: they start anew', () => {
  const later = planOf(joined({ within: '20m' }))
  expect(read(deploy(planOf(joined({})), later), later, 'joined.matched')).toEqual({ value: 0, status: 's' })
  const three = planOf(united({ shown, clicked, bought }))
  expect(read(deploy(planOf(united({ shown, clicked })), three), three, 'united.n')).toEqual({ value: 0, status: 's' })
})
