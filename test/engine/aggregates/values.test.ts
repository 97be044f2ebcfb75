import { describe, expect, it } from 'vitest'
import type { AggregateInput, Computation, Finalised } from '../../../src/engine/aggregate.ts'
import { aggregates } from '../../../src/engine/aggregates/index.ts'
import type { Value } from '../../../src/engine/spec.ts'
import { roundFraction } from '../../../src/util/round-fraction.ts'
import { Cells, type KeyedRow, typeOf } from './harness.ts'

// What the laws do not say: values pinned by example, the hostile ones first.

const T = 1_000_000

const rowsOf = (rows: readonly Readonly<Record<string, Value>>[]): KeyedRow[] =>
  rows.map((fields, i) => ({ time: i, part: 0, seq: i + 1, fields }))

function prepared(name: string, input: Partial<AggregateInput>): Computation {
  const computation = aggregates[name]?.prepare({ options: {}, typeOf, ...input })
  if (computation === undefined || 'error' in computation) throw new Error(computation?.error ?? `no ${name}`)
  return computation
}

const finalised = (name: string, input: Partial<AggregateInput>, rows: readonly KeyedRow[]): Finalised =>
  new Cells(prepared(name, input)).update(0, rows).finalise(0, T)

const valueFor = (name: string, input: Partial<AggregateInput>, field: string, values: readonly Value[]): unknown => {
  const result = finalised(name, { field, ...input }, rowsOf(values.map((value) => ({ [field]: value }))))
  return 'error' in result ? result : result.value
}

const amounts = (name: string, values: readonly Value[], options: AggregateInput['options'] = {}): unknown =>
  valueFor(name, { options }, 'amount', values)

describe('-0', () => {
  it('is below 0 where there is an order, and stays what it is', () => {
    expect([amounts('min', [0, -0]), amounts('max', [-0, 0])]).toEqual([-0, 0])
    expect([amounts('topK', [-0, 0, -0], { k: 3 }), amounts('bottomK', [0, -0], { k: 1 })]).toEqual([[0, -0, -0], [-0]])
    expect([amounts('first', [-0, 0]), amounts('latest', [0, -0])]).toEqual([-0, -0])
    expect(amounts('lastN', [-0, 0], { n: 2 })).toEqual([0, -0])
    const rows = rowsOf([
      { kind: 'a', amount: 0 },
      { kind: 'b', amount: -0 },
    ])
    expect(finalised('argMin', { field: 'kind', orderBy: 'amount' }, rows)).toMatchObject({ value: 'b' })
    expect(finalised('argMax', { field: 'kind', orderBy: 'amount' }, rows)).toMatchObject({ value: 'a' })
  })

  it('is one value with 0 where values are told apart, and 0 where numbers are computed', () => {
    expect(amounts('countDistinct', [0, -0], { max: 1 })).toBe(1)
    expect(amounts('approxCountDistinct', [0, -0])).toBe(1)
    expect(amounts('mostFrequent', [-0, 1, 0, -0], { max: 2 })).toBe(0)
    expect(amounts('lastN', [0, 1, -0], { n: 5, distinct: true })).toEqual([0, 1])
    expect([amounts('sum', [-0]), amounts('avg', [-0]), amounts('quantile', [-0], { q: 0.5, accuracy: 0.01 })]).toEqual(
      [0, 0, 0],
    )
  })
})

