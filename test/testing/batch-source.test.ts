import { expect, test } from 'vitest'
import * as z from 'zod'
import {
  batchSource,
  definitions,
  entity,
  featureService,
  featureView,
  latest,
  streamSource,
  vector,
  webhook,
} from '../../src/define/index.ts'
import { localStore } from '../../src/testing/index.ts'
import { type Random, random } from '../support/random.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const NOW = Date.UTC(2026, 0, 10)
const user = entity('user', { user_id: z.string() })
const values = z.object({
  user_id: z.string(),
  lifetime_value: z.number().nullish(),
  taste: vector(2).nullish(),
  as_of: z.iso.datetime({ offset: true }),
})
const ltv = batchSource('ltv', { entity: user, values, time: 'as_of', ttl: '2d' })
const ltv2 = batchSource('ltv', { entity: user, values, time: 'as_of', version: 2 })
const all = definitions({ services: [featureService('s', [ltv]), featureService('next', [ltv2])] })
const open = () => localStore(all, { now: () => NOW, shards: 2 })
const iso = (ms: number) => new Date(ms).toISOString()
const at = async (store: ReturnType<typeof open>, t: number, user_id = 'u') => {
  const [row] = await store.read({ service: 's', entities: [{ user_id }], at: t, metadata: true })
  return [
    row?.features.lifetime_value,
    row?.features.taste && [...row.features.taste],
    row?.metadata?.status.lifetime_value,
  ]
}

test('a row sets all values together: a null in the newest row is null, and no value of an older one', async () => {
  const store = open()
  const rows = [
    { user_id: 'u', lifetime_value: 12.5, taste: [0.5, 0.1], as_of: iso(NOW - DAY) },
    { user_id: 'u', lifetime_value: null, taste: [1, 2], as_of: iso(NOW - HOUR) },
  ]
  await store.import('ltv', rows, { knownAt: 'event-time+1h' })
  expect(await at(store, NOW)).toEqual([null, [1, 2], 'present'])
  expect(await at(store, NOW, 'nobody')).toEqual([null, null, 'missing'])
})

test('a read uses rows before t, and shows a row that is as old as its ttl, no older', async () => {
  const store = open()
  const asOf = NOW - 3 * DAY
  await store.send('ltv', [{ user_id: 'u', lifetime_value: 7, taste: null, as_of: iso(asOf) }])
  expect(await at(store, asOf)).toEqual([null, null, 'empty'])
  expect(await at(store, asOf + 1)).toEqual([7, null, 'present'])
  expect(await at(store, asOf + 2 * DAY)).toEqual([7, null, 'present'])
  expect(await at(store, asOf + 2 * DAY + 1)).toEqual([null, null, 'expired'])
  const why = store.explain('ltv.lifetime_value', { user_id: 'u' }, NOW)
  expect([why?.value.status, why?.notes.at(-1)]).toEqual(['expired', expect.stringContaining('older than its ttl')])
  // Hidden, not gone: a newer row shows again, an older one does not.
  await store.import('ltv', [{ user_id: 'u', lifetime_value: 6, as_of: iso(asOf - DAY) }], { knownAt: 'none' })
  expect((await at(store, NOW))[2]).toBe('expired')
  await store.import('ltv', [{ user_id: 'u', lifetime_value: 8, as_of: iso(NOW - HOUR) }], { knownAt: 'none' })
  expect(await at(store, NOW)).toEqual([8, null, 'present'])
})

test('the same dump again counts nothing, a corrected row of the same time wins, and versions do not mix', async () => {
  const store = open()
  const row = { user_id: 'u', lifetime_value: 1, as_of: iso(NOW - HOUR) }
  expect(await store.import('ltv', [row], { knownAt: 'none' })).toMatchObject({ accepted: 1 })
  expect(await store.import('ltv', [row], { knownAt: 'none', name: 'again' })).toMatchObject({
    accepted: 0,
    duplicates: 1,
  })
  await store.import('ltv', [{ ...row, lifetime_value: 2 }], { knownAt: 'none' })
  expect((await at(store, NOW))[0]).toBe(2)
  const [next] = await store.read({ service: 'next', entities: [{ user_id: 'u' }], at: NOW })
  expect(next?.features.lifetime_value).toBeNull()
})

