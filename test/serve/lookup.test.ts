import { expect, test } from 'vitest'
import * as z from 'zod'
import { isRefusal } from '../../src/contract/index.ts'
import {
  count,
  definitions,
  entity,
  featureService,
  featureView,
  int64,
  latest,
  lifetime,
  streamSource,
  sum,
  webhook,
} from '../../src/define/index.ts'
import { Plan } from '../../src/plan/index.ts'
import {
  alone,
  type LookupRow,
  lookup,
  lookupProblem,
  MAX_ROWS,
  parseFeaturesRequest,
  typedRows,
  wireText,
} from '../../src/serve/index.ts'
import { deliver, Router, requestBatch } from '../../src/source/index.ts'
import { memoryDirectory } from '../support/directory.ts'
import { type Random, random } from '../support/random.ts'

const NOW = Date.UTC(2026, 0, 1)
const user = entity('user', { user_id: z.string() })
const shop = entity('shop', { shop_id: int64() })
const sales = streamSource('sales', {
  event: z.object({
    id: z.string(),
    user: z.string(),
    shop: int64(),
    amount: z.number(),
    cents: int64(),
    note: z.string(),
    at: z.iso.datetime({ offset: true }),
  }),
  id: 'id',
  time: 'at',
  from: [webhook()],
})
const byUser = featureView(
  'by_user',
  { entity: user, source: sales, key: { user_id: 'user' }, since: 'beginning' },
  (e) => ({
    n: count().over('1h'),
    cents: sum(e.cents).over(lifetime()),
    amount: latest(e.amount),
  }),
)
const byShop = featureView('by_shop', { entity: shop, source: sales, key: { shop_id: 'shop' } }, (e) => ({
  sales: count().over('1h'),
  note: latest(e.note),
  big: latest(e.cents),
}))
// Entities take turns: three runs.
const mixed = featureService('mixed', [byUser.n, byUser.amount, byShop.sales, byShop.note, byUser.cents, byShop.big])
const plan = new Plan(definitions({ services: [mixed], views: [byUser, byShop] }).spec)

