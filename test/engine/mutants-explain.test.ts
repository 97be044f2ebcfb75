import { describe, expect, test } from 'vitest'
import {
  compileView,
  EntityState,
  type Explanation,
  explain,
  type FeatureSpec,
  type Value,
} from '../../src/engine/index.ts'
import { FIELDS } from '../support/streams.ts'

const T0 = Date.UTC(2026, 0, 1)
const FOREVER = Number.NEGATIVE_INFINITY
const PART = { region: 1, epoch: 0, shard: 2 }

type Row = readonly [atMs: number, fields: Readonly<Record<string, Value>>, retracted?: 'retracted']

interface Told {
  readonly feature: Omit<FeatureSpec, 'name'>
  readonly rows: readonly Row[]
  /** After T0. */
  readonly at: number
  readonly exactRows?: number
  readonly since?: number
}

/** Rows are committed in the order given; times are ms after T0. The lateness is 1,024 ms, its tiles 8 ms. */
function told({ feature, rows, at, exactRows = 2, since = FOREVER }: Told): Explanation {
  const plan = compileView(
    {
      name: 'v',
      entity: 'user',
      source: 's',
      key: {},
      features: [
        { name: 'other', aggregate: 'count', window: { kind: 'lifetime' } },
        { ...feature, name: 'f' },
      ],
      exactRows,
      allowedLatenessMs: 1_024,
      since: 'beginning',
    },
    FIELDS,
  )
  const state = new EntityState([plan])
  rows.forEach(([ms, fields, retracted], i) => {
    const [time, seq] = [T0 + ms, i + 1]
    state.raiseMark(time, time)
    const part = state.commit(PART, seq)
    const values = plan.fields.map((field) => fields[field.name] ?? null)
    state.apply(0, time, part, seq, values)
    if (retracted) state.retract(0, time, part, seq, values)
  })
  return explain(state, 0, 1, T0 + at, since)
}

const sliding = (widthMs: number, delayMs = 0) => ({ kind: 'sliding', widthMs, delayMs }) as const
const count = (window: FeatureSpec['window']) => ({ aggregate: 'count', window })
const timesOf = ({ rows }: Explanation) => rows.map(({ timeMs }) => timeMs - T0)
const tilesOf = ({ tiles }: Explanation) =>
  tiles.map(({ firstMs, lastMs, value }) => [firstMs - T0, lastMs - T0, value])