test('values are those of the newest row before t by the plainest rule, whatever the order of import', async () => {
  await forSeedsAsync(60, async (r) => {
    const store = open()
    const rows = Array.from({ length: r.int(1, 40) }, (_, i) => ({
      user_id: r.pick(['u', 'v']),
      lifetime_value: r.chance(0.2) ? null : i,
      taste: r.chance(0.3) ? null : [i, 0.5],
      as_of: iso(NOW - r.int(0, 6) * DAY - r.pick([0, 0, 1, HOUR])),
    }))
    for (const row of rows) {
      if (r.chance(0.5)) await store.send('ltv', [row])
      else await store.import('ltv', [row], { knownAt: 'none' })
    }
    for (const user_id of ['u', 'v']) {
      const own = rows.filter((row) => row.user_id === user_id)
      const mark = Math.max(0, ...own.map((row) => Date.parse(row.as_of)))
      for (const t of [mark, mark + 1, mark + 2 * DAY, mark + 2 * DAY + 1, NOW + DAY]) {
        const before = own.filter((row) => Date.parse(row.as_of) < t)
        // Ties: what was accepted last.
        const newest = before.reduce<(typeof rows)[number] | undefined>(
          (best, row) => (best && Date.parse(best.as_of) > Date.parse(row.as_of) ? best : row),
          undefined,
        )
        const isExpired = newest !== undefined && t - Date.parse(newest.as_of) > 2 * DAY
        const shown = isExpired ? undefined : newest
        const status = own.length === 0 ? 'missing' : isExpired ? 'expired' : newest === undefined ? 'empty' : 'present'
        expect(await at(store, t, user_id), `${user_id} at ${t}`).toEqual([
          shown?.lifetime_value ?? null,
          shown?.taste ?? null,
          status,
        ])
      }
    }
  })
})

test('training sees a value from when on it was known, and not since what it holds', async () => {
  const store = open()
  const rows = [
    { user_id: 'u', lifetime_value: 1, as_of: iso(NOW - 5 * HOUR) },
    { user_id: 'u', lifetime_value: 2, as_of: iso(NOW - 4 * HOUR) },
  ]
  await store.import('ltv', rows, { knownAt: 'event-time+2h' })
  const labels = [5, 3, 2.5, 2, 1].map((hours) => ({ user_id: 'u', at: NOW - hours * HOUR + 1 }))
  const train = async (mode: 'as-served' | 'ideal') =>
    (await store.trainingSet({ service: 's', labels, mode })).map(({ features }) => features.lifetime_value)
  expect(await train('as-served')).toEqual([null, 1, 1, 2, 2])
  expect(await train('ideal')).toEqual([1, 2, 2, 2, 2])
  // Two days on it has expired there too.
  const late = await store.trainingSet({ service: 's', labels: [{ user_id: 'u', at: NOW + 2 * DAY }] })
  expect([late[0]?.features.lifetime_value, late[0]?.status.lifetime_value]).toEqual([null, 'expired'])
  await store.import('ltv', [{ ...rows[0], user_id: 'v' }], { knownAt: 'none' })
  await expect(store.trainingSet({ service: 's', labels: [{ user_id: 'v', at: NOW }] })).rejects.toThrow(
    /ltv.*without a rule/,
  )
})

test('a ttl of latest in a view gives its default when it has expired', async () => {
  const clicks = streamSource('clicks', {
    event: z.object({ uid: z.string(), type: z.string().nullish(), at: z.iso.datetime({ offset: true }) }),
    time: 'at',
    idempotency: 'none',
    from: [webhook()],
  })
  const view = featureView('v', { entity: user, source: clicks, key: { user_id: 'uid' }, since: 'beginning' }, (e) => ({
    last: latest(e.type, { ttl: '1h' }).default('none'),
  }))
  const store = localStore(definitions({ services: [featureService('s', [view])] }), { now: () => NOW })
  await store.send('clicks', [
    { uid: 'u', type: 'click', at: iso(NOW - 2 * HOUR) },
    { uid: 'u', type: null, at: iso(NOW - HOUR) },
  ])
  const read = async (t: number) => {
    const [row] = await store.read({ service: 's', entities: [{ user_id: 'u' }], at: t, metadata: true })
    return [row?.features.last, row?.metadata?.status.last]
  }
  // Judged by the row that the value is of: the newer one has none.
  expect(await read(NOW - HOUR + 1)).toEqual(['none', 'expired'])
})

async function forSeedsAsync(count: number, property: (r: Random) => Promise<void>): Promise<void> {
  for (let seed = 1; seed <= count; seed++) {
    await property(random(seed)).catch((cause: unknown) => {
      throw new Error(`seed ${seed}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    })
  }
}