const NOTES = ['plain', '', 'a,b', '"],"x', '\\', '😀\u2028', '[1,2]', 'null']
const CENTS = [0n, -1n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n), 7n]
const AMOUNTS = [-0, 0, 0.1, 5e-324, 1e308, -1e21, 1e16, 12.5]
const raw = (text: string): unknown => (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(text)

/** A store with some sales, and what was sold last. */
async function filled(r: Random, shards: number) {
  const directory = memoryDirectory(plan, shards, () => NOW)
  const source = plan.sources.get('sales')
  if (source === undefined) throw new Error('no source')
  const events = Array.from({ length: r.int(1, 30) }, (_, i) => {
    const at = new Date(NOW - r.int(1, 7_200_000)).toISOString()
    const picked = { amount: r.pick(AMOUNTS), cents: r.pick(CENTS), note: r.pick(NOTES) }
    return { id: `e${i}`, user: `u${r.int(0, 4)}`, shop: BigInt(r.int(0, 2)) + 2n ** 60n, at, ...picked }
  })
  const text = JSON.stringify(events, (_key, value: unknown) => {
    if (typeof value === 'bigint') return raw(String(value))
    return Object.is(value, -0) ? raw('-0') : value
  })
  const router = new Router(plan.hash, source, () => shards)
  const batch = requestBatch(text, NOW)
  if (isRefusal(batch)) throw new Error(batch.message)
  const receipt = await deliver({ router, directory, source: 'sales', keep: async () => {} }, batch)
  if (isRefusal(receipt) || 'unavailable' in receipt) throw new Error(receipt.message)
  expect(receipt.accepted).toBe(events.length)
  return { directory, commits: receipt.commits, events }
}

function request(body: object) {
  const made = parseFeaturesRequest(plan, { service: 'mixed', ...body }, NOW)
  if ('status' in made) throw new Error(made.detail)
  return made
}

const rowsOf = (found: Awaited<ReturnType<typeof lookup>>): readonly LookupRow[] => {
  if ('failure' in found) throw new Error(lookupProblem(found).detail)
  return found
}

const anyRow = (r: Random) => ({ user_id: `u${r.int(0, 6)}`, shop_id: String(BigInt(r.int(0, 3)) + 2n ** 60n) })

/** Numbers as they were written, so that no digit and no sign is lost in the comparison. */
const exactly = (text: string) =>
  (
    JSON.parse as (
      text: string,
      reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
    ) => unknown
  )(text, (_key, value, { source }) => (typeof value === 'number' ? `number ${source}` : value)) as {
    features: string[]
    rows: { values: unknown[]; status: string[]; exact: boolean[]; commits: string[] }[]
  }

const asWritten = (value: unknown): unknown => {
  if (typeof value === 'bigint') return `number ${value}`
  return typeof value === 'number' ? `number ${Object.is(value, -0) ? '-0' : value}` : value
}

test('the wire and typed objects say the same, to the last digit, for entities that take turns in the vector', async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const r = random(seed)
    const { directory } = await filled(r, r.pick([1, 4]))
    const entities = Array.from({ length: r.int(1, 20) }, () => anyRow(r))
    const made = request({ entities })
    const rows = rowsOf(await lookup(plan, alone(directory), made))
    const wire = exactly(wireText(made.vector, made.t, rows))
    const typed = typedRows(made.vector, rows, true)
    expect(wire.features).toEqual(plan.service('mixed')?.features.map(({ name }) => name))
    wire.rows.forEach((row, i) => {
      expect(Object.values(typed[i]?.features ?? {}).map(asWritten), `seed ${seed}`).toEqual(row.values)
      expect(Object.values(typed[i]?.metadata?.status ?? {})).toEqual(row.status)
      expect(Object.values(typed[i]?.metadata?.exact ?? {})).toEqual(row.exact)
      expect(typed[i]?.metadata?.commits).toEqual(row.commits)
    })
    // Each run alone gives the same values as the vector they take turns in.
    for (const [at, name] of wire.features.entries()) {
      const single = parseFeaturesRequest(plan, { features: [name], entities }, NOW)
      if ('status' in single) throw new Error(single.detail)
      const one = exactly(wireText(single.vector, NOW, rowsOf(await lookup(plan, alone(directory), single))))
      expect(one.rows.map(({ values }) => values[0])).toEqual(wire.rows.map(({ values }) => values[at]))
    }
  }
})

test('a key that is asked for many times is read once, and its rows come where they were asked', async () => {
  const { directory } = await filled(random(1), 1)
  const one = { user_id: 'u1', shop_id: '1152921504606846976' }
  const two = { user_id: 'u2', shop_id: '1152921504606846977' }
  const rows = rowsOf(await lookup(plan, alone(directory), request({ entities: [one, two, one, one, two] })))
  expect(rows[2]).toEqual(rows[0])
  expect(rows[4]).toEqual(rows[1])
  expect(rows[1]).not.toEqual(rows[0])
  // One call a run, each with two keys.
  expect(directory.reads.map(({ message }) => message.keys.length)).toEqual([2, 2, 2, 2])
})

test('1,000 rows are answered, 1,001 and 100,000 are not looked at', async () => {
  const { directory } = await filled(random(1), 4)
  const many = (n: number) =>
    request({ entities: Array.from({ length: n }, (_, i) => ({ user_id: `u${i}`, shop_id: i })) })
  expect(rowsOf(await lookup(plan, alone(directory), many(MAX_ROWS)))).toHaveLength(MAX_ROWS)
  directory.reads.length = 0
  for (const n of [MAX_ROWS + 1, 100_000]) {
    const found = await lookup(plan, alone(directory), many(n))
    expect(found).toEqual({ failure: 'too_many_rows', rows: n })
  }
  expect(directory.reads).toHaveLength(0)
})

