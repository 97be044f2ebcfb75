import { describe, expect, test } from 'vitest'
import * as t from '../../src/define/index.ts'
import { aggregates, type FeatureSpec } from '../../src/engine/index.ts'
import { type Fields, featureOf, js, mistake, options, table, type Untyped } from './declare.ts'

const click = (e: Fields) => e.type.eq('click')
const clicked = { op: 'eq', field: 'type', value: 'click' } as const

/** Every aggregate as it is written, and the data it is. */
const written: readonly [string, (e: Fields) => t.FeatureBuilder<unknown, unknown>, Partial<FeatureSpec>][] = [
  ['count', () => t.count(), {}],
  ['count of a field', (e) => t.count(e.tags), { field: 'tags' }],
  ['sum', (e) => t.sum(e.price), { field: 'price' }],
  ['avg', (e) => t.avg(e.cents), { field: 'cents' }],
  ['min', (e) => t.min(e.at), { field: 'at' }],
  ['max', (e) => t.max(e.country), { field: 'country' }],
  ['variance', (e) => t.variance(e.amount), { field: 'amount', options: { kind: 'population' } }],
  ['stddev', (e) => t.stddev(e.units, { kind: 'sample' }), { field: 'units', options: { kind: 'sample' } }],
  ['first', (e) => t.first(e.embedding), { field: 'embedding' }],
  ['latest', (e) => t.latest(e.tags), { field: 'tags' }],
  [
    'latest with nulls',
    (e) => t.latest(e.country, { nulls: 'keep' }),
    { field: 'country', options: { nulls: 'keep' } },
  ],
  ['lastN', (e) => t.lastN(e.type, 5), { field: 'type', options: { n: 5 } }],
  ['lastN distinct', (e) => t.lastN(e.ok, 5, { distinct: true }), { field: 'ok', options: { n: 5, distinct: true } }],
  ['lastN not distinct', (e) => t.lastN(e.ok, 5, { distinct: false }), { field: 'ok', options: { n: 5 } }],
  ['countDistinct', (e) => t.countDistinct(e.device), { field: 'device', options: { max: 1000 } }],
  ['countDistinct to 9', (e) => t.countDistinct(e.device, { max: 9 }), { field: 'device', options: { max: 9 } }],
  ['approxCountDistinct', (e) => t.approxCountDistinct(e.uid), { field: 'uid' }],
  ['quantile', (e) => t.quantile(e.amount, 0.5), { field: 'amount', options: { q: 0.5, accuracy: 0.01 } }],
  [
    'quantile 1',
    (e) => t.quantile(e.price, 1, { accuracy: 0.1 }),
    { field: 'price', options: { q: 1, accuracy: 0.1 } },
  ],
  ['topK', (e) => t.topK(e.amount, 3), { field: 'amount', options: { k: 3 } }],
  ['bottomK', (e) => t.bottomK(e.country, 3), { field: 'country', options: { k: 3 } }],
  ['mostFrequent', (e) => t.mostFrequent(e.type), { field: 'type', options: { max: 1000 } }],
  ['mostFrequent of 2', (e) => t.mostFrequent(e.ok, { max: 2 }), { field: 'ok', options: { max: 2 } }],
  ['argMin', (e) => t.argMin(e.embedding, e.at), { field: 'embedding', orderBy: 'at' }],
  ['argMax', (e) => t.argMax(e.type, e.price), { field: 'type', orderBy: 'price' }],
  ['rate', (e) => t.rate(click(e)), { matches: clicked }],
  ['any', (e) => t.any(click(e)), { matches: clicked }],
  ['all', (e) => t.all(click(e)), { matches: clicked }],
  ['timeSinceLast', () => t.timeSinceLast(), {}],
  ['timeSinceLast of a field', (e) => t.timeSinceLast(e.country), { field: 'country' }],
]

test.each(written)('%s', (_, feature, data) => {
  const window = { kind: 'sliding', widthMs: 3_600_000, delayMs: 0 }
  const spec = featureOf((e) => feature(e).over('1h'))
  expect(spec).toEqual({ name: 'f', aggregate: spec.aggregate, ...data, window })
})

