import { expect, test } from 'vitest'
import type { ExpectationSpec, FieldSpec, SourceSpec } from '../../src/engine/index.ts'
import { Plan } from '../../src/plan/index.ts'
import { MemoryStorage, type Shard } from '../../src/shard/index.ts'
import { Crash, CrashingStorage } from '../support/crashing-storage.ts'
import { forSeeds } from '../support/random.ts'
import { ACTIVITY, apply, definitionsOf, lifetimeView, message, openShard } from '../support/shards.ts'

const NOW = Date.UTC(2026, 0, 1)
const HOUR_MS = 3_600_000

const optional = { nullable: true, optional: true }
const CLICKS: SourceSpec = {
  ...ACTIVITY,
  fields: [
    ...(ACTIVITY.fields.slice(0, 4) as FieldSpec[]),
    { name: 'n', type: 'int', ...optional },
    { name: 'c', type: 'string', ...optional },
  ],
}
const over = { overMs: HOUR_MS }
const EXPECT: readonly ExpectationSpec[] = [
  { kind: 'range', field: 'n', min: 0, max: 10, action: 'count', ...over },
  { kind: 'range', field: 'n', max: 100, action: 'refuse', ...over },
  { kind: 'oneOf', field: 'c', values: ['a', 'b'], action: 'count', ...over },
  { kind: 'nulls', field: 'c', atMost: 0.2, action: 'count', ...over },
  { kind: 'volume', atLeast: 5, perMs: HOUR_MS },
  { kind: 'fresh', maxAgeMs: 60_000 },
]
const planOf = (expected: readonly ExpectationSpec[] = EXPECT) =>
  new Plan(definitionsOf([lifetimeView], { ...CLICKS, expect: expected }))

interface Sent {
  readonly id: string
  readonly at: number
  readonly n: number | null
  readonly c: string | null
}
const text = (event: Sent) => JSON.stringify({ ...event, uid: 'u', friend: 'u' })
const counts = (shard: Shard) => shard.expectations('activity')

/** What the expectations say of an event, one after the other: true where it fails. */
const failsOf = ({ n, c }: Sent) => [
  n !== null && (n < 0 || n > 10),
  n !== null && n > 100,
  c !== null && c !== 'a' && c !== 'b',
  c === null,
]

test('counts equal the oracle’s through crashes, retries and restarts, and refused is exactly what should be', () => {
  const plan = planOf()
  let crashes = 0
  forSeeds(150, (r) => {
    const storage = new CrashingStorage()
    let clock = NOW
    const open = () => openShard({ plan, storage, now: () => clock, memoryBytes: r.pick([0, 1_000_000]) })
    let shard = open()
    const accepted = new Map<string, Sent>()
    const seen = EXPECT.map(() => 0)
    const failed = EXPECT.map(() => 0)
    const sample: (string | null)[] = EXPECT.map(() => null)
    for (let batch = 0; batch < 30; batch++) {
      clock += r.pick([0, 1_000, HOUR_MS])
      const events = Array.from({ length: r.int(1, 12) }, (): Sent => {
        if (accepted.size > 0 && r.chance(0.2)) return r.pick([...accepted.values()])
        const n = r.pick([null, -1, 0, 5, 10, 11, 100, 101])
        return { id: `${batch}-${r.int(0, 1e9)}`, at: NOW - r.int(0, 1e6), n, c: r.pick([null, 'a', 'b', 'x', 'y']) }
      })
      storage.next = r.chance(0.2) ? r.pick(['lose', 'keep'] as const) : null
      const isLost = storage.next === 'lose'
      let verdicts: string | undefined
      try {
        verdicts = apply(shard, message(plan, events.map(text), clock)).verdicts
      } catch (cause) {
        if (!(cause instanceof Crash)) throw cause
        crashes++
        shard = open()
      }
      if (isLost) continue
      const want = events.map((event) => {
        if (accepted.has(event.id)) return 'd'
        const fails = failsOf(event)
        fails.forEach((isFailed, i) => {
          seen[i] = (seen[i] as number) + 1
          if (!isFailed) return
          failed[i] = (failed[i] as number) + 1
          sample[i] = i < 2 ? String(event.n) : event.c === null ? 'null' : JSON.stringify(event.c)
        })
        if (fails[1]) return 'r'
        accepted.set(event.id, event)
        return 'a'
      })
      if (verdicts !== undefined) expect(verdicts).toBe(want.join(''))
      if (r.chance(0.1)) shard = open()
    }
    shard = open()
    expect(shard.stats.seq).toBe(accepted.size)
    const found = counts(shard)
    const newestMs = accepted.size === 0 ? null : Math.max(...[...accepted.values()].map(({ at }) => at))
    for (const i of [4, 5]) seen[i] = accepted.size
    expect(found.map((one) => [one.seen, one.failed, one.sample])).toEqual(
      EXPECT.map((_, i) => [seen[i], failed[i], sample[i]]),
    )
    for (const one of found) expect(one.newestMs).toBe(newestMs)
  })
  expect(crashes).toBeGreaterThan(200)
})