test('a wrong key names its row, and nothing is read', async () => {
  const { directory } = await filled(random(1), 1)
  const good = { user_id: 'u1', shop_id: 5 }
  for (const [bad, reason] of [
    [{ user_id: 'u1' }, 'missing_key'],
    [{ user_id: 5, shop_id: 5 }, 'wrong_type'],
    [{ user_id: 'u1', shop_id: 1.5 }, 'wrong_type'],
    [{ user_id: 'u1', shop_id: '9223372036854775808' }, 'out_of_range'],
    [{ user_id: 'x'.repeat(513), shop_id: 5 }, 'too_large'],
    [{ user_id: '\ud800', shop_id: 5 }, 'ill_formed_string'],
    ['u1', 'not_object'],
    [null, 'not_object'],
  ] as const) {
    const found = await lookup(plan, alone(directory), request({ entities: [good, bad] }))
    expect(found).toMatchObject({ failure: 'bad_key', row: 1, why: { reason } })
  }
  expect(directory.reads).toHaveLength(0)
})

test('a read sees the commits that it names, and one not seen yet is said to be', async () => {
  const { directory, commits } = await filled(random(2), 1)
  const entities = [{ user_id: 'u1', shop_id: 5 }]
  expect(rowsOf(await lookup(plan, alone(directory), request({ entities, after: commits })))[0]?.commits).toEqual(
    expect.arrayContaining([...commits]),
  )
  const ahead = commits.map((commit) => commit.replace(/\d+$/, (seq) => String(Number(seq) + 1)))
  const found = await lookup(plan, alone(directory), request({ entities, after: ahead }))
  expect(found).toMatchObject({ failure: 'commit_not_seen' })
  expect(lookupProblem(found as never)).toMatchObject({ status: 503, retryAfter: 1 })
  // Of another epoch, region, entity or shard nothing is known here, and nothing is promised.
  const [commit = ''] = commits
  const others = [
    commit.replace('/3/', '/4/'),
    commit.replace(/^[^/]+/, 'elsewhere'),
    commit.replace(/\/[^/]+\//, '/nothing/'),
    commit.replace(/\/\d+\/\d+$/, '/99/1'),
  ]
  for (const other of others) {
    const refused = await lookup(plan, alone(directory), request({ entities, after: [other] }))
    expect(refused, other).toMatchObject({ failure: 'unknown_commit' })
    expect(lookupProblem(refused as never)).toMatchObject({ status: 400, code: 'bad_after' })
  }
})

test('a time before what is kept is at_too_old, with the row and the oldest time that can be read', async () => {
  const { directory, events } = await filled(random(3), 1)
  const [event] = events
  if (event === undefined) throw new Error('no event')
  const mark = Math.max(...events.filter(({ user }) => user === event.user).map(({ at }) => Date.parse(at)))
  const entities = [
    { user_id: 'nobody', shop_id: 5 },
    { user_id: event.user, shop_id: 5 },
  ]
  const oldestMs = mark - 300_000
  expect(rowsOf(await lookup(plan, alone(directory), request({ entities, at: oldestMs })))).toHaveLength(2)
  expect(await lookup(plan, alone(directory), request({ entities, at: oldestMs - 1 }))).toEqual({
    failure: 'at_too_old',
    row: 1,
    oldestMs,
  })
})

test('a shard that fails is a lookup that can be tried again, not a value', async () => {
  const { directory } = await filled(random(1), 1)
  const broken = {
    ...directory,
    shard: () => ({ read: () => Promise.reject(new Error('gone')), copies: () => Promise.reject(new Error('gone')) }),
  }
  const found = await lookup(plan, alone(broken), request({ entities: [{ user_id: 'u1', shop_id: 5 }] }))
  expect(found).toMatchObject({ failure: 'unavailable', message: expect.stringContaining('gone') })
})