test.each(Object.values(aggregates).map((aggregate) => [aggregate.name, aggregate.doc.example] as const))(
  'what the engine gives as an example of %s is right: %s',
  (name, example) => {
    const names = Object.keys(t).filter((known) => example.includes(known))
    const declare = new Function('e', ...names, `return ${example}`)
    const values = names.map((known) => Reflect.get(t, known))
    expect(featureOf((e) => declare(e, ...values)).aggregate).toBe(name)
  },
)

test('features of one aggregate that say the same are the same data', () => {
  const same = (a: (e: Fields) => t.FeatureBuilder<unknown>, b: (e: Fields) => t.FeatureBuilder<unknown>) =>
    expect(featureOf((e) => a(e).over('1h'))).toEqual(featureOf((e) => b(e).over('1h')))
  same(
    (e) => t.variance(e.amount),
    (e) => t.variance(e.amount, { kind: 'population' }),
  )
  same(
    (e) => t.countDistinct(e.uid),
    (e) => t.countDistinct(e.uid, { max: 1000 }),
  )
  same(
    (e) => t.sum(e.amount).by(e.country),
    (e) => t.sum(e.amount).by(e.country, { max: 100 }),
  )
})

test('a group is a field and how many values of it there may be', () => {
  expect(featureOf((e) => t.sum(e.amount).by(e.country).over('1d')).groupBy).toEqual({ field: 'country', max: 100 })
  const grouped = featureOf((e) => t.count().by(e.units, { max: 1_000 }).where(click(e)).over('1d'))
  expect(grouped).toMatchObject({ groupBy: { field: 'units', max: 1_000 }, where: clicked })
  for (const field of ['ok', 'cents', 'price', 'device', 'at', 'type'] as const) {
    expect(featureOf((e) => t.count().by(e[field]).over('1d')).groupBy?.field).toBe(field)
  }
})

test('a default is given in the form that values of its type have', () => {
  const defaultOf = (feature: (e: Fields) => t.FeatureBuilder<unknown, unknown>) =>
    featureOf((e) => (feature(e) as t.FeatureBuilder<unknown>).over('1h')).default
  expect(defaultOf((e) => t.sum(e.cents).default(5n))).toBe(5n)
  expect(defaultOf((e) => t.sum(e.price).default('1.5'))).toBe(150n)
  expect(defaultOf((e) => t.any(click(e)).default(false))).toBe(false)
  expect(defaultOf((e) => t.min(e.at).default(Date.UTC(2026, 0, 1)))).toBe(Date.UTC(2026, 0, 1))
  expect(defaultOf((e) => t.argMax(e.type, e.amount).default('view'))).toBe('view')
  expect(featureOf((e) => t.sum(e.cents).over(t.decayed('1d')).default(0.5)).default).toBe(0.5)
})

