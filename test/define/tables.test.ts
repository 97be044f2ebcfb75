import { expect, test } from 'vitest'
import * as t from '../../src/define/index.ts'
import { type Fields, featureOf, mistake, table } from './declare.ts'

type Feature = (e: Fields) => t.FeatureBuilder<unknown, unknown>
const overTable = (feature: Feature) => featureOf(feature, { source: table })

/** Aggregates that keep what a row can be taken out of again. */
const invertible: readonly Feature[] = [
  () => t.count().over('1h'),
  (e) => t.count(e.tags).over('1h'),
  (e) => t.sum(e.price).over(t.tumbling('day', { timeZone: 'Europe/Berlin' })),
  (e) => t.avg(e.amount).over(t.lifetime()),
  (e) => t.variance(e.amount).over('1h'),
  (e) => t.stddev(e.amount).over('1h'),
  (e) => t.quantile(e.amount, 0.5).over('1h'),
  (e) => t.rate(e.ok.eq(true)).over('1h'),
  (e) => t.any(e.ok.eq(true)).over('1h'),
  (e) => t.all(e.ok.eq(true)).over('1h'),
  (e) => t.sum(e.amount).over(t.decayed('1d')),
]

test.each(invertible.map((feature) => [featureOf(feature).aggregate, feature] as const))(
  'over a table %s takes rows back from what it keeps',
  (_, feature) => expect(overTable(feature)).toEqual(featureOf(feature)),
)

test.each<[string, Feature, string]>([
  [
    'min',
    (e) => t.min(e.amount).over('1h'),
    "min() needs tail: 'exact': write .over(sliding('1h', { tail: 'exact', limit: 1000 }))",
  ],
  ['max', (e) => t.max(e.amount).over(t.tumbling('1h')), ".over(tumbling('1h', { tail: 'exact', limit: 1000 }))"],
  [
    'latest',
    (e) => t.latest(e.type),
    "over a table, whose rows are changed and deleted, latest() needs tail: 'exact': write " +
      ".over(lifetime({ tail: 'exact', limit: 1000 })).",
  ],
  ['first', (e) => t.first(e.type), ".over(lifetime({ tail: 'exact', limit: 1000 }))"],
  ['lastN', (e) => t.lastN(e.type, 3).over(3_600_000), '.over(sliding(3600000, {'],
  ['countDistinct', (e) => t.countDistinct(e.uid).over('1h'), 'countDistinct() needs'],
  ['approxCountDistinct', (e) => t.approxCountDistinct(e.uid).over('1h'), 'approxCountDistinct() needs'],
  ['topK', (e) => t.topK(e.amount, 3).over('1h'), 'topK() needs'],
  ['bottomK', (e) => t.bottomK(e.amount, 3).over('1h'), 'bottomK() needs'],
  ['mostFrequent', (e) => t.mostFrequent(e.type).over('1h'), 'mostFrequent() needs'],
  ['argMin', (e) => t.argMin(e.type, e.amount).over('1h'), 'argMin() needs'],
  ['argMax', (e) => t.argMax(e.type, e.amount).over('1h'), 'argMax() needs'],
  ['timeSinceLast', () => t.timeSinceLast(), 'timeSinceLast() needs'],
  [
    'a session',
    () => t.count().over(t.session('30m', { max: '1h' })),
    "a session needs tail: 'exact': write .over(session('30m', { max: '1h', tail: 'exact', limit: 1000 }))",
  ],
  ['the newest rows', () => t.count().over(t.lastN(5)), ".over(lastN(5, { tail: 'exact', limit: 1000 }))"],
  ['groups', (e) => t.count().by(e.country).over('1h'), ".by() needs tail: 'exact'"],
])('over a table %s is refused without a tail, and taken with one', (_, feature, says) => {
  expect(featureOf(feature)).toBeDefined()
  const error = mistake(() => overTable(feature))
  expect(error.message).toContain(says)
  expect(error.code).toBe('not_retractable')
  const lifetime = t.lifetime({ tail: 'exact', limit: 1000 })
  expect(overTable((e) => feature(e).over(lifetime)).window).toEqual({ kind: 'lifetime', tailLimit: 1000 })
})

test('what is over a table with a tail may be any window', () => {
  const tail = { tail: 'exact', limit: 50 } as const
  for (const window of [t.session('30m', tail), t.lastN(5, tail), t.sliding('1h', tail), t.tumbling('week', tail)]) {
    expect(overTable((e) => t.topK(e.amount, 3).by(e.country).over(window)).window).toMatchObject({ tailLimit: 50 })
  }
})
