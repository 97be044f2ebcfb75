import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import * as mini from 'zod/mini'
import * as t from '../../src/define/index.ts'
import { activity, deviceStats, user, userStats } from './example.ts'

// Every mistake is thrown when declared, with a code, the thing it is in, and a message that says how to mend it. Types
// refuse most of these already; here they are made as plain JavaScript would.
// biome-ignore lint/suspicious/noExplicitAny: the tests stand in for JavaScript callers
const js = t as unknown as { readonly [K in keyof typeof t]: (...args: any[]) => any }
const { entity, streamSource, featureView, featureService, definitions, webhook, count, sum, avg, latest, rate, max } =
  js

function mistake(declare: () => unknown): t.DefinitionError {
  try {
    declare()
  } catch (error) {
    if (error instanceof t.DefinitionError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

const at = z.iso.datetime({ offset: true })
const withField = (field: unknown) => () =>
  streamSource('s', {
    event: z.object({ id: z.string(), at, f: field as z.ZodType }),
    id: 'id',
    time: 'at',
    from: [webhook()],
  })

describe('schemas that are more than a flat list of plain types', () => {
  test.each([
    ['refine', z.string().refine(() => true), '.refine()'],
    ['transform', z.string().transform((x) => x), '.transform()'],
    ['default', z.string().default('x'), '.default()'],
    ['coerce', z.coerce.number(), 'z.coerce.number()'],
    ['object', z.object({}), 'nested z.object()'],
    ['array of arrays', z.array(z.array(z.string())), 'z.array() of z.array()'],
    ['union', z.union([z.string(), z.number()]), 'z.union()'],
    ['regex', z.string().regex(/x/), 'string format regex'],
    ['email', z.email(), 'string format email'],
    ['old uuid', z.string().uuid(), 'write z.uuid()'],
    ['uuid v4', z.uuidv4(), 'z.uuidv4()'],
    ['trim', z.string().trim(), '.trim()'],
    ['local datetime', z.iso.datetime({ offset: true, local: true }), 'z.iso.datetime({ offset: true })'],
    ['datetime without offset', z.iso.datetime(), 'offset: true'],
    ['date', z.date(), 'z.date()'],
    ['bigint', z.bigint(), 'int64()'],
    ['multipleOf', z.number().multipleOf(2), '.multipleOf()'],
    ['float32', z.float32(), 'z.number()'],
    ['number enum', z.enum({ a: 1 } as never), 'use strings only'],
    ['catch', z.string().catch('x'), '.catch()'],
    ['nested in optional', z.array(z.object({})).optional(), 'z.array() of a nested z.object()'],
    ['mini refine', mini.string().check(mini.refine(() => true)), '.refine()'],
    ['no schema', 'string', 'no zod 4 schema'],
    ['impossible', z.number().min(5).max(3), 'no value can meet'],
    ['too long', z.string().max(100_000), '4096'],
  ])('%s', (_, schema, says) => {
    const error = mistake(withField(schema))
    expect(error.message).toContain(says)
    expect(error.where).toBe('source s, field f')
  })

  test.each([
    ['strict', z.strictObject({ at })],
    ['loose', z.looseObject({ at })],
    ['refined', z.object({ at }).refine(() => true)],
    ['a list', z.array(at)],
  ])('%s', (_, event) =>
    expect(mistake(() => streamSource('s', { event, time: 'at', from: [webhook()] })).code).toBe('unsupported_schema'),
  )
})

test('schemas of zod and zod/mini give the same data', () => {
  const declare = (event: unknown) => streamSource('s', { event, time: 'at', from: [webhook()] }).spec
  const big = declare(
    z.object({
      at,
      n: z.number().min(1).lt(9).optional(),
      s: z.string().length(3).nullish(),
      i: z.int32(),
      c: z.literal(['a', 'b']),
      u: z.uuid(),
      x: t.int64().nullable(),
      m: t.epochMs(),
    }),
  )
  const small = declare(
    mini.object({
      at: mini.iso.datetime({ offset: true }),
      n: mini.optional(mini.number().check(mini.gte(1), mini.lt(9))),
      s: mini.nullish(mini.string().check(mini.length(3))),
      i: mini.int32(),
      c: mini.literal(['a', 'b']),
      u: mini.uuid(),
      x: mini.nullable(t.int64()),
      m: t.epochMs(),
    }),
  )
  expect(small).toEqual(big)
  expect(big.fields[1]).toEqual({
    name: 'n',
    type: 'float64',
    nullable: false,
    optional: true,
    min: 1,
    exclusiveMax: 9,
  })
  expect(z.object({ x: t.int64().optional(), m: t.epochMs().nullable() }).parse({ m: null })).toEqual({ m: null })
})

const view =
  (features: unknown, options: object = {}) =>
  () =>
    featureView('v', { entity: user, source: activity, key: { user_id: 'uid' }, ...options }, features)
type E = typeof activity extends t.StreamSource<infer S> ? t.Handles<S> : never
// biome-ignore lint/suspicious/noExplicitAny: as above
type Any = any

test.each<[string, () => unknown, string, string]>([
  ['a name with capitals', () => entity('MyUser', {}), 'bad_name', "Write 'my_user'"],
  ['a reserved name', () => entity('then', { a: z.string() }), 'bad_name', 'JavaScript'],
  ['no key', () => entity('a', {}), 'empty', "entity('a', { a_id: z.string() })"],
  ['a float key', () => entity('a', { k: z.number() }), 'bad_key', 'float64'],
  ['an int key', () => entity('a', { k: z.int() }), 'bad_key', 'int64()'],
  ['an optional key', () => entity('a', { k: z.string().optional() }), 'bad_key', '.optional()'],
  ['a limited key', () => entity('a', { k: z.string().max(3) }), 'bad_key', 'limits'],
  [
    'time misspelt',
    () => streamSource('s', { event: z.object({ at }), time: 'att', from: [webhook()] }),
    'unknown_field',
    'Did you mean "at"?',
  ],
  [
    'time missing',
    () => streamSource('s', { event: z.object({ at }), from: [webhook()] }),
    'unknown_field',
    'time is missing',
  ],
  [
    'time optional',
    () => streamSource('s', { event: z.object({ at: at.optional() }), time: 'at', from: [webhook()] }),
    'wrong_type',
    'absent',
  ],
  [
    'float id',
    () => streamSource('s', { event: z.object({ at, id: z.number() }), id: 'id', time: 'at', from: [webhook()] }),
    'wrong_type',
    'z.int()',
  ],
  [
    'option misspelt',
    () => streamSource('s', { event: z.object({ at }), time: 'at', form: [], from: [webhook()] }),
    'bad_option',
    'Did you mean "from"?',
  ],
  ['no way in', () => streamSource('s', { event: z.object({ at }), time: 'at', from: [] }), 'bad_option', 'webhook()'],
  [
    'maxFuture 0',
    () => streamSource('s', { event: z.object({ at }), time: 'at', from: [webhook()], maxFuture: '0s' }),
    'bad_duration',
    'above zero',
  ],
  [
    'a field of Object',
    () => streamSource('s', { event: z.object({ at, toString: z.string() }), time: 'at', from: [webhook()] }),
    'bad_name',
    'toString',
  ],
  ['key misspelt', view(() => ({}), { key: { userid: 'uid' } }), 'empty', 'features'],
  [
    'key misspelt',
    view(() => ({ n: count().over('1h') }), { key: { userid: 'uid' } }),
    'bad_key',
    'Did you mean "user_id"?',
  ],
  [
    'key field misspelt',
    view(() => ({ n: count().over('1h') }), { key: { user_id: 'uidd' } }),
    'unknown_field',
    'Did you mean "uid"?',
  ],
  ['key nullable', view(() => ({ n: count().over('1h') }), { key: { user_id: 'note' } }), 'wrong_type', 'null'],
  [
    'key of another type',
    view(() => ({ n: count().over('1h') }), { key: { user_id: 'vip' } }),
    'bad_key',
    'z.boolean()',
  ],
  ['exactRows 0', view(() => ({ n: count().over('1h') }), { exactRows: 0 }), 'bad_option', '1 to 10,000'],
  ['lateness too short', view(() => ({ n: count().over('1h') }), { allowedLateness: 100 }), 'bad_duration', '128ms'],
  ['since no time', view(() => ({ n: count().over('1h') }), { since: 'yesterday' }), 'bad_option', 'RFC 3339'],
  [
    'no window',
    view((e: E) => ({ n: (sum as Any)(e.amount).where(e.vip.eq(true)) })),
    'missing_window',
    "n: sum(e.amount).where(...).over('5m')",
  ],
  ['no unit', view(() => ({ n: count().over('5') })), 'bad_duration', "'5m'"],
  ['window too narrow', view(() => ({ n: count().over('100ms') })), 'bad_duration', '128ms'],
  ['too many tiles', view(() => ({ n: count().over('1s') })), 'too_many_tiles', 'allowedLateness of at most 64536ms'],
  ['field misspelt', view((e: Any) => ({ n: avg(e.amout).over('1h') })), 'unknown_field', 'Did you mean "amount"?'],
  ['no field', view(() => ({ n: avg().over('1h') })), 'wrong_type', 'avg(e.amount)'],
  ['sum of a text', view((e: Any) => ({ n: sum(e.type).over('1h') })), 'wrong_type', '"type"'],
  ['max of a bool', view((e: Any) => ({ n: max(e.vip).over('1h') })), 'wrong_type', '"vip"'],
  ['rate of a field', view((e: Any) => ({ n: rate(e.vip).over('1h') })), 'wrong_type', 'comparison'],
  ['enum misspelt', view((e: Any) => ({ n: count().where(e.type.eq('clik')).over('1h') })), 'wrong_type', "'click'"],
  [
    'text for a number',
    view((e: Any) => ({ n: count().where(e.amount.gt('5')).over('1h') })),
    'wrong_type',
    'finite number',
  ],
  [
    'order of an enum',
    view((e: Any) => ({ n: count().where(e.type.gt('click')).over('1h') })),
    'wrong_type',
    'no order',
  ],
  ['null compared', view((e: Any) => ({ n: count().where(e.note.eq(null)).over('1h') })), 'wrong_type', '.isNull()'],
  [
    'between turned round',
    view((e: Any) => ({ n: count().where(e.items.between(5, 1)).over('1h') })),
    'bad_value',
    'lower end',
  ],
  [
    'default of another type',
    view((e: Any) => ({ n: avg(e.amount).over('1h').default('0') })),
    'wrong_type',
    '.default()',
  ],
  ['default not a choice', view((e: Any) => ({ n: latest(e.type).default('none') })), 'wrong_type', "'view'"],
  ['default of count not whole', view(() => ({ n: count().over('1h').default(0.5) })), 'wrong_type', 'whole number'],
  ['a feature that is none', view(() => ({ n: 5 })), 'wrong_type', "count().over('5m')"],
  ['a feature name with capitals', view(() => ({ clicksFive: count().over('1h') })), 'bad_name', "'clicks_five'"],
  ['feature missing in a service', () => featureService('s', [userStats, undefined]), 'wrong_type', 'item 2'],
  ['version 0', () => featureService('s', [userStats], { version: 0 }), 'bad_option', 'version'],
  [
    'one name, two views',
    () => featureService('s', [userStats, view(() => ({ clicks_5m: count().over('5m') }))()]),
    'duplicate',
    'user_stats.clicks_5m and v.clicks_5m',
  ],
  [
    'two views of one name',
    () =>
      definitions({
        services: [],
        views: [view(() => ({ a: count().over('5m') }))(), view(() => ({ b: count().over('5m') }))()],
      }),
    'duplicate',
    '"v"',
  ],
])('%s', (_, declare, code, says) => {
  const error = mistake(declare)
  expect(error.message).toContain(says)
  expect(error.code).toBe(code)
  expect(error.message.startsWith(error.where)).toBe(true)
})

test('a mistake in a feature names the view and the feature', () => {
  expect(mistake(view((e: Any) => ({ n: sum(e.type).over('1h') }))).where).toBe('feature view v, feature n')
  expect(deviceStats).toBeDefined()
})
