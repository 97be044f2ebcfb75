import { expect, test } from 'vitest'
import definitions from '../../features/index.ts'
import { localStore } from '../../src/testing/index.ts'

const service = definitions.spec.services[0]
const names = service?.features.map((full) => full.split('.')[1] ?? '') ?? []

/** `time` of 1 January 2001 in minutes; leaves `delay` later. */
function flight(id: number, minute: number, delay: number, origin: string, destination: string) {
  const scheduledMs = Date.UTC(2001, 0, 1) + minute * 60_000
  const departedMs = scheduledMs + Math.max(delay, 0) * 60_000
  const iso = (ms: number) => new Date(ms).toISOString()
  return { id, scheduled: iso(scheduledMs), departed: iso(departedMs), delay, distance: 954, origin, destination }
}

const seaToLax = { airport: 'SEA', origin: 'SEA', destination: 'LAX' }

async function read(at: string) {
  const store = localStore(definitions, { now: () => Date.UTC(2001, 0, 2) })
  const receipt = await store.send('flights', [
    flight(0, 60, -5, 'SEA', 'LAX'), // leaves 01:00
    flight(1, 90, 40, 'SEA', 'SFO'), // leaves 02:10
    flight(2, 120, 16, 'SEA', 'LAX'), // leaves 02:16
    flight(3, 130, 0, 'LAX', 'SEA'), // leaves 02:10
    flight(4, 150, 300, 'SEA', 'LAX'), // leaves 07:30
  ])
  expect(receipt).toMatchObject({ accepted: 5, refused: [] })
  const [row] = await store.read({ service: 'delay_risk', entities: [seaToLax], at, metadata: true })
  if (row?.metadata === undefined) throw new Error('no row')
  return { features: row.features, metadata: row.metadata }
}

test('the service declares at least twelve features, over all windows, with names of their own', () => {
  expect(names.length).toBeGreaterThanOrEqual(12)
  expect(new Set(names).size).toBe(names.length)
  for (const window of ['1h', '6h', '1d', '7d', 'ever'])
    expect(names.some((name) => name.endsWith(`_${window}`))).toBe(true)
  expect(service).toMatchObject({ name: 'delay_risk', version: 1 })
  expect(service?.owner).toBeTruthy()
})

test('a vector computed by hand: one event counts for its origin, its destination and its route', async () => {
  const { features } = await read('2001-01-01T02:30:00Z')
  expect(features).toMatchObject({
    // Between 01:30 and 02:30 two left SEA: 40 and 16 minutes late.
    departures_1h: 2,
    delay_avg_1h: 28,
    delay_max_1h: 40,
    late_share_1h: 1,
    // And one more at 01:00, five minutes early.
    departures_6h: 3,
    delay_avg_6h: 17,
    late_share_ever: 2 / 3,
    last_destination: 'LAX',
    inbound_1h: 1,
    inbound_late_share_1h: 0,
    last_inbound_origin: 'LAX',
    route_flights_1d: 2,
    route_delay_avg_1d: 5.5,
    route_last_delay: 16,
    route_distance: 954,
  })
})

test('a flight that is due but has not left is not known: its delay counts from when it left', async () => {
  expect((await read('2001-01-01T07:30:00Z')).features).toMatchObject({ departures_ever: 3, delay_max_1d: 40 })
  expect((await read('2001-01-01T07:30:00.001Z')).features).toMatchObject({ departures_ever: 4, delay_max_1d: 300 })
})

test('the history is complete from its beginning: nothing is partial, what is not there is empty', async () => {
  const { metadata } = await read('2001-01-01T09:00:00Z')
  expect(new Set(Object.values(metadata.status))).toEqual(new Set(['present', 'empty']))
  expect(metadata.status).toMatchObject({ departures_1h: 'empty', departures_6h: 'present' })
  expect(Object.values(metadata.exact).every(Boolean)).toBe(true)
})
