import { abortAllDurableObjects, evictAllDurableObjects, reset, runInDurableObject } from 'cloudflare:test'
import { afterEach, describe, expect, test } from 'vitest'
import { deadLetters, flight, send, shardOfCommit, values } from './doors.ts'

afterEach(() => reset())

const EVER = ['airport_departures.departures_ever', 'route_history.route_flights_ever']

describe('an object that goes away', () => {
  test.each([
    ['evicted', () => evictAllDurableObjects()],
    ['aborted', () => abortAllDurableObjects()],
  ])('%s between batches keeps values, commits and ids', async (_how, end) => {
    let commits: readonly string[] = []
    for (let batch = 0; batch < 12; batch++) {
      const flights = Array.from({ length: 30 }, (_, i) => flight(batch * 30 + i, batch * 30 + i))
      const { status, body } = await send(flights)
      expect({ status, accepted: body.accepted }).toEqual({ status: 202, accepted: 30 })
      if (batch > 0) expect((await send(flights.slice(0, 5))).body).toMatchObject({ accepted: 0, duplicates: 5 })
      commits = body.commits ?? []
      await end()
    }
    expect(await values(EVER, 400)).toEqual([360, 360])
    expect(await values(['airport_departures.departures_1h'], 360)).toEqual([60])
    // All of it went to one airport at each end and one route: the numbers rose by one an event.
    expect(new Set(commits.map((commit) => commit.split('/').at(-1)))).toEqual(new Set(['360']))
    await end()
    expect((await send(flight(0, 0))).body).toMatchObject({ duplicates: 1 })
    expect(await send(flight(0, 0, { delay: 3 }))).toMatchObject({ status: 409 })
  })

  test('keeps refusals until the dead letters have them', async () => {
    await send([flight(1, 0), { ...flight(2, 0), delay: 'late' }])
    await evictAllDurableObjects()
    await expect.poll(async () => (await deadLetters()).body.count).toBe(1)
    await evictAllDurableObjects()
    expect((await deadLetters()).body.letters).toMatchObject([
      { reason: 'wrong_type', payload: expect.stringContaining('"late"') },
    ])
  })
})

test('a batch whose transaction fails leaves nothing, and the next one finds a shard that works', async () => {
  const { body } = await send(flight(1, 0))
  const commit = body.commits?.find((name) => name.includes('/route/')) ?? ''
  await runInDurableObject(shardOfCommit(commit), (_shard, state) => {
    state.storage.sql.exec(`CREATE TRIGGER full BEFORE INSERT ON journal BEGIN SELECT RAISE(ABORT, 'disk full'); END`)
  })
  const failed = await send([flight(2, 1)])
  expect(failed.status).toBe(503)
  expect(failed.headers.get('retry-after')).toBe('1')
  expect(failed.body.detail).toContain('Send the whole request again')
  expect(await values(['route_history.route_flights_ever'], 10)).toEqual([1])
  await runInDurableObject(shardOfCommit(commit), (_shard, state) => {
    state.storage.sql.exec('DROP TRIGGER full')
  })
  // The airports took it the first time: they know it now, the route counts it once.
  expect((await send([flight(2, 1)])).body).toMatchObject({ accepted: 1, refused: [] })
  expect(await values(EVER, 10)).toEqual([2, 2])
})

describe('what is large', () => {
  test('5 MB of events in one request are taken, whichever shards they go to', async () => {
    const pad = 'é'.repeat(1_000)
    const flights = Array.from({ length: 2_300 }, (_, i) => ({ ...flight(i, i % 600), pad }))
    expect(await send(flights)).toMatchObject({ status: 202, body: { accepted: 2_300, refused: [] } })
    await evictAllDurableObjects()
    expect(await values(EVER, 600)).toEqual([2_300, 2_300])
  })

  test('an event that no row can hold is a dead letter at once, not a batch that fails for ever', async () => {
    const huge = { ...flight(9_001, 0), pad: 'x'.repeat(3_000_000) }
    const { status, body } = await send([flight(9_002, 0), huge])
    expect({ status, accepted: body.accepted }).toEqual({ status: 202, accepted: 1 })
    expect(body.refused).toMatchObject([{ index: 1, reason: 'too_large' }])
    expect((await deadLetters()).body).toMatchObject({ count: 1, letters: [{ payloadUnits: expect.any(Number) }] })
  })
})
