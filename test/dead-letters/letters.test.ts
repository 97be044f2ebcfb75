import { describe, expect, test } from 'vitest'
import {
  DEFAULT_LIMITS,
  type DeadLetter,
  deadLetter,
  type LetterLimits,
  Letters,
  PAYLOAD_UNITS,
} from '../../src/dead-letters/index.ts'
import { forSeeds } from '../support/random.ts'
import { MemorySql } from './sqlite.ts'

const T0 = Date.UTC(2026, 0, 1)
const open = (limits: Partial<LetterLimits> = {}, sql = new MemorySql()) =>
  new Letters(sql, 'clicks', { ...DEFAULT_LIMITS, ...limits })
const letter = (payload: string, change: Partial<DeadLetter> = {}): DeadLetter => ({
  ...deadLetter(
    { source: 'clicks', reason: 'wrong_type', field: 'n', message: 'no', arrivalMs: T0, by: 'door', fanout: 1 },
    payload,
  ),
  ...change,
})
const all = { limit: 1_000 }
const payloads = (letters: Letters, request = {}) =>
  letters.reader.list({ ...all, ...request }).letters.map(({ payload }) => payload)

describe('one letter or two', () => {
  test('events of equal text are one letter, unless their ids or their places in the source differ', () => {
    const letters = open()
    letters.add([letter('x'), letter('x'), letter('y')], T0)
    expect(payloads(letters)).toEqual(['y', 'x'])
    letters.add([letter('x', { id: 'msg_1:0' }), letter('x', { id: 'msg_2:0' }), letter('x', { id: 'msg_1:0' })], T0)
    expect(payloads(letters)).toEqual(['x', 'x', 'y', 'x'])
    letters.add([letter('x', { position: 'c/1/0/7' }), letter('z', { position: 'c/1/0/7' })], T0)
    expect(letters.reader.list(all)).toMatchObject({
      count: 5,
      letters: [{ position: 'c/1/0/7', times: 2 }, {}, {}, {}, {}],
    })
  })

  test('an event that went to several shards is a letter when all refused it, a conflict at once', () => {
    const letters = open()
    const from = (by: string, change = {}) => letter('x', { by, fanout: 3, ...change })
    letters.add([from('a'), from('b'), from('a')], T0)
    expect(letters.reader.list(all)).toMatchObject({ count: 0, letters: [], totals: { kept: 0 } })
    letters.add([from('c')], T0)
    expect(letters.reader.list(all)).toMatchObject({
      count: 1,
      letters: [{ by: ['a', 'b', 'c'] }],
      totals: { kept: 1 },
    })
    letters.add([letter('y', { by: 'a', fanout: 3, reason: 'conflict' })], T0)
    expect(letters.reader.list(all).byReason).toEqual({ conflict: 1, wrong_type: 1 })
  })

  test('a letter that comes again is moved to its newest reason, but not by the second of the shards that say the same', () => {
    const letters = open()
    const from = (by: string, reason: string) => letter('x', { by, fanout: 2, reason })
    letters.add([from('a', 'wrong_type'), from('b', 'too_late')], T0)
    expect(letters.reader.list(all).byReason).toEqual({ wrong_type: 1 })
    letters.add([from('a', 'not_in_enum'), from('b', 'too_late')], T0)
    expect(letters.reader.list(all)).toMatchObject({ byReason: { not_in_enum: 1 }, letters: [{ times: 2 }] })
    letters.add([from('b', 'conflict')], T0)
    expect(letters.reader.list(all)).toMatchObject({ byReason: { conflict: 1 }, totals: { kept: 1 } })
  })

  test('what the door refused and shards refuse later, or the other way round, came as often as that', () => {
    const letters = open()
    const came = (by: string, reason: string) => {
      letters.add([letter('x', { by, fanout: by === 'door' ? 1 : 2, reason })], T0)
      const [one] = letters.reader.list(all).letters
      return [one?.times, one?.reason]
    }
    expect(came('door', 'bad_envelope')).toEqual([1, 'bad_envelope'])
    expect(came('a', 'wrong_type')).toEqual([2, 'wrong_type'])
    expect(came('b', 'too_late')).toEqual([2, 'wrong_type'])
    expect(came('door', 'missing_key')).toEqual([3, 'missing_key'])
    expect(came('a', 'wrong_type')).toEqual([4, 'wrong_type'])
    expect(came('b', 'too_late')).toEqual([4, 'wrong_type'])
    expect(came('b', 'too_late')).toEqual([5, 'too_late'])
  })

  test('what was replayed and refused again goes back to its own letter, whatever its text and ids are now', () => {
    const letters = open()
    letters.add([letter('envelope', { position: 'c/1/0/7' })], T0)
    const [first] = letters.reader.list(all).letters
    letters.add([letter('event', { replays: first?.id ?? '', reason: 'too_late' })], T0 + 1)
    expect(letters.reader.list(all).letters).toMatchObject([
      { id: first?.id, payload: 'envelope', reason: 'too_late', times: 2, position: 'c/1/0/7' },
    ])
  })
})

