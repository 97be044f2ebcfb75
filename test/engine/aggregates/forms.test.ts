import { describe, expect, it } from 'vitest'
import type { AggregateInput, Computation } from '../../../src/engine/aggregate.ts'
import { aggregates } from '../../../src/engine/aggregates/index.ts'
import { decayed } from '../../../src/engine/computations/decayed.ts'
import { groupedBy } from '../../../src/engine/computations/grouped.ts'
import { overNewest } from '../../../src/engine/computations/newest.ts'
import type { Value } from '../../../src/engine/spec.ts'
import { Cells, type KeyedRow, typeOf } from './harness.ts'

// A feature's aggregate, grouped, over the newest rows or weighted by age: what is pinned beside the laws.

const HOUR = 3_600_000
const T = 1000 * HOUR

const row = (time: number, fields: Readonly<Record<string, Value>>): KeyedRow => ({ time, part: 0, seq: time, fields })

function prepared(name: string, input: Partial<AggregateInput>): Computation {
  const computation = aggregates[name]?.prepare({ options: {}, typeOf, ...input })
  if (computation === undefined || 'error' in computation) throw new Error(computation?.error ?? `no ${name}`)
  return computation
}

function done(computation: Computation | { readonly error: string }): Computation {
  if ('error' in computation) throw new Error(computation.error)
  return computation
}

const over = (computation: Computation, rows: readonly KeyedRow[], t = T) =>
  new Cells(computation).update(0, rows).finalise(0, t)

describe('grouped', () => {
  const by = (field: string, max: number, inner = prepared('count', {})) =>
    done(groupedBy(inner, { field, max }, typeOf))

  it('has the text of each key, and no prototype that a key could be taken for', () => {
    const rows = ['__proto__', '', 'constructor', null].map((kind, i) => row(i, { kind }))
    const result = over(by('kind', 3), rows)
    if ('error' in result) throw new Error(result.error)
    expect(Object.getPrototypeOf(result.value)).toBe(null)
    expect(Object.entries(result.value as object)).toEqual([
      ['', 1],
      ['__proto__', 1],
      ['constructor', 1],
    ])
    const keyed = {
      units: [-0, 0, -3],
      price: [-5n, 1230n],
      ok: [true, false],
      account: [2n ** 63n - 1n],
      seen: [1_700],
    }
    const texts = Object.entries(keyed).map(([field, values]) => {
      const found = over(
        by(field, 9),
        values.map((value, i) => row(i, { [field]: value })),
      )
      return 'error' in found ? [] : Object.keys(found.value as object)
    })
    expect(texts).toEqual([['0', '-3'], ['-0.05', '12.30'], ['false', 'true'], ['9223372036854775807'], ['1700']])
  })

  it('is an error past its cap, for ever, and counts keys whose value is empty', () => {
    const sums = by('kind', 2, prepared('sum', { field: 'units' }))
    const rows = ['a', 'b', 'c'].map((kind, i) => row(i, { kind, units: null }))
    expect(over(sums, rows.slice(0, 2))).toEqual({ value: {}, isEmpty: true })
    expect(over(sums, rows)).toEqual({ error: 'cap' })
    const merged = new Cells(sums).update(0, rows.slice(0, 2)).merge(0, new Cells(sums).update(0, rows.slice(2)), 0, 1)
    expect(merged.finalise(0, T)).toEqual({ error: 'cap' })
  })

  it('fails when the value of one key does', () => {
    const rows = [1e308, 1e308].map((amount, i) => row(i, { kind: 'a', amount }))
    const sums = by('kind', 9, prepared('sum', { field: 'amount' }))
    expect(over(sums, [...rows, row(9, { kind: 'b', amount: 1 })])).toEqual({ error: 'overflow' })
  })

  it('refuses keys that have no one text, and maps of maps', () => {
    const refused = (field: string, inner = prepared('count', {})) => groupedBy(inner, { field, max: 9 }, typeOf)
    for (const field of ['amount', 'tags', 'embedding']) {
      expect(refused(field)).toEqual({ error: expect.stringMatching(/is no key of a group: group by a string/) })
    }
    expect(refused('kind', by('kind', 9))).toEqual({ error: 'values of type map(int) cannot be grouped again' })
  })
})

