import { expect, test } from 'vitest'
import * as z from 'zod'
import {
  type CheckedEvent,
  compileContract,
  contentId,
  isRefusal,
  type ParsedEvents,
  parseEvents,
  payloadHasher,
} from '../../src/contract/index.ts'
import { epochMs, int64, streamSource, webhook } from '../../src/define/index.ts'
import { forSeeds } from '../support/random.ts'
import { nastyValue } from './nasty-json.ts'

const arrival = Date.UTC(2026, 0, 2)
const source = streamSource('s', {
  event: z.object({
    id: z.string().min(1).max(8),
    type: z.enum(['view', 'click']).optional(),
    amount: z.number().min(0).lt(100).nullish(),
    n: z.int().nullable(),
    big: int64().optional(),
    ok: z.boolean().optional(),
    device: z.uuid().optional(),
    seen: epochMs().optional(),
    note: z.string().optional(),
    at: z.iso.datetime({ offset: true }),
  }),
  id: 'id',
  time: 'at',
  from: [webhook()],
})
const contract = compileContract(source.spec, ['note'])
const good = { id: 'e1', n: 1, at: '2026-01-01T00:00:00Z' }
const check = (change: object) => contract.check({ ...good, ...change }, arrival)

test('a good event is checked into values in the order of fields, absent as null', () => {
  const uuid = '0192A4C7-3E5B-7C1D-8A2E-3F4B5C6D7E8F'
  const event = check({ type: 'click', amount: -0, big: 5, ok: false, device: uuid, seen: 7, extra: { any: [1] } })
  expect(event).toEqual({
    id: 'e1',
    timeMs: Date.UTC(2026, 0, 1),
    values: ['e1', 'click', -0, 1, 5n, false, uuid.toLowerCase(), 7, null, Date.UTC(2026, 0, 1)],
  })
})

test.each([
  [{ id: undefined }, 'missing_field', 'id'],
  [{ id: null }, 'wrong_type', 'id'],
  [{ id: 5 }, 'wrong_type', 'id'],
  [{ id: '' }, 'out_of_range', 'id'],
  [{ id: '123456789' }, 'out_of_range', 'id'],
  [{ id: '\ud800' }, 'ill_formed_string', 'id'],
  [{ type: 'buy' }, 'not_in_enum', 'type'],
  [{ type: null }, 'wrong_type', 'type'],
  [{ amount: '5' }, 'wrong_type', 'amount'],
  [{ amount: -1 }, 'out_of_range', 'amount'],
  [{ amount: 100 }, 'out_of_range', 'amount'],
  [{ amount: Number.NaN }, 'out_of_range', 'amount'],
  [{ amount: JSON.parse('1e400') }, 'out_of_range', 'amount'],
  [{ n: undefined }, 'missing_field', 'n'],
  [{ n: 1.5 }, 'wrong_type', 'n'],
  [{ n: 2 ** 53 }, 'out_of_range', 'n'],
  [{ n: 9007199254740993n }, 'out_of_range', 'n'],
  [{ big: 1.5 }, 'wrong_type', 'big'],
  [{ big: 1e20 }, 'out_of_range', 'big'],
  [{ big: 2n ** 63n }, 'out_of_range', 'big'],
  [{ big: '5' }, 'wrong_type', 'big'],
  [{ ok: 1 }, 'wrong_type', 'ok'],
  [{ device: 'x' }, 'wrong_type', 'device'],
  [{ seen: 1.5 }, 'bad_time', 'seen'],
  [{ note: 'x'.repeat(513) }, 'too_large', 'note'],
  [{ at: undefined }, 'missing_field', 'at'],
  [{ at: '2026-02-30T00:00:00Z' }, 'bad_time', 'at'],
  [{ at: 1767225600000 }, 'wrong_type', 'at'],
  [{ at: '1970-12-31T23:59:59Z' }, 'too_old_time', 'at'],
  [{ at: '2026-01-02T00:05:00.001Z' }, 'future_time', 'at'],
])('%o is refused: %s', (change, reason, field) => {
  const result = check(change)
  expect(result).toMatchObject({ reason, field })
  expect((result as { message: string }).message.length).toBeLessThan(260)
})

test('what is no object is refused', () => {
  for (const raw of [null, undefined, 1, 'x', true, [], [good], 5n])
    expect(contract.check(raw, arrival)).toMatchObject({ reason: 'not_object' })
})

test('the edges of time belong to the event: 1971 itself, and maxFuture to the millisecond', () => {
  expect(isRefusal(check({ at: '1971-01-01T00:00:00Z' }))).toBe(false)
  expect(isRefusal(check({ at: '2026-01-02T00:05:00Z' }))).toBe(false)
})

