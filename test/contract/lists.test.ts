import { expect, test } from 'vitest'
import * as z from 'zod'
import { compileContract, contentId, isRefusal, payloadHasher } from '../../src/contract/index.ts'
import { decimal, epochMs, int64, streamSource, vector, webhook } from '../../src/define/index.ts'
import { forSeeds } from '../support/random.ts'
import { nastyValue } from './nasty-json.ts'

const arrival = Date.UTC(2026, 0, 2)
const source = streamSource('s', {
  event: z.object({
    tags: z.array(z.string().max(10)).min(1).max(5).optional(),
    notes: z.array(z.string()).nullish(),
    kinds: z.array(z.enum(['a', 'b'])).optional(),
    ids: z.array(int64()).optional(),
    counts: z.array(z.int().min(0)).optional(),
    times: z.array(z.iso.datetime({ offset: true })).optional(),
    prices: z.array(decimal(2)).optional(),
    flags: z.array(z.boolean()).optional(),
    embedding: vector(2).nullish(),
    at: epochMs(),
  }),
  time: 'at',
  idempotency: 'content',
  from: [webhook()],
})
const contract = compileContract(source.spec)
const names = source.spec.fields.map((field) => field.name)

function check(change: Readonly<Record<string, unknown>>): unknown {
  const event = contract.check({ at: arrival, ...change }, arrival)
  return isRefusal(event) ? event : event.values[names.indexOf(Object.keys(change)[0] as string)]
}

const base64 = (...numbers: number[]) => Buffer.from(new Float32Array(numbers).buffer).toString('base64')

test.each([
  [{ tags: ['a', null] }, 'wrong_type', '"tags[1]" is null; expected a text.'],
  [{ tags: ['a', ['b']] }, 'wrong_type', '"tags[1]" is a list of 1; expected a text.'],
  [{ tags: ['a', 'b', 'c', 'x'.repeat(11)] }, 'out_of_range', '"tags[3]" is "xxxxxxxxxxx"; expected at most 10'],
  [{ tags: ['\ud800'] }, 'ill_formed_string', '"tags[0]"'],
  [{ tags: [] }, 'out_of_range', '"tags" is a list of 0; expected at least 1 elements.'],
  [{ tags: ['', '', '', '', '', ''] }, 'out_of_range', '"tags" is a list of 6; expected at most 5 elements.'],
  [{ tags: 'a' }, 'wrong_type', '"tags" is "a"; expected a list.'],
  [{ tags: { 0: 'a', length: 1 } }, 'wrong_type', '"tags" is an object; expected a list.'],
  [{ tags: null }, 'wrong_type', '"tags" is null; expected a list.'],
  [{ notes: Array(1_001).fill('') }, 'too_large', '"notes" is a list of 1001; expected at most 1000 elements.'],
  [{ notes: Array(5).fill('x'.repeat(4_000)) }, 'too_large', 'texts of at most 16384 characters together'],
  [{ notes: ['x'.repeat(4_097)] }, 'too_large', '"notes[0]"'],
  [{ kinds: ['a', 'c'] }, 'not_in_enum', '"kinds[1]" is "c"'],
  [{ ids: [1, 2n ** 63n] }, 'out_of_range', '"ids[1]"'],
  [{ counts: [0, -1] }, 'out_of_range', '"counts[1]" is -1'],
  [{ counts: [undefined] }, 'missing_field', '"counts[0]" is missing'],
  [{ times: ['2026-02-30T00:00:00Z'] }, 'bad_time', '"times[0]"'],
  [{ prices: ['1.234'] }, 'out_of_range', '"prices[0]"'],
  [{ flags: [1] }, 'wrong_type', '"flags[0]"'],
  [{ embedding: [1] }, 'out_of_range', '"embedding" is a list of 1; expected a list of 2 numbers'],
  [{ embedding: [1, 2, 3] }, 'out_of_range', '"embedding" is a list of 3; expected a list of 2 numbers'],
  [{ embedding: [1, '2'] }, 'wrong_type', '"embedding[1]" is "2"; expected a number.'],
  [{ embedding: [1, null] }, 'wrong_type', '"embedding[1]" is null'],
  [{ embedding: [1e39, 1] }, 'out_of_range', '"embedding[0]" is 1e+39; expected a finite number that fits float32.'],
  [{ embedding: [1, Number.NaN] }, 'out_of_range', '"embedding[1]"'],
  [{ embedding: 'no base64' }, 'wrong_type', '"embedding" is "no base64"'],
  [{ embedding: base64(1) }, 'out_of_range', '"embedding" is base64 of 4 bytes; expected 8, for 2 float32.'],
  [{ embedding: 'AAAAAA==' }, 'out_of_range', 'base64 of 4 bytes'],
  [{ embedding: base64(1, Number.NaN) }, 'out_of_range', '"embedding[1]" is NaN'],
  [{ embedding: base64(Number.NEGATIVE_INFINITY, 1) }, 'out_of_range', '"embedding[0]" is -Infinity'],
])('%o is refused: %s', (change, reason, says) => {
  expect(check(change)).toMatchObject({ reason, field: Object.keys(change)[0], message: expect.stringContaining(says) })
})

