import { describe, expect, it } from 'vitest'
import {
  compileView,
  EntityState,
  type FeatureSpec,
  type FeatureValue,
  type Value,
  ViewReader,
} from '../../src/engine/index.ts'
import { FIELDS } from '../support/streams.ts'

const T0 = Date.UTC(2026, 0, 1)
const HOUR = { kind: 'sliding', widthMs: 3_600_000, delayMs: 0 } as const

/** Reads one feature over rows that are `[ms after T0, fields]`, at `T0 + at`. */
function read(feature: Omit<FeatureSpec, 'name'>, rows: [number, Record<string, Value>][], at = 1_000): FeatureValue {
  const plan = compileView(
    {
      name: 'v',
      entity: 'user',
      source: 's',
      key: {},
      features: [{ ...feature, name: 'f' }],
      exactRows: 128,
      allowedLatenessMs: 300_000,
      since: 'beginning',
    },
    FIELDS,
  )
  const state = new EntityState([plan])
  rows.forEach(([ms, fields], i) => {
    state.raiseMark(T0 + ms, T0 + ms)
    const values = plan.fields.map((field) => fields[field.name] ?? null)
    state.apply(0, T0 + ms, state.commit({ region: 1, epoch: 0, shard: 0 }, i + 1), i + 1, values)
  })
  state.settle()
  const out: FeatureValue[] = []
  new ViewReader(plan).read(state.views[0] ?? null, state.mark, T0 + at, [Number.NEGATIVE_INFINITY], out)
  return out[0] as FeatureValue
}

describe('what an aggregate gives for nothing, and for nulls', () => {
  it('count and count of a field: 0, nulls left out of the field', () => {
    expect(read({ aggregate: 'count', window: HOUR }, [])).toEqual({ value: 0, status: 'empty', exact: true })
    expect(read({ aggregate: 'count', window: HOUR }, [[0, {}]]).value).toBe(1)
    expect(
      read({ aggregate: 'count', field: 'kind', window: HOUR }, [
        [0, {}],
        [1, { kind: '' }],
      ]).value,
    ).toBe(1)
  })

  it('the others: null, or the default', () => {
    for (const aggregate of ['sum', 'avg', 'min', 'max', 'latest']) {
      const feature = { aggregate, field: 'amount', window: HOUR }
      expect(read(feature, [[0, { amount: null }]])).toEqual({ value: null, status: 'empty', exact: true })
      expect(read({ ...feature, default: 7 }, [])).toEqual({ value: 7, status: 'empty', exact: true })
    }
  })

  it('rate: a null does not match, but its row counts', () => {
    const matches = { op: 'gt', field: 'amount', value: 15 } as const
    expect(read({ aggregate: 'rate', matches, window: HOUR }, [])).toMatchObject({ value: null, status: 'empty' })
    expect(
      read({ aggregate: 'rate', matches, window: HOUR }, [
        [0, { amount: 16 }],
        [1, {}],
      ]).value,
    ).toBe(0.5)
  })

  it('latest keeps a null only when asked to', () => {
    const rows: [number, Record<string, Value>][] = [
      [0, { kind: 'a' }],
      [1, { kind: null }],
    ]
    expect(read({ aggregate: 'latest', field: 'kind', window: { kind: 'lifetime' } }, rows).value).toBe('a')
    expect(
      read({ aggregate: 'latest', field: 'kind', options: { nulls: 'keep' }, window: { kind: 'lifetime' } }, rows),
    ).toEqual({
      value: null,
      status: 'present',
      exact: true,
    })
  })
})

describe('pinned values', () => {
  it('-0 is below 0 for min and max, survives latest, and disappears in a sum', () => {
    const rows: [number, Record<string, Value>][] = [
      [0, { amount: 0 }],
      [1, { amount: -0 }],
    ]
    expect(Object.is(read({ aggregate: 'min', field: 'amount', window: HOUR }, rows).value, -0)).toBe(true)
    expect(Object.is(read({ aggregate: 'max', field: 'amount', window: HOUR }, rows).value, 0)).toBe(true)
    expect(Object.is(read({ aggregate: 'latest', field: 'amount', window: HOUR }, rows).value, -0)).toBe(true)
    expect(Object.is(read({ aggregate: 'sum', field: 'amount', window: HOUR }, rows.slice(1)).value, 0)).toBe(true)
  })

  it('a variance is exact where the squares of whole numbers pass 2^53', () => {
    const variance = { aggregate: 'variance', field: 'units', options: { kind: 'population' } } as const
    for (const units of [2 ** 26 - 1, 2 ** 26 - 3, 2 ** 26 - 5]) {
      for (let length = 2; length < 12; length++) {
        const rows = Array.from({ length }, (_, i): [number, Record<string, Value>] => [i, { units }])
        expect(read({ ...variance, window: { kind: 'lifetime' } }, rows).value).toBe(0)
      }
    }
  })

  it('strings compare by code point, the empty one first', () => {
    const rows: [number, Record<string, Value>][] = [
      [0, { kind: '\uffee' }],
      [1, { kind: '\u{1f600}' }],
      [2, { kind: '' }],
    ]
    expect(read({ aggregate: 'max', field: 'kind', window: HOUR }, rows).value).toBe('\u{1f600}')
    expect(read({ aggregate: 'min', field: 'kind', window: HOUR }, rows).value).toBe('')
  })

  it('ties of event time go by commit number', () => {
    expect(
      read({ aggregate: 'latest', field: 'kind', window: HOUR }, [
        [5, { kind: 'a' }],
        [5, { kind: 'b' }],
      ]).value,
    ).toBe('b')
  })

  it('int64 is exact to 64 bits, and what does not fit is an error with a reason', () => {
    const big = 2n ** 62n
    const feature = { aggregate: 'sum', field: 'account', window: HOUR }
    expect(
      read(feature, [
        [0, { account: big }],
        [1, { account: big - 1n }],
      ]).value,
    ).toBe(2n ** 63n - 1n)
    expect(
      read(feature, [
        [0, { account: big }],
        [1, { account: big }],
      ]),
    ).toEqual({
      value: null,
      status: 'error',
      exact: true,
      reason: 'overflow',
    })
    expect(
      read(feature, [
        [0, { account: big }],
        [1, { account: big }],
        [2, { account: -big }],
      ]).value,
    ).toBe(big)
  })

  it('an event at t does not count, one a millisecond before does, one at the start of the window does', () => {
    const count = { aggregate: 'count', window: { kind: 'sliding', widthMs: 1_000, delayMs: 0 } } as const
    expect(read(count, [[1_000, {}]], 1_000).value).toBe(0)
    expect(read(count, [[999, {}]], 1_000).value).toBe(1)
    expect(read(count, [[0, {}]], 1_000).value).toBe(1)
    expect(read(count, [[0, {}]], 1_001).value).toBe(0)
  })
})
