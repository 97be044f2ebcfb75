import { expect, test } from 'vitest'
import * as z from 'zod'
import * as t from '../../src/define/index.ts'
import { js, mistake } from './declare.ts'

const from = [t.kafka('shop.public.products', { format: t.debezium() })]
const products = t.tableSource('products', {
  row: z.object({ pid: z.string(), price: t.decimal(2) }),
  key: 'pid',
  from,
})
const event = z.object({
  id: z.string(),
  amount: z.number().optional(),
  cents: t.int64(),
  fee: t.decimal(2).nullable(),
  ok: z.boolean(),
  kind: z.enum(['a', 'b']),
  tags: z.array(z.string()).optional(),
  at: z.iso.datetime({ offset: true }),
})
const stream = (...expected: unknown[]): t.StreamSource =>
  js.streamSource('orders', {
    event,
    id: 'id',
    time: 'at',
    from: [t.webhook()],
    enrich: t.enrich(products, { on: 'id', fields: ['price'], unknown: 'null' }),
    expect: expected,
  })
const count = { action: 'count' }
const range = (field: string, options: object) => js.expectRange(field, { ...count, ...options })
const oneOf = (field: string, values: unknown, options: object = count) => js.expectOneOf(field, values, options)
const nulls = (field: string, options: object) => js.expectNulls(field, { ...count, ...options })

test('an expectation is data, its values in the form that rows hold', () => {
  const { spec } = stream(
    range('fee', { min: '0.10', max: 12, action: 'refuse' }),
    range('at', { min: '2026-01-01T00:00:00Z', over: '1d' }),
    oneOf('cents', [1, 2n, 1]),
    nulls('price', { atMost: 0.05 }),
    t.expectVolume({ atLeast: 100, per: '1h' }),
    t.expectFresh('10m'),
  )
  expect(spec.expect).toEqual([
    { kind: 'range', field: 'fee', min: 10n, max: 1200n, action: 'refuse', overMs: 3_600_000 },
    { kind: 'range', field: 'at', min: Date.UTC(2026, 0, 1), action: 'count', overMs: 86_400_000 },
    { kind: 'oneOf', field: 'cents', values: [1n, 2n], action: 'count', overMs: 3_600_000 },
    { kind: 'nulls', field: 'price', atMost: 0.05, action: 'count', overMs: 3_600_000 },
    { kind: 'volume', atLeast: 100, perMs: 3_600_000 },
    { kind: 'fresh', maxAgeMs: 600_000 },
  ])
})

const table = (...expected: unknown[]) =>
  js.tableSource('orders', {
    row: z.object({ id: z.int(), note: z.string().nullable() }),
    key: 'id',
    from,
    expect: expected,
  })

test.each<[string, () => unknown, string, string]>([
  [
    'no list',
    () => js.streamSource('orders', { event, time: 'at', from: [t.webhook()], expect: range('amount', { min: 1 }) }),
    'bad_option',
    "write expect: [expectRange('amount', { min: 0, action: 'count' })]",
  ],
  ['something else in the list', () => stream(5), 'bad_option', 'expect is a list of expectations'],
  [
    'a field that is none',
    () => stream(range('amont', { min: 0 })),
    'unknown_field',
    'orders, expectRange("amont"): there is no field "amont". Did you mean "amount"?',
  ],
  [
    'no action',
    () => stream(js.expectRange('amount', { min: 0 })),
    'bad_option',
    "action is 'refuse' or 'count'; got undefined",
  ],
  ['a typo', () => stream(range('amount', { minimum: 0 })), 'bad_option', 'there is no option "minimum"'],
  ['no bound', () => stream(range('amount', {})), 'bad_option', 'write min, max, or both'],
  [
    'bounds that are crossed',
    () => stream(range('amount', { min: 2, max: 1 })),
    'bad_value',
    'min is 2, max is 1: nothing is between',
  ],
  [
    'a bound of another type',
    () => stream(range('amount', { min: '0' })),
    'wrong_type',
    "min is a finite number; got '0'",
  ],
  [
    'a bound with too many digits',
    () => stream(range('fee', { max: '0.001' })),
    'wrong_type',
    'at most 2 digits after the point',
  ],
  [
    'a range of choices',
    () => stream(range('kind', { min: 'a' })),
    'wrong_type',
    'a field of type string has no range: write expectOneOf(...)',
  ],
  [
    'a range of lists',
    () => stream(range('tags', { min: 1 })),
    'wrong_type',
    '"tags" is of type list(string): only single values are compared',
  ],
  ['no values', () => stream(oneOf('kind', [])), 'empty', 'give it a list of at least one'],
  [
    'a value that can never be',
    () => stream(oneOf('kind', ['c'])),
    'wrong_type',
    "each value is one of 'a', 'b'; got 'c'",
  ],
  [
    'nulls where there are none',
    () => stream(nulls('cents', { atMost: 0.1 })),
    'wrong_type',
    'its schema takes no null',
  ],
  ['a share above all', () => stream(nulls('amount', { atMost: 5 })), 'bad_value', 'a share, from 0 to below 1; got 5'],
  [
    'nulls from a table refused',
    () => stream(nulls('price', { atMost: 0, action: 'refuse' })),
    'bad_option',
    "write enrich(..., { unknown: 'refuse' })",
  ],
  [
    'too short a time',
    () => stream(range('amount', { min: 0, over: '1s' })),
    'bad_duration',
    'over is 1000ms; it must be at least 12000ms',
  ],
  [
    'a volume of nothing',
    () => stream(t.expectVolume({ atLeast: 0, per: '1h' })),
    'bad_value',
    'atLeast is a whole number above 0; got 0',
  ],
  ['an age that is none', () => stream(t.expectFresh('soon' as '1h')), 'bad_duration', 'expectFresh()'],
  [
    'the same twice',
    () => stream(range('amount', { min: 0 }), range('amount', { min: 0, action: 'refuse' })),
    'duplicate',
    'an expectation is there twice',
  ],
  [
    'too many',
    () => stream(...Array.from({ length: 33 }, (_, i) => range('amount', { min: i }))),
    'bad_option',
    'at most 32',
  ],
  [
    'rows refused for a share',
    () => table(nulls('note', { atMost: 0.1, action: 'refuse' })),
    'bad_option',
    "its older version would stay in its place: write action: 'count'",
  ],
  [
    'when a row was changed as a column',
    () => table(range('$time', { min: 0 })),
    'unknown_field',
    'there is no field "$time"',
  ],
])('%s is a mistake', (_, declare, code, says) => {
  const error = mistake(declare)
  expect(error.message).toContain(says)
  expect(error.code).toBe(code)
  expect(error.where).toMatch(/^source orders/)
})