describe('the payload', () => {
  test('is cut at 65,536 characters, not within a character, and then cannot be replayed', () => {
    const letters = open()
    const whole = 'x'.repeat(PAYLOAD_UNITS)
    letters.add([letter(whole), letter(`${whole}y`), letter(`${'x'.repeat(PAYLOAD_UNITS - 1)}😀`)], T0)
    const kept = letters.reader.list(all).letters.map(({ id }) => letters.reader.get(id))
    expect(kept.map((one) => [one?.payload.length, one?.payloadUnits, one?.replayable])).toEqual([
      [PAYLOAD_UNITS - 1, PAYLOAD_UNITS + 1, false],
      [PAYLOAD_UNITS, PAYLOAD_UNITS + 1, false],
      [PAYLOAD_UNITS, PAYLOAD_UNITS, true],
    ])
    expect(letters.reader.list(all).letters[2]?.payload).toHaveLength(1_024)
    const { letters: taken, notReplayable } = letters.take({ limit: 10 })
    expect([taken.length, notReplayable]).toEqual([1, 2])
  })

  test('that is no JSON cannot be replayed', () => {
    const letters = open()
    letters.add([letter('{"a":', { reason: 'bad_json' })], T0)
    expect(letters.reader.list(all).letters[0]?.replayable).toBe(false)
  })
})

test('lists, counts and pages agree with a list in memory, whatever is asked for', () => {
  forSeeds(60, (r) => {
    const letters = open()
    const kept: { payload: string; reason: string; field: string; ms: number; position: string }[] = []
    for (let i = 0; i < r.int(1, 80); i++) {
      const ms = T0 + Math.floor(i / 4) * 1_000
      const one = {
        payload: `p${i}`,
        reason: r.pick(['a', 'b', 'c']),
        field: r.pick(['x', 'y']),
        ms,
        position: r.pick(['t/1/0/', 't/1/1/', 'u/1/0/']) + i,
      }
      kept.push(one)
      letters.add([letter(one.payload, one)], ms)
    }
    for (let ask = 0; ask < 10; ask++) {
      const filter = {
        ...(r.chance(0.5) && { reason: r.pick(['a', 'b', 'c', 'd']) }),
        ...(r.chance(0.3) && { field: r.pick(['x', 'y']) }),
        ...(r.chance(0.3) && { sinceMs: T0 + r.int(-2, 22) * 1_000 + r.int(-1, 1) }),
        ...(r.chance(0.3) && { untilMs: T0 + r.int(-2, 22) * 1_000 + r.int(-1, 1) }),
      }
      const position = r.chance(0.4) ? r.pick(['t/', 't/1/0/', 'v/']) : undefined
      const fits = kept.filter(
        (one) =>
          (filter.reason === undefined || one.reason === filter.reason) &&
          (filter.field === undefined || one.field === filter.field) &&
          (filter.sinceMs === undefined || one.ms >= filter.sinceMs) &&
          (filter.untilMs === undefined || one.ms < filter.untilMs),
      )
      const expected = fits
        .filter((one) => position === undefined || one.position.startsWith(position))
        .map(({ payload }) => payload)
      const limit = r.int(1, 9)
      const paged: string[] = []
      for (let before: number | undefined, pages = 0; pages < 100; pages++) {
        const list = letters.reader.list({ ...filter, limit, ...(position && { position }), ...(before && { before }) })
        expect([list.matching, list.count]).toEqual([fits.length, kept.length])
        paged.push(...list.letters.map(({ payload }) => payload))
        before = list.next
        if (before === undefined) break
      }
      expect(paged).toEqual(expected.toReversed())
      const taken: string[] = []
      for (let cursor: { after: number; upTo: number } | undefined; ; ) {
        const page = letters.take({ ...filter, limit, ...(position && { position }), ...(cursor && { cursor }) })
        taken.push(...page.letters.map(({ payload }) => payload))
        cursor = page.cursor
        if (cursor === undefined) break
      }
      expect(taken).toEqual(expected)
    }
  })
})