describe('an explanation', () => {
  test('of an entity without events says that there is nothing', () => {
    expect(told({ feature: count(sliding(1_024)), rows: [], at: 0 })).toEqual({
      feature: 'v.f',
      aggregate: 'count',
      window: sliding(1_024),
      where: null,
      t: T0,
      value: { value: 0, status: 'empty', exact: true },
      bounds: null,
      edges: null,
      rows: [],
      tiles: [],
      notes: ['Nothing in reach: no row, no tile.'],
    })
  })

  test('shows each kept row with its fields, its commit and whether the filter admits it, and each tile with its value', () => {
    const where = { op: 'gt', field: 'units', value: 1 } as const
    const rows: Row[] = [
      [0, { units: 2 }],
      [1, { units: 3 }],
      [100, { units: 0 }],
      [200, { units: 1 }],
      [300, { units: 9 }],
    ]
    const found = told({ feature: { ...count(sliding(1_024)), where }, rows, at: 301 })
    expect(found).toMatchObject({ where, t: T0 + 301, value: { value: 3, status: 'present', exact: true } })
    expect(found.bounds).toEqual({ startMs: T0 + 301 - 1_024, endMs: T0 + 301 })
    expect(found.rows).toEqual([
      { timeMs: T0 + 200, commit: { ...PART, seq: 4 }, fields: { units: 1 }, admitted: false, retracted: false },
      { timeMs: T0 + 300, commit: { ...PART, seq: 5 }, fields: { units: 9 }, admitted: true, retracted: false },
    ])
    expect(found.tiles).toEqual([
      { startMs: T0, endMs: T0 + 8, firstMs: T0, lastMs: T0 + 1, value: 2 },
      { startMs: T0 + 96, endMs: T0 + 104, firstMs: T0 + 100, lastMs: T0 + 100, value: null },
    ])
    expect(found.notes).toEqual(['1 of 2 kept rows count, and 2 tiles of older rows.'])
  })

  test('shows only rows and tiles in the window, and fields that are null', () => {
    const rows: Row[] = [0, 2_000, 2_100, 2_200, 2_300].map((ms) => [ms, {}])
    const feature = { aggregate: 'count', field: 'kind', window: sliding(150) }
    const found = told({ feature, rows, at: 2_250 })
    expect(timesOf(found)).toEqual([2_200])
    expect(found.rows[0]?.fields).toEqual({ kind: null })
    expect(tilesOf(found)).toEqual([[2_100, 2_100, null]])
  })

  test('says that a tile on the start counts whole, and where it was cut', () => {
    const rows: Row[] = [0, 2, 100, 200].map((ms) => [ms, {}])
    const found = told({ feature: count(sliding(1_024)), rows, at: 1_025 })
    expect(found.value).toEqual({ value: 4, status: 'present', exact: false })
    expect(found.edges).toEqual({
      start: { exact: false, cutMs: T0 },
      end: { exact: true, cutMs: T0 + 1_032 },
    })
    expect(found.notes).toEqual([
      '2 of 2 kept rows count, and 1 tiles of older rows.',
      "The tile that holds the window's start has rows from before it, and counts whole.",
    ])
  })

  test('says that a tile on the end does not count', () => {
    const rows: Row[] = [0, 2, 100, 200].map((ms) => [ms, {}])
    const found = told({ feature: count(sliding(1_024, 128)), rows, at: 129 })
    expect(found.value).toEqual({ value: 0, status: 'empty', exact: false })
    expect(found.edges).toEqual({
      start: { exact: true, cutMs: T0 - 1_016 },
      end: { exact: false, cutMs: T0 },
    })
    expect(found.notes).toEqual([
      '0 of 0 kept rows count, and 0 tiles of older rows.',
      "The tile that holds the window's end has rows from after it, and does not count.",
    ])
  })

  test('of a window that ended before the lateness is cut among tiles of its own width', () => {
    // 64 ms wide, where those within the lateness are 8.
    const rows: Row[] = [1_000, 1_001, 6_000, 6_001, 6_002].map((ms) => [ms, {}])
    const found = told({ feature: count(sliding(8_192, 2_048)), rows, at: 6_003 })
    expect(found.edges).toEqual({
      start: { exact: true, cutMs: T0 - 4_224 },
      end: { exact: true, cutMs: T0 + 3_968 },
    })
    expect(tilesOf(found)).toEqual([[1_000, 1_001, 2]])
    const now = told({ feature: count(sliding(8_192)), rows, at: 6_001 })
    expect(now.edges?.end).toEqual({ exact: true, cutMs: T0 + 6_008 })
    expect(tilesOf(now)).toEqual([
      [1_000, 1_001, 2],
      [6_000, 6_000, 1],
    ])
  })

  test('of a lifetime has no start, neither of the window nor of its oldest tile', () => {
    const rows: Row[] = [0, 5_000, 10_000, 10_001, 10_002].map((ms) => [ms, {}])
    const found = told({ feature: count({ kind: 'lifetime' }), rows, at: 10_002 })
    expect(found.bounds).toEqual({ startMs: null, endMs: T0 + 10_002 })
    expect(found.edges?.start).toEqual({ exact: true, cutMs: null })
    expect(timesOf(found)).toEqual([10_001])
    // Wider tiles are older: everything from before the lateness, then the fine one.
    expect(found.tiles).toEqual([
      { startMs: null, endMs: null, firstMs: T0, lastMs: T0 + 5_000, value: 2 },
      { startMs: T0 + 10_000, endMs: T0 + 10_008, firstMs: T0 + 10_000, lastMs: T0 + 10_000, value: 1 },
    ])
  })

  test('of an exact tail shows its rows, and no edges', () => {
    const rows: Row[] = [0, 100, 200, 300].map((ms) => [ms, {}])
    const found = told({ feature: count({ ...sliding(250), tailLimit: 3 }), rows, at: 301 })
    expect(found.bounds).toEqual({ startMs: T0 + 51, endMs: T0 + 301 })
    expect(found.edges).toBeNull()
    expect(timesOf(found)).toEqual([100, 200, 300])
    expect(found.tiles).toEqual([])
    const limited = told({ feature: count({ ...sliding(250), tailLimit: 2 }), rows, at: 301 })
    expect(limited).toMatchObject({ bounds: null, rows: [], value: { status: 'error', reason: 'limit' } })
  })

  test('of a tail that is no longer than the newest rows shows these', () => {
    const rows: Row[] = [0, 100].map((ms) => [ms, {}])
    const found = told({ feature: count({ kind: 'lifetime', tailLimit: 2 }), rows, at: 301, exactRows: 16 })
    expect(found.bounds).toEqual({ startMs: null, endMs: T0 + 301 })
    expect(timesOf(found)).toEqual([0, 100])
  })

  test('of a session goes by its own first row, also when that is in a tile', () => {
    const window = { kind: 'session', gapMs: 128, maxMs: 1_000, keepLastMs: 512, value: 'last' } as const
    const rows: Row[] = [0, 1_000, 1_100, 1_200, 1_300].map((ms) => [ms, {}])
    const found = told({ feature: count(window), rows, at: 1_301 })
    expect(found.bounds).toEqual({ startMs: T0 + 1_000, endMs: T0 + 1_301 })
    expect(tilesOf(found)).toEqual([
      [1_000, 1_000, 1],
      [1_100, 1_100, 1],
    ])
    expect(timesOf(found)).toEqual([1_200, 1_300])
    const over = told({ feature: count(window), rows, at: 1_300 + 513 })
    expect(over).toMatchObject({ bounds: null, notes: ['Nothing in reach: no row, no tile.'], value: { value: 0 } })
    const long = told({ feature: count({ ...window, maxMs: 128 }), rows, at: 1_301 })
    expect(long.bounds).toBeNull()
    expect(long.notes[1]).toContain('rows that were let go')
  })

  test('shows a row that was taken back, which counts for nothing', () => {
    const plan = { feature: count(sliding(1_024)), at: 200, exactRows: 16 }
    const found = told({
      ...plan,
      rows: [
        [0, {}],
        [100, {}, 'retracted'],
      ],
    })
    expect(found.value.value).toBe(1)
    expect(found.rows.map(({ admitted, retracted }) => ({ admitted, retracted }))).toContainEqual({
      admitted: true,
      retracted: false,
    })
    expect(found.notes[0]).toBe(`1 of ${found.rows.length} kept rows count, and 0 tiles of older rows.`)
  })

  test('says since when the history is complete, if the window begins before', () => {
    const rows: Row[] = [[0, {}]]
    const partial = told({ feature: count(sliding(1_024)), rows, at: 1, since: T0 })
    expect(partial.value.status).toBe('partial')
    expect(partial.notes[1]).toBe(
      'The window begins before the history is complete, which it is since 2026-01-01T00:00:00.000Z.',
    )
    expect(told({ feature: count(sliding(1_024)), rows, at: 1, since: T0 - 2_000 }).notes).toHaveLength(1)
  })

  test('says why there is an error', () => {
    const big = 2n ** 62n
    const sum = { aggregate: 'sum', field: 'account', window: sliding(1_024) }
    const overflow = told({
      feature: sum,
      rows: [
        [0, { account: big }],
        [1, { account: big }],
      ],
      at: 2,
    })
    expect(overflow.notes[1]).toBe('The result does not fit its type.')
    const groups = { ...count(sliding(1_024)), groupBy: { field: 'kind', max: 1 } }
    const cap = told({
      feature: groups,
      rows: [
        [0, { kind: 'a' }],
        [1, { kind: 'b' }],
      ],
      at: 2,
    })
    expect(cap.notes[1]).toBe('There were more different keys or values than its cap allows.')
  })

  test('shows no value for a tile that has none alone', () => {
    const big = 2n ** 62n
    const sum = { aggregate: 'sum', field: 'account', window: sliding(1_024) }
    const rows: Row[] = [big, big, 1n, 1n].map((account, i) => [i, { account }])
    const found = told({ feature: sum, rows, at: 100 })
    expect(found.tiles).toMatchObject([{ firstMs: T0, lastMs: T0 + 1 }])
    expect(found.tiles[0]?.value).toBeUndefined()
  })

  test('of a feature or a view that is not there is refused', () => {
    const plan = compileView(
      { name: 'v', entity: 'u', source: 's', key: {}, features: [], exactRows: 1, allowedLatenessMs: 128 },
      FIELDS,
    )
    expect(() => explain(new EntityState([plan]), 0, 0, T0, FOREVER)).toThrow('there is no feature 0 in view 0')
    expect(() => explain(new EntityState([plan]), 1, 0, T0, FOREVER)).toThrow('there is no feature 0 in view 1')
  })
})
