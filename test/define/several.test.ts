import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { VIEW } from '../../src/define/feature-view.ts'
import { columnTypes, compileView, identityOf, layoutOf, type SourceSpec } from '../../src/engine/index.ts'
import { Plan } from '../../src/plan/index.ts'
import { js, mistake, shop, type Untyped, viewOf } from './declare.ts'
import * as several from './several.ts'

const { app, both, clicks, impressions, orders, shown, user, web } = several
const { count, featureView, intervalJoin, latest, lastN, lifetime, max, session, sliding, sum, union } = js

const overJoin =
  (features: (e: Untyped) => unknown, more: object = {}) =>
  () =>
    featureView(
      'v',
      { entity: user, source: shown, key: { user_id: { left: 'uid', right: 'user' } }, ...more },
      features,
    )
const overBoth =
  (features: (e: Untyped) => unknown, more: object = {}) =>
  () =>
    featureView('v', { entity: user, source: both, key: { user_id: { web: 'uid', app: 'user' } }, ...more }, features)
const joinBy =
  (options: object, left: unknown = impressions, right: unknown = clicks) =>
  () =>
    intervalJoin('j', left, right, { on: 'impression_id', within: '30m', ...options })
const n = () => ({ n: count().over('1h') })
const source = (name: string, fields: object) =>
  js.streamSource(name, {
    event: z.object({ uid: z.string(), at: z.iso.datetime({ offset: true }), ...fields }),
    time: 'at',
    idempotency: 'none',
    from: [js.webhook()],
  })

describe('mistakes of joins and unions', () => {
  test.each<[string, () => unknown, string, string]>([
    ['a join without a name', () => intervalJoin('', impressions, clicks, {}), 'bad_name', 'interval join'],
    ['no left', joinBy({}, null), 'bad_option', 'left is no source: give it what streamSource(...)'],
    ['a join of a join', joinBy({}, shown), 'bad_option', 'unions and joins are not nested'],
    ['a join with itself', joinBy({}, clicks, clicks), 'duplicate', 'left and right are both the source clicks'],
    [
      'no on',
      joinBy({ on: undefined }),
      'bad_option',
      "Write on: 'id', on: { left: 'id', right: 'order_id' }, or on: []",
    ],
    ['on misspelt', joinBy({ on: 'impresion_id' }), 'unknown_field', 'Did you mean "impression_id"?'],
    ['on of one side only', joinBy({ on: 'ad' }), 'unknown_field', 'clicks has no field "ad"'],
    ['on without a right', joinBy({ on: { left: 'ad' } }), 'unknown_field', 'on names no field of right'],
    ['on with a third', joinBy({ on: { left: 'ad', rigth: 'user' } }), 'bad_option', 'Did you mean "right"?'],
    ['on of two types', joinBy({ on: { left: 'ad', right: 'weight' } }), 'wrong_type', 'declare both alike'],
    ['a uuid and a text', joinBy({ on: { left: 'ad', right: 'device' } }), 'wrong_type', 'is string and "device"'],
    [
      'on a float',
      joinBy({ on: 'w' }, source('a', { w: z.number() }), source('b', { w: z.number() })),
      'wrong_type',
      'declare it as z.int() or decimal(s)',
    ],
    [
      'on a list',
      joinBy({ on: 'w' }, source('a', { w: z.array(z.string()) }), source('b', { w: z.array(z.string()) })),
      'wrong_type',
      'join on a scalar',
    ],
    ['no within', joinBy({ within: undefined }), 'bad_duration', 'within'],
    ['within nothing', joinBy({ within: 0 }), 'bad_duration', 'within'],
    ['an order of its own', joinBy({ order: 'right-first' }), 'bad_option', "'any' or 'left-first'"],
    ['maxPairs 0', joinBy({ maxPairs: 0 }), 'bad_option', '1 to 100,000'],
    ['an option misspelt', joinBy({ witin: '1h' }), 'bad_option', 'Did you mean "within"?'],
    ['a side misspelt', overJoin((e) => ({ a: count(e.lft.ad).over('1h') })), 'unknown_field', 'Did you mean "left"?'],
    [
      'a field without a side',
      overJoin((e) => ({ a: latest(e.button).over('1h') })),
      'unknown_field',
      'the join has no field "button"',
    ],
    [
      'a field of the other side',
      overJoin((e) => ({ a: latest(e.left.button).over('1h') })),
      'unknown_field',
      'impressions, the left of the join, has no field "button"',
    ],
    ['a side as a field', overJoin((e) => ({ a: latest(e.left).over('1h') })), 'wrong_type', 'takes a field'],
    ['lifetime over a join', overJoin(() => ({ a: count().over(lifetime()) })), 'bad_option', "write .over('30d')"],
    [
      'latest without a window',
      overJoin((e) => ({ a: latest(e.left.ad) })),
      'bad_option',
      'latest() over lifetime() has no end',
    ],
    [
      'a tail over a join',
      overJoin(() => ({ a: count().over(sliding('1h', { tail: 'exact', limit: 5 })) })),
      'bad_option',
      'leave out tail and limit',
    ],
    [
      'a key of one side',
      overJoin(n, { key: { user_id: { left: 'uid' } } }),
      'unknown_field',
      'the key of user is missing',
    ],
    [
      'a key of a third side',
      overJoin(n, { key: { user_id: { left: 'uid', rihgt: 'user' } } }),
      'bad_key',
      'Did you mean "right"?',
    ],
    [
      'a key that only one has',
      overJoin(n, { key: { user_id: 'uid' } }),
      'unknown_field',
      'names "uid", which is no field',
    ],
    ['no key', overJoin(n, { key: undefined }), 'bad_key', "Write key: { user_id: '...' }"],
    ['a union of one', () => union({ web }), 'empty', 'union({ web, app })'],
    ['a union of a list', () => union([web, app]), 'bad_name', 'letters'],
    ['a union of nothing', () => union(undefined), 'empty', 'at least two'],
    [
      'a field that the union itself has',
      () => union({ web, other: source('other', { $source: z.string() }) }),
      'bad_name',
      'other has a field "$source"',
    ],
    ['a union of a union', () => union({ web, both }), 'bad_option', 'both is no source'],
    ['a source twice', () => union({ web, again: web }), 'duplicate', 'web and again are both the source web'],
    [
      'a field that one does not have',
      overBoth((e) => ({ a: latest(e.page) })),
      'unknown_field',
      'It is none in app, string in web: declare it in all of them, with one type',
    ],
    [
      'a field of two types',
      overBoth((e) => ({ a: sum(e.units).over('1h') })),
      'unknown_field',
      'float64 in app, int in web',
    ],
    [
      'a field that none has',
      overBoth((e) => ({ a: sum(e.amont).over('1h') })),
      'unknown_field',
      'Did you mean "amount"?',
    ],
    [
      'what takes no rows back, with a table',
      overBoth((e) => ({ a: max(e.amount).over('1h') }), {
        source: union({ web, orders }),
        key: { user_id: { web: 'uid', orders: 'user' } },
      }),
      'not_retractable',
      "max() needs tail: 'exact'",
    ],
    ['no source at all', overBoth(n, { source: {} }), 'bad_option', 'intervalJoin(...) returned'],
  ])('%s', (_, declare, code, says) => {
    const error = mistake(declare)
    expect(error.message).toContain(says)
    expect(error.code).toBe(code)
    expect(error.message.startsWith(error.where)).toBe(true)
  })

  test('a mistake of a key names the view and the side', () => {
    expect(mistake(overJoin(n, { key: { user_id: { left: 'uid', right: 'uid' } } })).where).toBe(
      'feature view v, right, key user_id',
    )
  })
})