test('a replay looks at what was there when it began, and the letters of one delivery are at most 2 MB', () => {
  const letters = open()
  letters.add(
    Array.from({ length: 50 }, (_, i) => letter(`${i}${'é'.repeat(60_000)}`)),
    T0,
  )
  const first = letters.take({ limit: 1_000 })
  expect(first.letters).toHaveLength(17)
  expect(first.remaining).toBe(33)
  letters.add([letter('later')], T0)
  let seen = first.letters.length
  for (let { cursor } = first; cursor; ) {
    const next = letters.take({ limit: 1_000, cursor })
    seen += next.letters.length
    cursor = next.cursor
  }
  expect(seen).toBe(50)
})

describe('letting go', () => {
  test('dropping needs the number of letters, leaves what came since, and goes on where it stopped', () => {
    const letters = open()
    letters.add(
      Array.from({ length: 6_000 }, (_, i) => letter(`p${i}`, { reason: i % 6 === 0 ? 'bad_time' : 'wrong_type' })),
      T0,
    )
    expect(letters.drop({ reason: 'bad_time', confirm: 999 })).toEqual({ count: 1_000 })
    expect(letters.reader.list(all).count).toBe(6_000)
    expect(letters.drop({ reason: 'bad_time', confirm: 1_000 })).toMatchObject({ dropped: 1_000, remaining: 0 })
    letters.add(
      Array.from({ length: 1_000 }, (_, i) => letter(`q${i}`)),
      T0,
    )
    const first = letters.drop({ confirm: 6_000 })
    if ('count' in first) throw new Error('the count was right')
    letters.add([letter('later')], T0)
    expect(first).toMatchObject({ dropped: 5_000, remaining: 1_000 })
    expect(letters.drop({ upTo: first.upTo, confirm: first.remaining })).toMatchObject({ dropped: 1_000, remaining: 0 })
    expect(payloads(letters)).toEqual(['later'])
    expect(letters.reader.list(all).totals).toEqual({
      kept: 7_001,
      replayed: 0,
      dropped: 7_000,
      expired: 0,
      overflowed: 0,
    })
  })

  test('letters older than the retention go, and the next visit is when the next one is due', () => {
    const letters = open({ retentionMs: 1_000 })
    for (let i = 0; i < 10; i++) letters.add([letter(`p${i}`)], T0 + i * 100)
    expect(letters.expire(T0 + 1_000)).toBe(T0 + 1_000)
    expect(letters.expire(T0 + 1_450)).toBe(T0 + 1_500)
    expect(payloads(letters)).toHaveLength(5)
    expect(letters.expire(T0 + 99_999)).toBeNull()
    expect(letters.reader.list(all)).toMatchObject({ count: 0, totals: { kept: 10, expired: 10 }, oldestKeptMs: null })
  })

  test('12,000 old letters go 5,000 at a time', () => {
    const letters = open({ retentionMs: 1_000 })
    letters.add(
      Array.from({ length: 12_000 }, (_, i) => letter(`p${i}`)),
      T0,
    )
    const now = T0 + 5_000
    expect([letters.expire(now), letters.expire(now), letters.expire(now)]).toEqual([now, now, null])
  })

  test('beyond the number or the bytes the oldest go, and are counted', () => {
    const letters = open({ letters: 5 })
    for (let i = 0; i < 8; i++) letters.add([letter(`p${i}`)], T0)
    expect(payloads(letters)).toEqual(['p7', 'p6', 'p5', 'p4', 'p3'])
    expect(letters.reader.list(all).totals).toMatchObject({ kept: 8, overflowed: 3 })
    const heavy = open({ bytes: 100 })
    heavy.add([letter('a'.repeat(40)), letter('b'.repeat(40)), letter('é'.repeat(15))], T0)
    expect(payloads(heavy).map((payload) => payload[0])).toEqual(['é', 'b'])
    heavy.add([letter('c'.repeat(101))], T0)
    expect(payloads(heavy)).toEqual([])
  })

  test('what only some shards refused expires too, and is counted nowhere', () => {
    const letters = open({ retentionMs: 1_000 })
    letters.add([letter('x', { fanout: 2 })], T0)
    expect(letters.expire(T0 + 2_000)).toBeNull()
    expect(letters.reader.list(all).totals).toEqual({ kept: 0, replayed: 0, dropped: 0, expired: 0, overflowed: 0 })
  })

  test('kept is the sum of what is there and what was let go, after any mixture of it all', () => {
    forSeeds(30, (r) => {
      const sql = new MemorySql()
      const letters = open({ letters: 40, retentionMs: 500 }, sql)
      let now = T0
      for (let step = 0; step < 60; step++) {
        now += r.int(0, 20)
        const some = Array.from({ length: r.int(1, 5) }, () =>
          letter(`p${r.int(0, 99)}`, { reason: r.pick(['a', 'b']), by: r.pick(['s', 't']), fanout: r.int(1, 2) }),
        )
        if (r.chance(0.6)) letters.add(some, now)
        const ids = letters.reader.list({ limit: 5 }).letters.map(({ id }) => id)
        if (r.chance(0.2)) letters.replayed([...ids, ...ids, 'unknown'])
        if (r.chance(0.2)) letters.dropIds(ids.slice(0, 2))
        if (r.chance(0.1)) letters.drop({ reason: 'a' })
        if (r.chance(0.2)) letters.expire(now)
        const { count, totals } = letters.reader.list(all)
        expect(totals.kept).toBe(count + totals.replayed + totals.dropped + totals.expired + totals.overflowed)
        const rows = sql.all<{ n: number }>('SELECT count(*) AS n FROM dead_letter WHERE kind <> 0')[0]?.n
        expect(count).toBe(rows)
      }
    })
  })
})

