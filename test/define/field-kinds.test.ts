import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import * as mini from 'zod/mini'
import { fieldHandles } from '../../src/define/field-handle.ts'
import {
  DefinitionError,
  decimal,
  entity,
  epochMs,
  type Handles,
  int64,
  type StreamSource,
  streamSource,
  vector,
  webhook,
} from '../../src/define/index.ts'

const at = epochMs()
const declare = (fields: object) =>
  streamSource('s', { event: z.object({ ...fields, at }), time: 'at', from: [webhook()] } as never).spec.fields
const withField = (field: unknown) => () => declare({ field })

function mistake(make: () => unknown): DefinitionError {
  try {
    make()
  } catch (error) {
    if (error instanceof DefinitionError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

describe('refused when declared', () => {
  test.each<[string, () => unknown, string]>([
    ['a scale of 19', () => decimal(19), 'from 0 to 18; got 19'],
    ['half a scale', () => decimal(1.5), 'from 0 to 18; got 1.5'],
    ['a scale of -1', () => decimal(-1), 'from 0 to 18'],
    ['no scale', () => (decimal as () => unknown)(), 'got undefined'],
    ['no numbers', () => vector(0), '1 to 4096'],
    ['too many numbers', () => vector(4_097), 'got 4097'],
    ['a list of lists', withField(z.array(z.array(z.string()))), 'z.array() of z.array()'],
    ['a list of objects', withField(z.array(z.object({}))), 'z.array() of a nested z.object()'],
    ['a list of vectors', withField(z.array(vector(3))), 'z.array() of z.array()'],
    ['a list of unions', withField(z.array(z.union([z.string(), z.int()]))), 'z.array() of z.union()'],
    ['a list with null', withField(z.array(z.string().nullable())), 'a list has no nulls'],
    ['a list with absent', withField(z.array(int64().optional())), 'a list has no nulls'],
    ['a list with nullish', withField(mini.array(mini.nullish(decimal(2)))), 'a list has no nulls'],
    ['a list of regexes', withField(z.array(z.string().regex(/x/))), 'string format regex'],
    ['too long a list', withField(z.array(z.string()).max(1_001)), 'the 1000 elements that a list may have'],
    ['too long a least list', withField(z.array(z.string()).min(1_001)), 'no value can meet'],
    ['an impossible list', withField(z.array(z.string()).min(3).max(2)), 'no value can meet'],
    ['a refined list', withField(z.array(z.string()).refine(() => true)), '.min(), .max() and .length()'],
    ['a refined decimal', withField(decimal(2).check(mini.refine(() => true))), '.refine()'],
    ['a vector of another length', withField(vector(3).check(mini.length(2))), 'length_equals'],
    ['a tuple', withField(z.tuple([z.int(), z.int()])), 'or write z.array()'],
    ['a set', withField(z.set(z.int())), 'write z.array()'],
    ['a decimal key', () => entity('e', { k: decimal(2) }), 'a key cannot be of type decimal(2): use z.string()'],
    [
      'a list key',
      () => entity('e', { k: z.array(z.string()) }),
      'a key cannot be of type list(string): use z.string()',
    ],
    ['a vector key', () => entity('e', { k: vector(2) }), 'a key cannot be of type vector(2): use z.string()'],
    [
      'a decimal id',
      () =>
        streamSource('s', {
          event: z.object({ id: decimal(0), at }),
          id: 'id' as never,
          time: 'at',
          from: [webhook()],
        }),
      'an id is z.string()',
    ],
  ])('%s', (_, make, says) => expect(mistake(make).message).toContain(says))
})

test('schemas of zod and zod/mini give the same data', () => {
  const big = declare({
    price: decimal(2).nullish(),
    tags: z.array(z.string().max(10)).min(1).max(5).optional(),
    ids: z.array(int64()).length(3),
    kinds: z.array(z.enum(['a', 'b'])).nonempty(),
    plain: z.array(decimal(4)),
    seen: z.array(epochMs()),
    embedding: vector(384).nullable(),
  })
  const small = declare({
    price: mini.nullish(decimal(2)),
    tags: mini.optional(
      mini.array(mini.string().check(mini.maxLength(10))).check(mini.minLength(1), mini.maxLength(5)),
    ),
    ids: mini.array(int64()).check(mini.length(3)),
    kinds: mini.array(mini.enum(['a', 'b'])).check(mini.minLength(1)),
    plain: mini.array(decimal(4)),
    seen: mini.array(epochMs()),
    embedding: mini.nullable(vector(384)),
  })
  expect(small).toEqual(big)
  expect(big.slice(0, -1)).toEqual([
    { name: 'price', type: 'decimal(2)', nullable: true, optional: true },
    {
      name: 'tags',
      type: 'list(string)',
      items: { maxLength: 10 },
      minItems: 1,
      maxItems: 5,
      nullable: false,
      optional: true,
    },
    { name: 'ids', type: 'list(int64)', minItems: 3, maxItems: 3, nullable: false, optional: false },
    {
      name: 'kinds',
      type: 'list(string)',
      items: { values: ['a', 'b'] },
      minItems: 1,
      nullable: false,
      optional: false,
    },
    { name: 'plain', type: 'list(decimal(4))', nullable: false, optional: false },
    { name: 'seen', type: 'list(timestamp)', items: { format: 'ms' }, nullable: false, optional: false },
    { name: 'embedding', type: 'vector(384)', nullable: true, optional: false },
  ])
})

test('as zod schemas they take what is sent', () => {
  const event = z.object({ price: decimal(2), embedding: vector(2).optional() })
  expect(event.parse({ price: '12.30' })).toEqual({ price: '12.30' })
  expect(event.parse({ price: '12.30', embedding: [1, 2] }).embedding).toEqual([1, 2])
})

const handles = fieldHandles('view v', declare({ price: decimal(2), tags: z.array(z.string()), embedding: vector(2) }))
const source = () =>
  streamSource('s', {
    event: z.object({ price: decimal(2), tags: z.array(z.string()), embedding: vector(2), at }),
    time: 'at',
    from: [webhook()],
  })
const e = handles as unknown as ReturnType<typeof source> extends StreamSource<infer S> ? Handles<S> : never

test('a decimal is compared with its text, a number of its digits, or a whole number', () => {
  for (const same of ['12.30', '12.3', '12.3000', 12.3]) {
    expect(e.price.gt(same).spec).toEqual({ op: 'gt', field: 'price', value: 1230n })
  }
  expect(e.price.eq(12n).spec).toEqual({ op: 'eq', field: 'price', value: 1200n })
  expect(e.price.in(['-0', 1e2]).spec).toEqual({ op: 'in', field: 'price', values: [0n, 10_000n] })
  expect(e.price.between('-1', 2).spec).toEqual({ op: 'between', field: 'price', low: -100n, high: 200n })
})

test.each([
  ['12.345', "got '12.345'"],
  [12.345, 'got 12.345'],
  // What was written was another number; this is what JavaScript made of it.
  [0.1 + 0.2, 'got 0.30000000000000004'],
  [2 ** 60, 'at most 2 digits after the point'],
  ['1e3', "best as a text such as '12.30'"],
  [Number.NaN, 'got NaN'],
  [10n ** 38n, 'got 1'],
  [null, '.isNull()'],
  [true, 'got true'],
])('a decimal is not compared with %o', (value, says) => {
  const error = mistake(() => e.price.gte(value as never))
  expect(error.code).toBe('wrong_type')
  expect(error.message).toContain(says)
})

test('a between that holds for nothing is shown as it was written', () => {
  expect(mistake(() => e.price.between('2', '1.5')).message).toContain(".between('2', '1.5') holds for nothing")
})

test('lists and vectors are null or not, and nothing else is asked of them', () => {
  expect(e.tags.isNull().spec).toEqual({ op: 'isNull', field: 'tags' })
  expect(e.embedding.notNull().spec).toEqual({ op: 'notNull', field: 'embedding' })
  const untyped = handles as unknown as Readonly<Record<string, Readonly<Record<string, (...v: unknown[]) => unknown>>>>
  for (const [field, op] of [
    ['tags', 'eq'],
    ['tags', 'gt'],
    ['tags', 'in'],
    ['embedding', 'between'],
    ['embedding', 'ne'],
  ] as const) {
    const error = mistake(() => untyped[field]?.[op]?.(['a'], ['b']))
    expect(error.message).toContain('is not compared: filter by .isNull() or .notNull()')
  }
  expect(mistake(() => untyped.tags?.startsWith?.('a')).code).toBe('wrong_type')
})