describe('views of several sources as data', () => {
  test('a join keeps its two sources, and every window but lifetime is taken', () => {
    const view = overJoin((e) => ({
      a: latest(e.right.button).over(lastN(5)),
      b: max(e.left.price).over(session('5m')),
      c: count().by(e.left.ad).over('7d'),
    }))()[VIEW]
    expect(view.spec).toMatchObject({
      source: 'shown_clicked',
      key: {},
      inputs: [
        { name: 'left', source: 'impressions', key: { user_id: 'uid' } },
        { name: 'right', source: 'clicks', key: { user_id: 'user' } },
      ],
      join: {
        on: [{ left: 'impression_id', right: 'impression_id' }],
        withinMs: 1_800_000,
        order: 'any',
        maxPairs: 10_000,
      },
      exactRows: 1_000,
    })
    expect(view.sources).toEqual([impressions.spec, clicks.spec])
  })

  test('a union is the same in whatever order its sources are written', () => {
    const declare = (source: unknown) => overBoth(n, { source })()[VIEW].spec
    expect(declare(union({ app, web }))).toEqual(declare(union({ web, app })))
  })

  test('a join over a table, and a union with one, take rows back', () => {
    const paid = intervalJoin('paid', web, orders, { on: [], within: '1h' })
    const key = { user_id: { left: 'uid', right: 'user' } }
    expect(overJoin((e) => ({ a: max(e.right.amount).over('1h') }), { source: paid, key })()[VIEW].spec.changes).toBe(
      true,
    )
    const united = { source: union({ web, orders }), key: { user_id: { web: 'uid', orders: 'user' } } }
    expect(overBoth((e) => ({ a: sum(e.amount).over('1h') }), united)()[VIEW].spec.changes).toBe(true)
  })

  test('another join is another view: nothing of its state fits', () => {
    const identity = (options: object) => {
      const { spec, sources } = overJoin(n, { source: joinBy(options)() })()[VIEW]
      const fieldsOf = (name: string) => (sources as SourceSpec[]).find((one) => one.name === name)?.fields ?? []
      return identityOf(compileView(spec, columnTypes(spec, fieldsOf)))
    }
    const usual = identity({})
    for (const options of [{ within: '1h' }, { order: 'left-first' }, { on: [] }, { on: 'id' }]) {
      expect(identity(options)).not.toBe(usual)
    }
    expect(identity({ maxPairs: 5 })).toBe(usual)
  })

  test('the names of layouts and plans of one source are those that they had before there could be several', () => {
    const spec = viewOf((e) => js.avg(e.amount).where(e.type.eq('click')).over('1h'))
    const plan = compileView(
      spec,
      columnTypes(spec, () => shop.spec.fields),
    )
    expect(identityOf(plan)).toBe('["v","shop",{"buyer_id":"uid"},["string"]]')
    expect(layoutOf(plan)).toBe(LAYOUT)
    const services = [{ name: 's', version: 1, features: ['v.f'] }]
    const entities = [{ name: 'buyer', keys: [{ name: 'buyer_id', type: 'string' as const }] }]
    expect(new Plan({ entities, sources: [shop.spec], views: [spec], services }).hash).toBe(HASH)
  })
})

/** As commit 131f392 gave them. */
const LAYOUT = 2_678_409_128
const HASH = '75e1fcef9690e0170e360dc6570e73f7'