test('letters that version 0.1.0 kept are taken over with their ids, and can be replayed when they are whole', () => {
  const sql = new MemorySql()
  sql.all(
    `CREATE TABLE letter (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, reason TEXT NOT NULL, dead INTEGER NOT NULL,
       by TEXT NOT NULL, times INTEGER NOT NULL, body TEXT NOT NULL)`,
  )
  const old = (payload: string, arrivalMs: number, payloadUnits = payload.length) => {
    const { by: _by, fanout: _fanout, payloadHash: _hash, ...what } = letter(payload, { arrivalMs, payloadUnits })
    return JSON.stringify(what)
  }
  const insert = 'INSERT INTO letter VALUES (?, ?, ?, ?, ?, ?, ?)'
  sql.all(insert, 3, 'one', 'wrong_type', 1, '{"door":2}', 2, old('{"a":"é"}', T0 + 5))
  sql.all(insert, 4, 'hidden', 'too_late', 0, '{"a/0/1":1}', 1, old('{"b":1}', T0 + 7))
  sql.all(insert, 7, 'two', 'wrong_type', 1, '{"door":1}', 1, old('{"c":', T0, 99))
  const letters = open({}, sql)
  expect(letters.reader.list(all)).toMatchObject({
    byReason: { wrong_type: 2 },
    totals: { kept: 2 },
    letters: [
      { id: 'two', replayable: false, keptMs: T0 + 7, arrivalMs: T0 },
      { id: 'one', replayable: true, times: 2, field: 'n', payload: '{"a":"é"}', by: ['door'] },
    ],
  })
  open({}, sql).add([letter('new')], T0)
  expect(open({}, sql).reader.list(all).count).toBe(3)
})