test('a batch of which nothing is new, and a source of which nothing is expected, writes no more than before', () => {
  class CountingStorage extends MemoryStorage {
    readonly bodies: string[] = []
    override writeJournal(slot: number, body: string): void {
      this.bodies.push(body)
      super.writeJournal(slot, body)
    }
  }
  const event: Sent = { id: 'e', at: NOW, n: 1, c: 'a' }
  const bodies = [planOf(), new Plan(definitionsOf([lifetimeView], CLICKS))].map((plan) => {
    const storage = new CountingStorage()
    const shard = openShard({ plan, storage, now: () => NOW })
    apply(shard, message(plan, [text(event)], NOW))
    apply(shard, message(plan, [text(event), '{"id":7}'], NOW))
    return storage.bodies
  })
  expect(bodies.map((journal) => journal.length)).toEqual([1, 1])
  expect(bodies[0]?.[0]).toContain('"quality"')
  expect(bodies[1]?.[0]).not.toContain('quality')
})

test('a changed expectation begins anew, one that only changes its action goes on, one that is gone leaves no trace', () => {
  const storage = new MemoryStorage()
  const [first, ...others] = EXPECT as readonly [ExpectationSpec, ...ExpectationSpec[]]
  const open = (expected: readonly ExpectationSpec[]) => {
    const plan = planOf(expected)
    return { plan, shard: openShard({ plan, storage, now: () => NOW }) }
  }
  const one = open(EXPECT)
  apply(one.shard, message(one.plan, [text({ id: 'e1', at: NOW, n: 11, c: 'x' })], NOW))
  expect(counts(one.shard).map(({ seen, failed }) => [seen, failed])).toEqual([
    [1, 1],
    [1, 0],
    [1, 1],
    [1, 0],
    [1, 0],
    [1, 0],
  ])

  const two = open([
    { ...first, min: 1 } as ExpectationSpec,
    ...others.map((spec) => ('action' in spec ? { ...spec, action: 'refuse' as const } : spec)),
  ])
  expect(counts(two.shard).map(({ seen }) => seen)).toEqual([0, 1, 1, 1, 1, 1])
  expect(apply(two.shard, message(two.plan, [text({ id: 'e2', at: NOW, n: 1, c: 'x' })], NOW)).refused).toMatchObject([
    { reason: 'expectation', field: 'c' },
  ])
  expect(counts(two.shard)[2]).toMatchObject({ seen: 2, failed: 2 })

  // What was accepted is not judged again, whatever is expected of it now.
  expect(counts(open([]).shard)).toEqual([])
  const strict = open([{ kind: 'oneOf', field: 'c', values: ['z'], action: 'refuse', ...over }])
  expect(strict.shard.stats).toMatchObject({ seq: 1, unreadable: 0 })
})

const NULLS: ExpectationSpec = { kind: 'nulls', field: 'c', atMost: 0.1, action: 'refuse', ...over }
const someNulls = (from: number, count: number, nulls: number) =>
  Array.from({ length: count }, (_, i) => text({ id: `n${from + i}`, at: NOW, n: 1, c: i < nulls ? null : 'a' }))

test('nulls are refused where they are too many of a batch of at least 100, and never of a replay', () => {
  const plan = planOf([NULLS])
  const shard = openShard({ plan, storage: new MemoryStorage(), now: () => NOW })
  const send = (texts: readonly string[], more: object = {}) => apply(shard, { ...message(plan, texts, NOW), ...more })
  expect(send(someNulls(0, 99, 99)).refused).toEqual([])
  expect(send(someNulls(1_000, 100, 10)).refused).toEqual([])
  const broken = send(someNulls(2_000, 100, 11))
  expect(broken.verdicts).toBe(`${'r'.repeat(11)}${'a'.repeat(89)}`)
  expect(broken.refused[0]).toEqual({
    index: 0,
    reason: 'expectation',
    field: 'c',
    message:
      '"c" is null, as in more than 10 % of its batch: send it right, or replay these letters, which are taken as they are.',
  })
  expect(counts(shard)).toMatchObject([{ seen: 299, failed: 120 }])
  // Sent again as it was, it is what it was.
  expect(send(someNulls(2_000, 100, 11)).verdicts).toBe(`${'r'.repeat(11)}${'d'.repeat(89)}`)
  const replays = Array.from({ length: 100 }, (_, i) => `letter${i}`)
  expect(send(someNulls(3_000, 100, 100), { replays }).refused).toEqual([])
})

test('an event that goes to several shards is not refused for a share, for another of them may take it', () => {
  const plan = planOf([NULLS])
  const shard = openShard({ plan, storage: new MemoryStorage(), now: () => NOW })
  const batch = message(plan, someNulls(0, 100, 100), NOW)
  expect(apply(shard, { ...batch, fanout: `${'2'.repeat(60)}${'1'.repeat(40)}` }).verdicts).toBe(
    `${'a'.repeat(60)}${'r'.repeat(40)}`,
  )
})
