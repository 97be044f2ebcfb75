import { describe, expect, it } from 'vitest'
import { localStore } from '../../src/testing/index.ts'
import definitions from '../define/example.ts'

const NOW = Date.UTC(2026, 0, 1, 12)
const DEVICE = '550e8400-e29b-41d4-a716-446655440000'
const ACCOUNT = 9_007_199_254_740_993n

function event(id: string, secondsAgo: number, more: object = {}): object {
  const at = new Date(NOW - secondsAgo * 1_000).toISOString()
  const fixed = { account: ACCOUNT, device: DEVICE, items: 1, vip: true, note: null }
  return { id, uid: 'u1', type: 'click', at, ...fixed, ...more }
}

const u1 = { user_id: 'u1', account: ACCOUNT, device: DEVICE }
const read = (store: ReturnType<typeof open>, at: number | string | Date = NOW) =>
  store.read({ service: 'fraud', entities: [u1], at, metadata: true }).then(([row]) => row)
const open = (shards = 1, now = () => NOW) => localStore(definitions, { now, shards })

describe('localStore', () => {
  it('feeds several entities from one event, and tells what became of each', async () => {
    const store = open()
    const receipt = await store.send('user_activity', [event('a', 10), event('b', 20, { type: 'purchase', amount: 5 })])
    expect(receipt).toMatchObject({ accepted: 2, duplicates: 0, refused: [] })
    const row = await read(store)
    expect(row?.features).toMatchObject({
      clicks_5m: 1,
      spend_avg_1h: 5,
      spend_1h: 5,
      last_type: 'click',
      events_1h: 2,
    })
  })

  it('explains a value by the rows that it was computed from, and knows no entity that never came', async () => {
    const store = open(3)
    await store.send('user_activity', [event('a', 10), event('b', 20, { type: 'purchase', amount: 5 })])
    const why = store.explain('user_stats.clicks_5m', { user_id: 'u1' }, NOW)
    expect(why?.value.value).toBe(1)
    expect(why?.bounds).toEqual({ startMs: NOW - 300_000, endMs: NOW })
    expect(why?.rows.map(({ timeMs, admitted }) => [NOW - timeMs, admitted])).toEqual([
      [20_000, false],
      [10_000, true],
    ])
    expect(why?.notes).toEqual([
      '1 of 2 kept rows count, and 0 tiles of older rows.',
      'The window begins before the history is complete, which it is since 2026-01-01T12:00:00.000Z.',
    ])
    expect(store.explain('user_stats.clicks_5m', { user_id: 'nobody' })).toBeNull()
    expect(() => store.explain('user_stats.clicks', { user_id: 'u1' })).toThrow(
      /no feature user_stats.clicks; there are/,
    )
  })

  it('gives the same values and bytes whatever the number of shards', async () => {
    const events = Array.from({ length: 300 }, (_, i) => event(`e${i}`, i, { uid: `u${i % 7}` }))
    const rows = await Promise.all(
      [1, 3, 8].map(async (shards) => {
        const store = open(shards)
        await store.send('user_activity', events)
        return (await read(store))?.features
      }),
    )
    expect(rows[1]).toEqual(rows[0])
    expect(rows[2]).toEqual(rows[0])
  })

  it('counts an event once, and refuses another payload under its id', async () => {
    const store = open(3)
    await store.send('user_activity', [event('a', 10)])
    expect(await store.send('user_activity', [event('a', 10)])).toMatchObject({ accepted: 0, duplicates: 1 })
    const other = await store.send('user_activity', [event('a', 10, { type: 'view' })])
    expect(other.refused).toMatchObject([{ index: 0, reason: 'conflict' }])
    expect((await read(store))?.features.clicks_5m).toBe(1)
  })

  it('is partial until the window has filled since the feature was first seen, unless the view says otherwise', async () => {
    let now = NOW
    const store = open(1, () => now)
    await store.send('user_activity', [event('a', 10)])
    expect((await read(store))?.metadata?.status).toMatchObject({ clicks_5m: 'partial', events_1h: 'present' })
    now = NOW + 10 * 60_000
    const later = await read(store, now)
    expect(later?.metadata?.status).toMatchObject({ clicks_5m: 'empty', spend_1h: 'partial' })
    expect(later?.metadata?.since.spend_1h).toBe(new Date(NOW).toISOString())
  })

  it('answers reads behind the mark within the allowed lateness, and refuses older ones', async () => {
    const store = open()
    await store.send('user_activity', [event('a', 200), event('b', 0)])
    expect((await read(store, NOW - 100_000))?.features.clicks_5m).toBe(1)
    await expect(read(store, NOW - 300_001)).rejects.toThrow(/at is too old for row 0: .*2026-01-01T11:55:00.000Z/)
  })

  it('refuses an event that no view would read any more, and keeps it', async () => {
    const store = localStore(definitions, { now: () => NOW })
    await store.send('user_activity', [event('a', 0)])
    const lastYear = await store.send('user_activity', [event('old', 400 * 86_400)])
    // Two features of these views are lifetime ones: nothing is ever too late for them.
    expect(lastYear).toMatchObject({ accepted: 1, refused: [] })
  })

  it('keeps what was refused, with the payload', async () => {
    const store = open(2)
    const bad = event('x', 10, { type: 'clik' })
    const receipt = await store.send('user_activity', [bad, event('a', 1)])
    expect(receipt).toMatchObject({ accepted: 1, refused: [{ index: 0, reason: 'not_in_enum', field: 'type' }] })
    expect(store.deadLetters.map((letter) => letter.reason)).toEqual(['not_in_enum'])
    expect(store.deadLetters[0]?.payload).toContain('"type":"clik"')
  })

  it('says what is wrong with a request', async () => {
    const store = open()
    await expect(store.send('activity', [])).rejects.toThrow(/no source activity; there are: user_activity/)
    // @ts-expect-error a service that does not exist
    await expect(store.read({ service: 'frod', entities: [] })).rejects.toThrow(/no feature service frod/)
    // @ts-expect-error a key of the wrong type
    await expect(store.read({ service: 'fraud', entities: [{ ...u1, user_id: 7 }] })).rejects.toThrow(/user_id/)
  })
})

describe('one id, two payloads', () => {
  it('is a conflict that is told and kept, also where only some of its shards know the id', async () => {
    const store = open(8)
    await store.send('user_activity', [event('same', 10, { uid: 'a' })])
    const uids = Array.from({ length: 20 }, (_, i) => `other${i}`)
    for (const uid of uids) {
      const receipt = await store.send('user_activity', [event('same', 10, { uid })])
      // The device's shard knows the id, whichever shard the user is in.
      expect(receipt).toMatchObject({ accepted: 0, duplicates: 0, refused: [{ index: 0, reason: 'conflict' }] })
    }
    expect(store.deadLetters).toHaveLength(uids.length)
  })

  it('and a time that is none is refused, not read as one', async () => {
    await expect(read(open(), Number.NaN)).rejects.toThrow(/no time/)
    await expect(read(open(), new Date('x'))).rejects.toThrow(/no time/)
  })
})
