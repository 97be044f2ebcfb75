import { expect, test } from 'vitest'
import * as z from 'zod'
import {
  count,
  definitions,
  entity,
  featureService,
  featureView,
  lifetime,
  streamSource,
  webhook,
} from '../../src/define/index.ts'
import { localStore } from '../../src/testing/index.ts'

const user = entity('user', { user_id: z.string() })
const NOW = Date.UTC(2026, 0, 1)
const source = (idempotency?: 'content' | 'none') =>
  streamSource('clicks', {
    event: z.object({ uid: z.string(), at: z.iso.datetime({ offset: true }) }),
    time: 'at',
    from: [webhook()],
    ...(idempotency && { idempotency }),
  })
const storeOf = (idempotency?: 'content' | 'none') => {
  const stats = featureView(
    'stats',
    { entity: user, source: source(idempotency), key: { user_id: 'uid' }, since: 'beginning' },
    () => ({ hour: count().over('1h'), ever: count().over(lifetime()) }),
  )
  return localStore(definitions({ services: [featureService('s', [stats])] }), { now: () => NOW, shards: 3 })
}
const row = (uid: string, at: string, more = {}) => ({ uid, at, ...more })
const OLD = '2001-01-01T00:00:00Z'

test('history goes in once, however often it is imported, with and without ids', async () => {
  for (const idempotency of [undefined, 'content', 'none'] as const) {
    const store = storeOf(idempotency)
    const rows = [row('a', OLD), row('b', '2025-12-31T23:59:00Z')]
    await store.send('clicks', JSON.stringify([])).catch(() => {})
    const first = await store.import('clicks', rows, { knownAt: 'event-time+5m', name: 'h.csv' })
    const again = await store.import('clicks', rows, { knownAt: 'event-time+5m', name: 'h.csv' })
    expect([first.accepted, again.accepted, again.duplicates], String(idempotency)).toEqual([2, 0, 2])
    const [a, b] = await store.read({ service: 's', entities: [{ user_id: 'a' }, { user_id: 'b' }] })
    expect([a?.features, b?.features]).toEqual([
      { hour: 0, ever: 1 },
      { hour: 1, ever: 1 },
    ])
  }
})

test('what is refused is a letter that names the import and the row', async () => {
  const store = storeOf('content')
  const receipt = await store.import('clicks', [row('a', OLD), row('b', 'yesterday')], {
    knownAt: 'none',
    name: 'h.csv',
  })
  expect(receipt.refused.map(({ index, reason }) => [index, reason])).toEqual([[1, 'bad_time']])
  expect(store.deadLetters.map(({ position, imported }) => [position, imported])).toEqual([['h.csv:2', null]])
})

test('a rule that cannot be followed is told, with the row', async () => {
  const store = storeOf('content')
  const rows = [row('a', OLD, { loaded: OLD }), row('b', OLD, { loaded: null })]
  await expect(store.import('clicks', rows, { knownAt: 'column:loaded' })).rejects.toThrow(
    'row 2 has no time in "loaded"',
  )
  await expect(store.import('clicks', rows, { knownAt: 'event-time+5x' })).rejects.toThrow("'5x' is no duration")
  await expect(store.import('clicks', rows, { knownAt: 'soon' as 'none' })).rejects.toThrow('column:NAME')
})
