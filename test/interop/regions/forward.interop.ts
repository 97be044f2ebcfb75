import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { sized } from '../size.ts'
import { TestRegions } from './regions.ts'

let regions: TestRegions

beforeAll(async () => {
  regions = await TestRegions.start({ names: ['east', 'west', 'south'] })
})

beforeEach(() => regions.healAll())

afterAll(async () => {
  await regions.stop()
})

const USERS = ['ada', 'bob', 'cyd', 'dov']

interface Receipt {
  readonly accepted: number
  readonly duplicates: number
  readonly forwarded?: number
  readonly refused: readonly object[]
}

/** Sends until it is taken: a door that is killed says nothing, and may have taken it. */
async function sendUntilTaken(region: string, source: string, events: readonly object[]): Promise<Receipt> {
  const deadline = Date.now() + 60_000
  for (;;) {
    try {
      return await regions.region(region).call<Receipt>('POST', `/v1/sources/${source}/events`, events)
    } catch (cause) {
      if (Date.now() > deadline) throw cause
      await new Promise((next) => setTimeout(next, 100))
    }
  }
}

const waiting = async (region: string, source: string): Promise<number> => {
  const { forwards = [] } = await regions
    .region(region)
    .call<{ forwards?: readonly { events: number }[] }>('GET', `/v1/sources/${source}`)
  return forwards.reduce((sum, { events }) => sum + events, 0)
}

const drained = (region: string, source: string) =>
  expect.poll(() => waiting(region, source).catch(() => -1), { timeout: 90_000, interval: 200 }).toBe(0)

const counts = async (region: string, service: string) =>
  (await regions.region(region).values(service, USERS)).map(([count]) => count)

test('events into a region are counted once at their home, through cuts, repeats and the death of both', async () => {
  const link = regions.link('west', 'east')
  const batches = sized(60, 15)
  const truth = USERS.map(() => 0)
  let id = 0
  for (let batch = 0; batch < batches; batch++) {
    if (batch % 5 === 0) link.cut()
    if (batch % 5 === 1) link.suffer({ repeatEvery: 2, loseEvery: 3, delayMs: 5 })
    if (batch % 5 === 3) link.heal()
    if (batch === Math.floor(batches / 3)) {
      await regions.region('west').kill()
      await regions.region('west').start()
    }
    if (batch === Math.floor((2 * batches) / 3)) {
      await regions.region('east').kill()
      await regions.region('east').start()
    }
    const events = Array.from({ length: 25 }, () => {
      const user = id % USERS.length
      truth[user] = (truth[user] ?? 0) + 1
      return { id: `o${id++}`, uid: USERS[user], amount: 1, at: new Date().toISOString() }
    })
    expect(await sendUntilTaken('west', 'orders', events)).toMatchObject({ accepted: 0, forwarded: 25, refused: [] })
    // A sender that lost the answer tries another region.
    if (batch % 7 === 0) await sendUntilTaken('south', 'orders', events)
  }
  regions.healAll()
  await drained('west', 'orders')
  await drained('south', 'orders')
  expect(await counts('east', 'ordered')).toEqual(truth)
  expect(link.counts.cut + link.counts.repeated + link.counts.lost).toBeGreaterThan(0)
})

test('a region that is cut off goes on taking in, tells what waits and why, and drains in order after', async () => {
  const link = regions.link('west', 'east')
  link.cut()
  for (let n = 0; n < 5; n++) {
    const change = {
      op: n === 0 ? 'c' : 'u',
      before: null,
      after: { id: 1, user_id: 'ada', balance: `${n}.50`, changed_at: new Date().toISOString() },
      source: { lsn: 100 + n, ts_ms: Date.now() },
    }
    expect(await regions.region('west').call('POST', '/v1/sources/accounts/events', change)).toMatchObject({
      forwarded: 1,
    })
  }
  await expect
    .poll(async () => await regions.region('west').call('GET', '/v1/sources/accounts'), { timeout: 20_000 })
    .toMatchObject({ forwards: [{ home: 'east', events: 5, problem: expect.any(String) }] })
  link.heal()
  await drained('west', 'accounts')
  // One row, of its newest change.
  await expect.poll(async () => (await regions.region('east').values('owned', ['ada']))[0]).toEqual([1, '4.50'])
})

test('a field of the event chooses its home', async () => {
  const cart = (id: string, country: string) => ({ id, uid: 'ada', amount: 1, country, at: new Date().toISOString() })
  const carts = [cart('c1', 'de'), cart('c2', 'br'), cart('c3', 'fr'), cart('c4', 'de')]
  expect(await sendUntilTaken('west', 'carts', carts)).toMatchObject({ accepted: 2, forwarded: 2 })
  await drained('west', 'carts')
  expect((await counts('west', 'carted'))[0]).toBeGreaterThanOrEqual(2)
})
