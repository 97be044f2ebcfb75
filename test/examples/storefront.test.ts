import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { groupsOf, numberOf } from '../../examples/lib/model-inputs.ts'
import { amountRatio, distanceKm, fraud, recommend } from '../../examples/storefront/app/inputs.ts'
import { DAY_MS, generate, START_MS } from '../../examples/storefront/generate.ts'

const SMALL = { seed: 3, days: 3, users: 60, products: 40 }
const hashOf = (value: object): string => createHash('sha256').update(JSON.stringify(value)).digest('hex')

describe('the generated traffic', () => {
  const { arrivals, questions } = generate(SMALL)

  test('is the same bytes for the same seed, and others for another', () => {
    expect(hashOf(generate(SMALL))).toBe(hashOf({ arrivals, questions }))
    expect(hashOf(generate({ ...SMALL, seed: 4 }))).not.toBe(hashOf({ arrivals, questions }))
  })

  test('stays within its days, in the order of arrival', () => {
    const times = arrivals.map(({ atMs }) => atMs)
    expect(times).toEqual([...times].sort((a, b) => a - b))
    expect(times[0]).toBeGreaterThanOrEqual(START_MS)
    // What is sent twice may come up to an hour later.
    expect(times.at(-1)).toBeLessThan(START_MS + SMALL.days * DAY_MS + 3_600_000)
  })

  test('has late events, events sent twice, corrections, deletes, and both outcomes of both models', () => {
    const bodies = arrivals.map(({ atMs, body }) => ({ atMs, body: body as Readonly<Record<string, unknown>> }))
    const lateMs = bodies.map(({ atMs, body }) => (typeof body.at === 'string' ? atMs - Date.parse(body.at) : 0))
    expect(lateMs.some((late) => late > 10 * 60_000)).toBe(true)
    const ids = bodies.flatMap(({ body }) => (body.id === undefined ? [] : [body.id]))
    expect(new Set(ids).size).toBeLessThan(ids.length)
    for (const source of ['product_catalog', 'orders']) {
      const ops = arrivals.flatMap((one) => (one.source === source ? [(one.body as { op: string }).op] : []))
      expect(new Set(ops)).toEqual(new Set(['u', 'd']))
    }
    for (const model of ['recommend', 'fraud'])
      expect(new Set(questions.flatMap((one) => (one.model === model ? [one.label] : [])))).toEqual(new Set([0, 1]))
  })

  test('tells changes of tables in the order of the log', () => {
    const places = arrivals.flatMap(({ body }) => ('source' in body ? [(body.source as { lsn: number }).lsn] : []))
    expect(places.length).toBeGreaterThan(40)
    expect(places).toEqual([...new Set(places)].sort((a, b) => a - b))
  })
})

describe('what the models take', () => {
  test('a vector of a lookup and a row of a set give the same numbers', () => {
    const features = { clicks_by_category: { books: 3, toys: 1 }, category: 'books', price: '12.50', views_1h: 4 }
    const row = { ...features, clicks_by_category: '{"books":3,"toys":1}', views_1h: '4' }
    const numbers = recommend.values({}, features, START_MS)
    expect(recommend.values({}, row, START_MS)).toEqual(numbers)
    expect(numbers.slice(0, 4)).toEqual([0, 3, 0.75, 12.5])
  })

  test('each gives as many numbers as it names', () => {
    for (const model of [fraud, recommend]) expect(model.values({}, {}, START_MS)).toHaveLength(model.inputs.length)
  })

  test('what is not there is NaN, also in a ratio or a distance', () => {
    const { inputs } = fraud
    const numbers = fraud.values(
      { amount: 5, lat: 1, lon: 1, device: 'd' },
      { amount_avg_1h: null, last_device: null },
      0,
    )
    for (const name of ['amount_to_avg_1h', 'distance_km', 'km_an_hour', 'is_other_device'])
      expect(numbers[inputs.indexOf(name)], name).toBeNaN()
    expect([numberOf(null), numberOf(undefined), numberOf('')]).toEqual([Number.NaN, Number.NaN, Number.NaN])
    expect(groupsOf(null)).toEqual({})
  })

  test('the way along the earth: a quarter of it, a city to another, nothing, around the world', () => {
    expect(distanceKm(0, 0, 0, 90)).toBeCloseTo((Math.PI * 6371) / 2, 6)
    expect(distanceKm(52.52, 13.4, 48.86, 2.35)).toBeCloseTo(878, -1)
    expect(distanceKm(10, 20, 10, 20)).toBe(0)
    expect(distanceKm(0, -180, 0, 180)).toBeCloseTo(0, 6)
    expect(amountRatio(30, 20)).toBe(1.5)
  })
})