describe('over the newest n rows', () => {
  const rows = [5, 1, 4, 2].map((units, i) => row(i, { units, kind: i % 2 === 0 ? 'a' : 'b' }))
  const newest = (n: number, name: string, input: Partial<AggregateInput>) =>
    done(overNewest(n, { options: {}, typeOf, ...input }, (of) => prepared(name, of)))

  it('counts those that the filter admits, and asks what matches of these', () => {
    expect(over(newest(2, 'sum', { field: 'units' }), rows)).toMatchObject({ value: 6 })
    const where = { op: 'eq', field: 'kind', value: 'a' } as const
    expect(over(newest(2, 'sum', { field: 'units', where }), rows)).toMatchObject({ value: 9 })
    const matches = { op: 'gt', field: 'units', value: 3 } as const
    expect(over(newest(3, 'rate', { matches }), rows)).toMatchObject({ value: 1 / 3 })
    expect(over(newest(3, 'rate', { matches, where }), rows)).toMatchObject({ value: 1 })
  })

  it('keeps the fields that are read, and no others', () => {
    const where = { op: 'eq', field: 'kind', value: 'a' } as const
    const computation = newest(2, 'argMax', { field: 'ok', orderBy: 'units', where })
    expect(computation.accumulators).toMatchObject([{ kind: 'newest(2)', more: ['ok', 'units'], where }])
    expect(computation.accumulators[0]?.field).toBeUndefined()
  })
})

describe('decayed', () => {
  const weighed = (name: string, input: Partial<AggregateInput>) => done(decayed(prepared(name, input), HOUR))
  const valueAt = (computation: Computation, rows: readonly KeyedRow[], t: number) => {
    const result = over(computation, rows, t)
    return 'error' in result ? result : result.value
  }

  it('halves a row with each half-life, exactly at whole ones', () => {
    const rows = [row(T - HOUR, { units: 8 }), row(T - 3 * HOUR, { units: 8 })]
    expect(valueAt(weighed('sum', { field: 'units' }), rows, T)).toBe(5)
    expect(valueAt(weighed('count', {}), rows, T)).toBe(0.625)
    expect(valueAt(weighed('count', {}), rows, T + HOUR / 2)).toBeCloseTo(0.625 / Math.SQRT2, 15)
    expect(valueAt(weighed('avg', { field: 'units' }), rows, T)).toBe(8)
  })

  it('weighs a share by the weights of its rows, and a decimal in its own unit', () => {
    const rows = [row(T - HOUR, { ok: true, price: 200n }), row(T - 2 * HOUR, { ok: false, price: 100n })]
    const matches = { op: 'eq', field: 'ok', value: true } as const
    expect(valueAt(weighed('rate', { matches }), rows, T)).toBe(2 / 3)
    expect(valueAt(weighed('sum', { field: 'price' }), rows, T)).toBe(1.25)
  })

  it('loses nothing over 63 half-lives, where a double would', () => {
    const rows = [
      row(T - 1, { amount: 2 ** -1000 }),
      row(T - 63 * HOUR, { amount: 2 ** 60 }),
      row(T - 62 * HOUR, { amount: -(2 ** 59) }),
    ]
    // The two old ones cancel exactly; what is left is the new one, all but unweighted.
    expect((valueAt(weighed('sum', { field: 'amount' }), rows, T) as number) * 2 ** 1000).toBeCloseTo(1, 6)
    expect(valueAt(weighed('sum', { field: 'amount' }), rows.slice(1), T)).toBe(0)
  })

  it('is empty without rows, and an error when it is too large', () => {
    expect(over(weighed('count', {}), [])).toEqual({ value: 0, isEmpty: true })
    expect(over(weighed('avg', { field: 'amount' }), [row(T - 1, { amount: null })])).toEqual({
      value: null,
      isEmpty: true,
    })
    const rows = [1, 2, 3].map((ms) => row(T - ms, { amount: 1.7e308 }))
    expect(valueAt(weighed('sum', { field: 'amount' }), rows, T)).toEqual({ error: 'overflow' })
  })

  it('is refused where a weight means nothing', () => {
    for (const name of ['min', 'latest', 'variance', 'any']) {
      const matches = { op: 'isNull', field: 'kind' } as const
      const inner = prepared(name, { field: 'units', matches, options: { kind: 'sample' } })
      expect(decayed(inner, HOUR)).toEqual({ error: expect.stringMatching(/take count, sum, avg or rate/) })
    }
  })
})