test.each([
  [{ tags: ['b', '', 'b'] }, ['b', '', 'b']],
  [{ notes: [] }, []],
  [{ notes: null }, null],
  [{ notes: undefined }, null],
  [{ ids: [5, -(2n ** 63n)] }, [5n, -(2n ** 63n)]],
  [{ times: ['2026-01-01T00:00:00+01:00'] }, [Date.UTC(2025, 11, 31, 23)]],
  [{ prices: ['1.5', 2, 3n] }, [150n, 200n, 300n]],
  [{ embedding: [0.1, -0] }, new Float32Array([0.1, -0])],
  [{ embedding: [5n, 2 ** 24 + 1] }, new Float32Array([5, 2 ** 24])],
  [{ embedding: base64(0.1, -0) }, new Float32Array([0.1, -0])],
  [{ embedding: null }, null],
])('%o is held as %o', (change, value) => expect(check(change)).toEqual(value))

test('the contract never throws on nasty lists', () => {
  forSeeds(3_000, (r) => {
    const raw: Record<string, unknown> = { at: arrival }
    for (const name of names) {
      if (r.chance(0.4)) raw[name] = r.chance(0.5) ? [nastyValue(r, 1), nastyValue(r, 1)] : nastyValue(r, 2)
    }
    const result = contract.check(raw, arrival)
    if (isRefusal(result)) expect(result.message.length).toBeLessThan(300)
    else expect(result.values).toHaveLength(names.length)
  })
})

test('payload hash and content id tell lists and vectors apart by order, borders, type and every bit', () => {
  const different = [
    [['a', 'b']],
    [['ab']],
    [['b', 'a']],
    [['a'], ['b']],
    [['a', 'b', '']],
    [[]],
    [['']],
    ['a'],
    [[1]],
    [[1n]],
    [[0]],
    [[-0]],
    [[true]],
    [['a|s1:b']],
    [[], ['a']],
    [new Float32Array([1])],
    [new Float32Array([0, 0])],
    [new Float32Array([0, -0])],
    [new Float32Array([0.1, 1e-45])],
    [new Float32Array([0.1, 0])],
  ]
  const hash = payloadHasher(['a', 'b'])
  expect(new Set(different.map((values) => hash([...values, null].slice(0, 2)))).size).toBe(different.length)
  expect(new Set(different.map(contentId)).size).toBe(different.length)
  expect(hash([new Float32Array([9, 0.5]).subarray(1), ['x']])).toBe(hash([new Float32Array([0.5]), ['x']]))
})

test('payload hash and content id of plain values are what they were: shards have stored them', () => {
  const values = [1, 1n, '1', true, null, -0, 0.5, -(2n ** 63n)]
  expect(payloadHasher(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'])(values)).toBe(730098245)
  expect(contentId(values)).toBe('1ea0233229776ddc6bab7874f8f49f08')
})