describe('refused', () => {
  const f = (feature: (e: Untyped) => Untyped, more?: object) => () => featureOf((e) => feature(e).over('1h'), more)
  test.each<[string, () => unknown, string, string]>([
    ['avg of nothing', f(() => js.avg()), 'wrong_type', 'write avg(e.amount)'],
    ['avg of a text', f(() => js.avg('amount')), 'wrong_type', 'takes a field of the source'],
    ['a field misspelt', f((e) => js.topK(e.amout, 3)), 'unknown_field', 'Did you mean "amount"?'],
    ['sum of a choice', f((e) => js.sum(e.type)), 'wrong_type', 'sum of "type"'],
    ['sum of a time', f((e) => js.sum(e.at)), 'wrong_type', 'sum of "at"'],
    ['avg of a bool', f((e) => js.avg(e.ok)), 'wrong_type', 'avg of "ok"'],
    ['min of a bool', f((e) => js.min(e.ok)), 'wrong_type', 'min of "ok"'],
    ['max of a list', f((e) => js.max(e.tags)), 'wrong_type', 'max of "tags"'],
    ['variance of a uuid', f((e) => js.variance(e.device)), 'wrong_type', 'variance of "device"'],
    ['quantile of a text', f((e) => js.quantile(e.country, 0.5)), 'wrong_type', 'quantile of "country"'],
    ['topK of a bool', f((e) => js.topK(e.ok, 3)), 'wrong_type', 'topK of "ok"'],
    ['lastN of a vector', f((e) => js.lastN(e.embedding, 3)), 'wrong_type', 'lastN of "embedding"'],
    ['countDistinct of a list', f((e) => js.countDistinct(e.tags)), 'wrong_type', 'countDistinct of "tags"'],
    [
      'approxCountDistinct of a vector',
      f((e) => js.approxCountDistinct(e.embedding)),
      'wrong_type',
      'approxCountDistinct',
    ],
    ['mostFrequent of a list', f((e) => js.mostFrequent(e.tags)), 'wrong_type', 'mostFrequent of "tags"'],
    ['argMax by nothing', f((e) => js.argMax(e.type)), 'wrong_type', 'write argMax(e.type, e.amount)'],
    ['argMax by a bool', f((e) => js.argMax(e.type, e.ok)), 'wrong_type', 'argMax of "type"'],
    ['argMin by a list', f((e) => js.argMin(e.type, e.tags)), 'wrong_type', 'argMin of "type"'],
    ['rate of a field', f((e) => js.rate(e.ok)), 'wrong_type', 'rate() takes a comparison'],
    ['any of nothing', f(() => js.any()), 'wrong_type', 'any() takes a comparison'],
    ['a filter that is none', f(() => js.count().where(true)), 'wrong_type', "e.type.eq('click')"],
    ['a quantile above 1', f((e) => js.quantile(e.amount, 95)), 'bad_option', 'q is a number from 0 to 1; got 95'],
    ['a quantile below 0', f((e) => js.quantile(e.amount, -0.1)), 'bad_option', 'q is a number from 0 to 1'],
    ['a quantile NaN', f((e) => js.quantile(e.amount, Number.NaN)), 'bad_option', 'got NaN'],
    ['no quantile', f((e) => js.quantile(e.amount)), 'bad_option', 'got none'],
    [
      'an accuracy of 0',
      f((e) => js.quantile(e.amount, 0.5, { accuracy: 0 })),
      'bad_option',
      'accuracy is a number above 0.0001 and below 0.2; got 0',
    ],
    ['an accuracy of a half', f((e) => js.quantile(e.amount, 0.5, { accuracy: 0.5 })), 'bad_option', 'below 0.2'],
    [
      'a cap of 0',
      f((e) => js.countDistinct(e.uid, { max: 0 })),
      'bad_option',
      'max is a whole number from 3 to 10,000; got 0',
    ],
    [
      'a set of ten thousand texts in every tile',
      f((e) => js.countDistinct(e.uid, { max: 10_000 })),
      'too_much_state',
      '386 tiles of up to 120.0 KB could come to 47 MB for one entity, more than 16 MB: lower its n, k or max',
    ],
    ['a cap too large', f((e) => js.mostFrequent(e.uid, { max: 10_001 })), 'bad_option', 'max is'],
    ['topK of 0', f((e) => js.topK(e.amount, 0)), 'bad_option', 'k is a whole number from 1 to 1,000'],
    ['topK of a text', f((e) => js.topK(e.amount, '3')), 'bad_option', "got '3'"],
    ['bottomK of none', f((e) => js.bottomK(e.amount)), 'bad_option', 'got none'],
    ['lastN of 1001', f((e) => js.lastN(e.amount, 1001)), 'bad_option', 'n is a whole number from 1 to 1,000'],
    [
      'distinct that is no flag',
      f((e) => js.lastN(e.amount, 3, { distinct: 1 })),
      'bad_option',
      'distinct is true or false',
    ],
    ['another kind', f((e) => js.stddev(e.amount, { kind: 'both' })), 'bad_option', "'population' or 'sample'"],
    ['other nulls', f((e) => js.first(e.amount, { nulls: 'skip' })), 'bad_option', "'keep', or left out; got 'skip'"],
    ['an option misspelt', f((e) => js.countDistinct(e.uid, { maxx: 5 })), 'bad_option', 'Did you mean "max"?'],
    ['options that are none', f((e) => js.countDistinct(e.uid, 5)), 'bad_option', 'expects an object'],
    ['a group of a float64', f((e) => js.count().by(e.amount)), 'wrong_type', 'declare it as z.int()'],
    ['a group of a list', f((e) => js.count().by(e.tags)), 'wrong_type', 'group by a scalar'],
    ['a group of nothing', f(() => js.count().by('country')), 'wrong_type', '.by(e.country)'],
    ['two groups', f((e) => js.count().by(e.country).by(e.type)), 'bad_option', 'one field'],
    ['a group of 0', f((e) => js.count().by(e.country, { max: 0 })), 'bad_option', '1 to 10,000; got 0'],
    ['a group too large', f((e) => js.count().by(e.country, { max: 1e5 })), 'bad_option', '1 to 10,000'],
    ['a group option misspelt', f((e) => js.count().by(e.country, { mx: 5 })), 'bad_option', 'Did you mean "max"?'],
    ['the default of a list', f((e) => js.topK(e.amount, 3).default([])), 'wrong_type', 'a list has no .default()'],
    ['the default of a map', f((e) => js.count().by(e.country).default(0)), 'wrong_type', 'a map has no .default()'],
    [
      'the default of a vector',
      f((e) => js.latest(e.embedding).default([1])),
      'wrong_type',
      'a vector has no .default()',
    ],
    ['a default of another type', f((e) => js.any(e.ok.eq(true)).default(0)), 'wrong_type', '.default()'],
    ['a default that is no choice', f((e) => js.mostFrequent(e.type).default('none')), 'wrong_type', "'view'"],
    [
      'an aggregate that is none',
      f(() => new (js.count().constructor as Untyped)({ aggregate: 'median' })),
      'unknown_aggregate',
      'median',
    ],
    [
      'a window as a feature',
      () => t.featureView('v', options, () => ({ f: t.lastN(5) as Untyped })),
      'wrong_type',
      'count().over(lastN(...))',
    ],
  ])('%s', (_, declare, code, says) => {
    const error = mistake(declare)
    expect(error.message).toContain(says)
    expect(error.code).toBe(code)
    expect(error.where).toMatch(/^feature view v, (feature f|field)|^feature view v$/)
  })

  test.each([
    'min',
    'max',
    'first',
    'latest',
    'lastN',
    'countDistinct',
    'approxCountDistinct',
    'mostFrequent',
    'stddev',
  ])('%s in a decayed window', (name) => {
    const aggregate = Reflect.get(js, name)
    const error = mistake(() =>
      featureOf((e) => aggregate(e.units, name === 'lastN' ? 3 : undefined).over(t.decayed('1d'))),
    )
    expect(error.message).toContain('in a decayed window take count, sum, avg or rate')
    expect(error.code).toBe('wrong_type')
  })

  test('no window, and how to write one', () => {
    const error = mistake(() => featureOf((e) => t.argMax(e.type, e.amount).where(e.ok.eq(true))))
    expect(error.message).toContain("f: argMax(e.type, e.amount).where(...).over('5m')")
    expect(mistake(() => featureOf((e) => t.topK(e.amount, 3))).message).toContain(
      'topK(e.amount, ...).over(lifetime())',
    )
  })

  test('a field or filter of another source', () => {
    const leaked: { field?: t.FieldHandle<'number', number>; filter?: t.RowPredicate } = {}
    featureOf((e) => {
      leaked.field = e.units
      leaked.filter = e.units.gt(5)
      return t.count().over('1h')
    })
    const other = {
      spec: { ...table.spec, changes: undefined, fields: table.spec.fields.filter(({ name }) => name !== 'units') },
    }
    for (const feature of [
      js.sum(leaked.field),
      js.count().where(js.not(leaked.filter)),
      js.count().by(leaked.field),
    ]) {
      const error = mistake(() => featureOf(() => feature.over('1h'), { source: other }))
      expect(error.message).toContain('the source shop has no field "units"')
      expect(error.code).toBe('unknown_field')
    }
  })
})
