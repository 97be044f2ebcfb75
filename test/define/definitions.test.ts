import { expect, test } from 'vitest'
import {
  count,
  definitions,
  featureService,
  featureView,
  latest,
  lifetime,
  not,
  sliding,
} from '../../src/define/index.ts'
import { canonicalJson } from '../../src/util/canonical-json.ts'
import example, { activity, deviceStats, fraud, user, userStats } from './example.ts'

test('all of a definition is data, in the order of the vector', () => {
  expect(fraud.spec).toEqual({
    name: 'fraud',
    version: 1,
    owner: 'risk',
    features: ['clicks_5m', 'spend_avg_1h', 'spend_1h', 'cents_1d', 'last_type', 'last_seen', 'vip_share']
      .map((name) => `user_stats.${name}`)
      .concat('device_stats.events_1h'),
  })
  expect(example.spec.views.map((view) => view.name)).toEqual(['device_stats', 'user_stats'])
  expect(example.spec.views[1]?.features.slice(0, 2)).toEqual([
    {
      name: 'clicks_5m',
      aggregate: 'count',
      where: { op: 'eq', field: 'type', value: 'click' },
      window: { kind: 'sliding', widthMs: 300_000, delayMs: 0 },
    },
    {
      name: 'spend_avg_1h',
      aggregate: 'avg',
      field: 'amount',
      where: { op: 'eq', field: 'type', value: 'purchase' },
      window: { kind: 'sliding', widthMs: 3_600_000, delayMs: 0 },
    },
  ])
  expect(JSON.parse(canonicalJson(example.spec))).toBeDefined()
})

test('the hash follows the content, not the order of declaring', () => {
  const again = definitions({ services: [fraud], views: [userStats, deviceStats] })
  expect(again.hash).toBe(example.hash)
  const other = definitions({ services: [featureService('fraud', [userStats], { owner: 'risk' })] })
  expect(other.hash).not.toBe(example.hash)
  expect(example.hash).toMatch(/^[0-9a-f]{32}$/)
})

test('builders are immutable: one may begin several features', () => {
  const view = featureView(
    'v',
    { entity: user, source: activity, key: { user_id: 'uid' }, since: '2026-01-01T00:00:00Z' },
    (e) => {
      const clicks = count().where(e.type.eq('click'))
      return {
        a: clicks.over('5m'),
        b: clicks.where(not(e.vip.eq(true)).or(e.cents.gte(5))).over(sliding('1h', { delay: '1d' })),
        c: clicks.over(lifetime()).describe('all of them'),
        name: latest(e.note, { nulls: 'keep' }),
        spec: count(e.amount).where(e.at.lt('2026-01-01T00:00:00+01:00')).over(250_000),
      }
    },
  )
  const { spec } = definitions({ services: [featureService('s', [view])] })
  expect(spec.views[0]).toMatchObject({ since: Date.UTC(2026, 0, 1), exactRows: 128, allowedLatenessMs: 300_000 })
  const click = { op: 'eq', field: 'type', value: 'click' }
  const orElse = {
    op: 'or',
    of: [
      { op: 'not', of: { op: 'eq', field: 'vip', value: true } },
      { op: 'gte', field: 'cents', value: 5n },
    ],
  }
  expect(spec.views[0]?.features.map(({ name, where, window }) => ({ name, where, window }))).toEqual([
    { name: 'a', where: click, window: { kind: 'sliding', widthMs: 300_000, delayMs: 0 } },
    {
      name: 'b',
      where: { op: 'and', of: [click, orElse] },
      window: { kind: 'sliding', widthMs: 3_600_000, delayMs: 86_400_000 },
    },
    { name: 'c', where: click, window: { kind: 'lifetime' } },
    { name: 'name', where: undefined, window: { kind: 'lifetime' } },
    {
      name: 'spec',
      where: { op: 'lt', field: 'at', value: Date.UTC(2025, 11, 31, 23) },
      window: { kind: 'sliding', widthMs: 250_000, delayMs: 0 },
    },
  ])
})

test('a view and a feature of its own in one service: once in the vector, where it came first', () => {
  expect(featureService('s', [userStats.last_type, userStats]).spec.features.slice(0, 2)).toEqual([
    'user_stats.last_type',
    'user_stats.clicks_5m',
  ])
})

test('of two versions of a service both are deployed, and the newest is the one by name', () => {
  const second = featureService('fraud', [userStats], { version: 2 })
  const both = definitions({ services: [second, fraud] })
  expect(both.spec.services.map((s) => s.version)).toEqual([1, 2])
  expect(both.services.fraud.spec.version).toBe(2)
})
