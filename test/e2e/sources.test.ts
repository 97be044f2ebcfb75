import { afterAll, beforeAll, expect, test } from 'vitest'
import { TestRegion } from '../interop/region.ts'

/** Enrichment and expectations through real processes: the door, a table's shards and an entity's shards over RPC, and SQLite below them. */

let region: TestRegion

beforeAll(async () => {
  region = await TestRegion.start({ name: 'east', connections: {} })
}, 60_000)
afterAll(() => region?.stop())

interface Receipt {
  readonly accepted: number
  readonly duplicates: number
  readonly refused: readonly { readonly reason: string; readonly message: string }[]
}

let lsn = 0

/** As Debezium Server's HTTP sink tells of a change. */
async function product(id: string, category: string, price: string): Promise<Receipt> {
  const after = { id, category, price: decimalBytes(price) }
  const envelope = { op: 'u', before: null, after, source: { lsn: ++lsn }, ts_ms: Date.now() }
  return await region.call<Receipt>('POST', '/v1/sources/products/events', envelope)
}

/** What the route says of a source's expectations: of each what, state, seen, failed. */
async function expectations(source: string) {
  const { expectations } = await region.call<{ expectations: Readonly<Record<string, unknown>>[] }>(
    'GET',
    `/v1/sources/${source}`,
  )
  return expectations.map(({ what, state, seen, failed }) => [what, state, seen, failed])
}

/** `decimal.handling.mode` is precise where nothing else is declared: base64 of the unscaled number. */
function decimalBytes(price: string): string {
  const hex = BigInt(price.replace('.', '')).toString(16)
  const even = hex.length % 2 === 0 ? hex : `0${hex}`
  return Buffer.from(/^[89a-f]/.test(even) ? `00${even}` : even, 'hex').toString('base64')
}

const look = (id: string, uid: string, product_id: string) => ({
  id,
  uid,
  product_id,
  at: new Date(Date.now() - 1_000).toISOString(),
})

const send = (events: readonly object[]) => region.call<Receipt>('POST', '/v1/sources/looks/events', events)

test('events keep what their product cost when they were accepted, through a kill of every process', async () => {
  const users = Array.from({ length: 40 }, (_, i) => `u${i}`)
  await product('p1', 'books', '12.50')
  await product('p2', 'toys', '0.99')
  const first = users.map((uid, i) => look(`a${i}`, uid, i % 2 === 0 ? 'p1' : 'p2'))
  expect(await send(first)).toMatchObject({ accepted: 40, refused: [] })
  await product('p1', 'games', '200.00')
  expect(await send([...first, ...users.map((uid, i) => look(`b${i}`, uid, 'p1'))])).toMatchObject({
    accepted: 40,
    duplicates: 40,
  })
  const want = users.map((_, i) => [2, i % 2 === 0 ? '212.50' : '200.99', 'games'])
  expect(await region.values('looked', users)).toEqual(want)
  const counted = [
    ['price <= 100.00', 'broken', 80, 40],
    ['at least 50 in 1h', 'ok', 80, 0],
    ['the newest at most 1h old', 'ok', 80, 0],
  ]
  expect(await expectations('looks')).toEqual(counted)

  await region.kill()
  await region.start()
  expect(await region.values('looked', users)).toEqual(want)
  expect(await send(first)).toMatchObject({ accepted: 0, duplicates: 40 })
  expect(await expectations('looks')).toEqual(counted)
})

test('an event whose row is unknown is a dead letter that counts once the table has it', async () => {
  const event = look('x1', 'zoe', 'p9')
  await expect(send([event])).rejects.toThrow(/422 .*Table products has no row for \\"product_id\\" \\"p9\\"/)
  const replay = () =>
    region.call<{ replayed: number; refusedAgain: number }>('POST', '/v1/dead-letters/replay', { source: 'looks' })
  await expect
    .poll(async () => (await region.call<{ count: number }>('GET', '/v1/dead-letters?source=looks')).count)
    .toBe(1)
  expect(await replay()).toMatchObject({ replayed: 0, refusedAgain: 1 })
  await product('p9', 'garden', '3.00')
  expect(await replay()).toMatchObject({ replayed: 1 })
  expect(await region.values('looked', ['zoe'])).toEqual([[1, '3.00', 'garden']])
})

test('a row that is not as expected is refused, counted, and changes nothing', async () => {
  const receipt = await product('p1', 'books', '0.00')
  expect(receipt).toMatchObject({ accepted: 0, refused: [{ reason: 'expectation' }] })
  expect(await expectations('products')).toEqual([['price >= 0.01', 'broken', 5, 1]])
  expect(await expectations('clicks')).toEqual([])
  expect(await send([look('y1', 'yan', 'p1')])).toMatchObject({ accepted: 1 })
  expect(await region.values('looked', ['yan'])).toEqual([[1, '200.00', 'games']])
})