describe('ties', () => {
  it('of an order go to the newest row, of a frequency to the smaller value', () => {
    const rows = rowsOf([
      { kind: 'old', units: 1 },
      { kind: 'new', units: 1 },
      { kind: null, units: 1 },
    ])
    expect(finalised('argMin', { field: 'kind', orderBy: 'units' }, rows)).toMatchObject({ value: 'new' })
    expect(finalised('argMax', { field: 'kind', orderBy: 'units' }, rows)).toMatchObject({ value: 'new' })
    expect(valueFor('mostFrequent', { options: { max: 9 } }, 'kind', ['b', '\u{1f600}', 'a', '\uffee'])).toBe('a')
    expect(valueFor('mostFrequent', { options: { max: 9 } }, 'kind', ['\u{1f600}', '\uffee'])).toBe('\uffee')
  })

  it('of order and time too go by part, then by commit', () => {
    const row = (part: number, seq: number, kind: string): KeyedRow => ({
      time: 5,
      part,
      seq,
      fields: { kind, units: 1 },
    })
    const rows = [row(1, 1, 'b1'), row(0, 9, 'a9'), row(1, 2, 'b2')]
    for (const name of ['argMin', 'argMax']) {
      const parts = rows.map((one) => new Cells(prepared(name, { field: 'kind', orderBy: 'units' })).update(0, [one]))
      const [a, b, c] = parts as [Cells, Cells, Cells]
      expect(a.merge(0, b, 0, 1).finalise(0, T)).toMatchObject({ value: 'b1' })
      expect(b.merge(0, c, 0, 1).merge(0, a, 0, 1).finalise(0, T)).toMatchObject({ value: 'b2' })
    }
  })

  it('of distinct values go to the newest place, and those behind are found', () => {
    const values = ['a', 'b', 'c', 'a', 'a', 'b', 'b']
    expect(valueFor('lastN', { options: { n: 3, distinct: true } }, 'kind', values)).toEqual(['b', 'a', 'c'])
    expect(valueFor('lastN', { options: { n: 3 } }, 'kind', values)).toEqual(['b', 'b', 'a'])
  })

  it('of time go by part, then by commit', () => {
    const row = (part: number, seq: number, kind: string): KeyedRow => ({ time: 5, part, seq, fields: { kind } })
    const rows = [row(1, 1, 'b1'), row(0, 9, 'a9'), row(1, 2, 'b2'), row(0, 3, 'a3')]
    expect(finalised('latest', { field: 'kind' }, rows)).toMatchObject({ value: 'b2' })
    expect(finalised('first', { field: 'kind' }, rows)).toMatchObject({ value: 'a3' })
    expect(finalised('lastN', { field: 'kind', options: { n: 3 } }, rows)).toMatchObject({ value: ['b2', 'b1', 'a9'] })
  })
})

describe('exact moments', () => {
  it('do not cancel, overflow on the way or lose small numbers', () => {
    expect(amounts('variance', [1e8, 1e8 + 1, 1e8 + 2], { kind: 'sample' })).toBe(1)
    expect(amounts('stddev', [1e200, -1e200])).toBe(1e200)
    expect(amounts('stddev', [5e-324, -5e-324])).toBe(5e-324)
    expect(amounts('variance', [0.1, 0.1, 0.1])).toBe(0)
    expect(amounts('stddev', [2, 4, 4, 4, 5, 5, 7, 9])).toBe(2)
    expect(valueFor('stddev', { options: { kind: 'population' } }, 'price', [100n, 350n])).toBe(1.25)
    expect(valueFor('avg', {}, 'price', [10n ** 37n, 1n])).toBe(5e34)
    // 10^18 times this many is no double.
    const many = [1n, ...new Array<bigint>(2_500).fill(2n)]
    const exact = roundFraction(5_001n, 2_501n * 10n ** 18n, 0)
    expect(valueFor('avg', { typeOf: () => 'decimal(18)' }, 'price', many)).toBe(exact)
  })

  it('of too large numbers are an error, of one row 0, or nothing when it is a sample', () => {
    expect(amounts('variance', [1e200, -1e200])).toEqual({ error: 'overflow' })
    expect(amounts('variance', [7])).toBe(0)
    expect(finalised('variance', { field: 'units', options: { kind: 'sample' } }, rowsOf([{ units: 7 }]))).toEqual({
      value: null,
      isEmpty: true,
    })
  })
})

describe('overflow is of the result alone', () => {
  it('of sums: beyond 64 bits, a safe integer, a double or 38 digits', () => {
    const most = 10n ** 38n - 1n
    expect(valueFor('sum', {}, 'price', [most, most, -most])).toBe(most)
    expect(valueFor('sum', {}, 'price', [most, 1n])).toEqual({ error: 'overflow' })
    expect(valueFor('sum', {}, 'account', [2n ** 63n - 1n, 1n, -1n])).toBe(2n ** 63n - 1n)
    expect(valueFor('sum', {}, 'account', [-(2n ** 63n), -1n])).toEqual({ error: 'overflow' })
    expect(valueFor('sum', {}, 'units', [2 ** 53 - 1, 1])).toEqual({ error: 'overflow' })
    expect(amounts('sum', [1e308, 1e308])).toEqual({ error: 'overflow' })
  })

  it('of caps: the values of mostFrequent are counted, those of countDistinct estimated', () => {
    expect(valueFor('mostFrequent', { options: { max: 2 } }, 'kind', ['a', 'b', 'c'])).toEqual({ error: 'cap' })
    const many = Array.from({ length: 5_000 }, (_, i) => i)
    const result = finalised(
      'countDistinct',
      { field: 'units', options: { max: 1_000 } },
      rowsOf(many.map((units) => ({ units }))),
    )
    if ('error' in result) throw new Error(result.error)
    expect(result.isApproximate).toBe(true)
    // Four standard errors of a thousand hashes.
    expect(Math.abs((result.value as number) / 5_000 - 1)).toBeLessThan(4 / Math.sqrt(998))
  })
})