test('names of Object.prototype and __proto__ in an event change nothing', () => {
  const text =
    '[{"__proto__":{"type":"click","n":5},"constructor":9007199254740993,"toString":2,"id":"e1","n":null,"at":"2026-01-01T00:00:00Z"}]'
  for (const exact of ['none', 'integers', 'decimals'] as const) {
    const parsed = parseEvents(text, exact) as ParsedEvents
    expect((contract.check(parsed.raws[0], arrival) as CheckedEvent).values.slice(0, 4)).toEqual([
      'e1',
      null,
      null,
      null,
    ])
  }
})

test('an event without an id is taken by its delivery, its content, or not at all', () => {
  const event = z.object({ n: z.number(), at: epochMs() })
  const options = { event, time: 'at', from: [webhook()] } as const
  const raw = { n: 1, at: arrival }
  const strict = compileContract(streamSource('a', options).spec)
  expect(strict.check(raw, arrival)).toMatchObject({ reason: 'missing_id' })
  expect(strict.check(raw, arrival, 'msg_1/0')).toMatchObject({ id: 'msg_1/0' })
  const content = compileContract(streamSource('a', { ...options, idempotency: 'content' }).spec)
  expect((content.check(raw, arrival) as CheckedEvent).id).toBe(contentId([1, arrival]))
  const none = compileContract(streamSource('a', { ...options, idempotency: 'none' }).spec)
  expect(none.check(raw, arrival)).toMatchObject({ id: null })
})

test('integers beyond 2^53 are exact from the text, floats stay floats', () => {
  const text =
    '[{"a":9007199254740993,"b":-9223372036854775808,"c":0.12345678901234567,"d":1e20,"e":9007199254740991,"f":"9007199254740993"}]'
  const parsed = parseEvents(text) as ParsedEvents
  expect(parsed.raws[0]).toEqual({
    a: 9007199254740993n,
    b: -9223372036854775808n,
    c: Number('0.12345678901234567'),
    d: 1e20,
    e: 9007199254740991,
    f: '9007199254740993',
  })
  expect(parseEvents('9007199254740993')).toMatchObject({ raws: [9007199254740993n] })
})

test('one bad element is one refusal, the others live', () => {
  const parsed = parseEvents('[{"a":1},{"b":nope},{"c":3},]')
  expect(parsed).toMatchObject({ raws: [{ a: 1 }, undefined, { c: 3 }, undefined] })
  expect([...(parsed as ParsedEvents).broken.keys()].sort()).toEqual([1, 3])
  expect(parseEvents('{"a":1}\n{"a":\n{"a":3}\n')).toMatchObject({ raws: [{ a: 1 }, undefined, { a: 3 }] })
  expect(parseEvents('[{"a":1}')).toMatchObject({ reason: 'bad_json' })
})

test('the contract never throws, and what it lets through keeps the types', () => {
  forSeeds(4000, (r) => {
    const raw: Record<string, unknown> = { ...good }
    for (const { name } of source.spec.fields)
      if (r.chance(0.3)) raw[name] = r.chance(0.1) ? 2n ** BigInt(r.int(0, 70)) : nastyValue(r, 1)
    const result = contract.check(raw, arrival)
    if (isRefusal(result)) return
    result.values.forEach((value, i) => {
      const { type } = source.spec.fields[i] ?? {}
      const jsType = { string: 'string', bool: 'boolean', int64: 'bigint' }[type as string] ?? 'number'
      expect(value === null || typeof value === jsType).toBe(true)
    })
  })
})

test('payload hash and content id: equal values, equal hash; type, sign of zero, order and borders count', () => {
  const different = [
    [1],
    [1n],
    ['1'],
    [true],
    [false],
    [null],
    [0],
    [-0],
    ['a', 'b'],
    ['ab', ''],
    ['b', 'a'],
    [null, null],
    [],
    ['null'],
    ['a|s1:b'],
    [0.5],
  ]
  const payloadHash = payloadHasher(['a', 'b', 'c'])
  // For the payload a null is as if the field were not there.
  const present = different.filter((values) => values.some((value) => value !== null))
  const padded = present.map((values) => [...values, null, null].slice(0, 3))
  expect(new Set(padded.map(payloadHash)).size).toBe(present.length)
  expect(payloadHasher(['b', 'new', 'a'])([7n, null, 'x'])).toBe(payloadHasher(['a', 'b'])(['x', 7n]))
  expect(new Set(different.map(contentId)).size).toBe(different.length)
  expect(payloadHash(['x', 5, 7n])).toBe(payloadHash(['x', 5, 7n]))
  expect(contentId(['x', 5, 7n])).toBe(contentId(['x', 5, 7n]))
})