describe('nulls and nothing', () => {
  it('are skipped by all but those that are told to keep them', () => {
    expect(valueFor('latest', { options: { nulls: 'keep' } }, 'kind', ['a', null])).toBe(null)
    expect(valueFor('first', { options: { nulls: 'keep' } }, 'kind', [null, 'a'])).toBe(null)
    expect(valueFor('first', {}, 'kind', [null, 'a'])).toBe('a')
    expect(finalised('latest', { field: 'kind', options: { nulls: 'keep' } }, rowsOf([{}]))).toMatchObject({
      value: null,
      isEmpty: false,
    })
  })

  it('any and all ask of every row; of none they say nothing', () => {
    const matches = { op: 'gt', field: 'units', value: 1 } as const
    const of = (name: string, units: readonly (number | null)[]) =>
      finalised(name, { matches }, rowsOf(units.map((n) => ({ units: n }))))
    expect([of('any', [0, 2]), of('any', [0, null])]).toMatchObject([{ value: true }, { value: false }])
    expect([of('all', [2, 3]), of('all', [2, null])]).toMatchObject([{ value: true }, { value: false }])
    expect([of('any', []), of('all', [])]).toMatchObject([{ isEmpty: true }, { isEmpty: true }])
  })

  it('timeSinceLast counts from the newest row, or the newest that has the field', () => {
    const rows = rowsOf([{ kind: 'a' }, { kind: null }])
    expect(finalised('timeSinceLast', {}, rows)).toEqual({ value: T - 1, isEmpty: false })
    expect(finalised('timeSinceLast', { field: 'kind' }, rows)).toEqual({ value: T, isEmpty: false })
  })
})

describe('quantiles', () => {
  it('are the lower ones: of two values the first is the median', () => {
    const near = (q: number) => amounts('quantile', [10, 20, 30, 40], { q, accuracy: 0.01 }) as number
    const shares = [0, 0.33, 0.34, 0.5, 0.66, 0.67, 1].map((q) => Math.round(near(q) / 10) * 10)
    expect(shares).toEqual([10, 10, 20, 20, 20, 30, 40])
  })

  it('of one field share their state, whatever their q', () => {
    const kinds = [0.5, 0.9].map((q) => prepared('quantile', { field: 'amount', options: { q, accuracy: 0.01 } }))
    expect(kinds[0]?.accumulators[0]?.kind).toBe(kinds[1]?.accumulators[0]?.kind)
  })
})

describe('a field of the wrong type', () => {
  it.each([
    ['min', 'ok', 'a bool has no min: use rate or a filtered count'],
    ['max', 'tags', 'a list(string) has no max: it takes a number, a time or a string'],
    ['sum', 'kind', 'a string cannot be summed: sum takes an int, int64, float64 or decimal field'],
    ['avg', 'seen', 'a timestamp has no average: avg takes an int, int64, float64 or decimal field'],
    ['variance', 'ok', 'a bool has no variance: variance takes an int, int64, float64 or decimal field'],
    ['lastN', 'tags', 'a list(string) is no element of a list: lastN takes a scalar field'],
    ['topK', 'ok', 'a bool has no order: topK takes numbers, times or strings'],
    ['countDistinct', 'embedding', 'a vector(3) cannot be told apart: countDistinct takes a scalar field'],
    ['quantile', 'kind', 'a string has no quantile: it takes an int, int64, float64 or decimal field'],
  ])('%s of %s says what it takes', (name, field, error) => {
    expect(
      aggregates[name]?.prepare({ field, options: { n: 1, k: 1, q: 0.5, accuracy: 0.01, max: 1 }, typeOf }),
    ).toEqual({ error })
  })

  it('argMin says what it goes by', () => {
    expect(aggregates.argMin?.prepare({ field: 'kind', orderBy: 'ok', options: {}, typeOf })).toEqual({
      error: 'a bool has no order: argMin goes by a number, a time or a string',
    })
  })
})
