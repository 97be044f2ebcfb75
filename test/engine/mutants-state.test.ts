import { describe, expect, test } from 'vitest'
import {
  compileView,
  decodeState,
  EntityState,
  type FeatureSpec,
  type FeatureValue,
  type FieldType,
  stateBytes,
  ViewReader,
  type ViewSpec,
} from '../../src/engine/index.ts'
import { decimalScale, elementType, isScalarType, mapValueType, vectorLength } from '../../src/engine/types.ts'
import { ByteReader } from '../../src/util/byte-reader.ts'

const T0 = Date.UTC(2026, 0, 1)
const DAY = 86_400_000
const FIELDS = new Map<string, FieldType>([
  ['a', 'int'],
  ['b', 'int'],
  ['c', 'int'],
])
const PART = { region: 1, epoch: 0, shard: 0 }

function viewOf(features: readonly Omit<FeatureSpec, 'name'>[], exactRows = 2, name = 'v'): ViewSpec {
  return {
    name,
    entity: 'user',
    source: 's',
    key: {},
    features: features.map((feature, i) => ({ ...feature, name: `f${i}` })),
    exactRows,
    allowedLatenessMs: 1_024,
    since: 'beginning',
  }
}

function feed(state: EntityState, times: readonly number[], view = 0): EntityState {
  times.forEach((ms, i) => {
    state.raiseMark(T0 + ms, T0 + ms)
    const part = state.commit(PART, i + 1)
    const fields = state.plan[view]?.fields ?? []
    const values = fields.map(({ name }) => ({ a: i + 1, b: 10 * (i + 1), c: 100 * (i + 1) })[name] ?? null)
    state.apply(view, T0 + ms, part, i + 1, values)
  })
  state.settle()
  return state
}

function readAll(state: EntityState, t: number): FeatureValue['value'][] {
  const [plan] = state.plan
  if (plan === undefined) throw new Error('no view')
  const out: FeatureValue[] = []
  state.settle()
  const since = plan.features.map(() => Number.NEGATIVE_INFINITY)
  new ViewReader(plan).read(state.views[0] ?? null, state.mark, t, since, out)
  return out.map(({ value }) => value)
}

const HOUR = { kind: 'sliding', widthMs: 3_600_000, delayMs: 0 } as const
const sumOf = (field: string, window: FeatureSpec['window'] = HOUR) => ({ aggregate: 'sum', field, window })

describe('a changed definition', () => {
  test('finds the fields of kept rows by their names, also among such of one type', () => {
    const old = compileView(viewOf([sumOf('a'), sumOf('b'), sumOf('c')], 8), FIELDS)
    const changed = compileView(viewOf([sumOf('c'), sumOf('a')], 8), FIELDS)
    const bytes = stateBytes(feed(new EntityState([old]), [0, 1, 2]))
    const state = decodeState(new ByteReader(bytes), [changed], () => old)
    expect(readAll(state, T0 + 10)).toEqual([600, 6])
  })

  test('gives fields that the old rows lack a null', () => {
    const old = compileView(viewOf([sumOf('a')], 8), FIELDS)
    const changed = compileView(viewOf([sumOf('b'), sumOf('a')], 8), FIELDS)
    const bytes = stateBytes(feed(new EntityState([old]), [0, 1, 2]))
    const state = decodeState(new ByteReader(bytes), [changed], () => old)
    expect(readAll(state, T0 + 10)).toEqual([null, 6])
  })
})

describe('a view of which everything is pruned', () => {
  test.each([
    ['of tiles', viewOf([sumOf('a')])],
    ['of kept rows', viewOf([sumOf('a')], 128)],
    ['of a tail', viewOf([sumOf('a', { ...HOUR, tailLimit: 3 })])],
    ['of tiles and a tail', viewOf([sumOf('a'), sumOf('b', { ...HOUR, tailLimit: 3 })])],
  ])('%s has no bytes', (_, spec) => {
    const other = compileView(viewOf([{ aggregate: 'count', window: { kind: 'lifetime' } }], 2, 'other'), FIELDS)
    const plan = [compileView(spec, FIELDS), other]
    const state = feed(new EntityState(plan), [0, 1, 2, 3, 4, 5])
    expect(state.views[0]?.isEmpty).toBe(false)
    const nothing = new EntityState(plan)
    for (const one of [state, nothing]) {
      one.raiseMark(T0 + DAY, T0 + DAY)
      one.commit(PART, 6)
      one.settle()
    }
    expect(state.views[0]?.isEmpty).toBe(true)
    expect(stateBytes(state)).toEqual(stateBytes(nothing))
  })

  test('is not while a tile or a row is left', () => {
    const state = feed(new EntityState([compileView(viewOf([sumOf('a')], 1), FIELDS)]), [0, 1, 2, 3_000_000])
    expect(state.views[0]?.isEmpty).toBe(false)
    state.raiseMark(T0 + 5_400_000, T0 + 5_400_000)
    state.settle()
    expect(state.views[0]?.rows.length).toBe(1)
    expect(state.views[0]?.isEmpty).toBe(false)
  })
})

test('a state with a tile of everything has the bytes that it always had', () => {
  const lifetime = viewOf([{ aggregate: 'count', window: { kind: 'lifetime' } }], 1)
  const state = feed(new EntityState([compileView(lifetime, FIELDS)]), [0, 1, 5_000, 5_001])
  expect(Buffer.from(stateBytes(state)).toString('hex')).toBe(
    '0289f7eab6b73301010000040193eb80720189f7eab6b733080001f1aeedf6b606000001010080d0eab6b733010200cd3b437d',
  )
})

describe('the newest event before a time', () => {
  const newestOf = (spec: ViewSpec, times: readonly number[], t: number) => {
    const newest = feed(new EntityState([compileView(spec, FIELDS)]), times).views[0]?.newestBefore(T0 + t) ?? null
    return newest === null ? null : newest - T0
  }

  test('is that of a kept row, of one too', () => {
    const spec = viewOf([sumOf('a')], 8)
    expect([1, 0, 6, 5, 100].map((t) => newestOf(spec, [0, 5, 9], t))).toEqual([0, null, 5, 0, 9])
    expect(newestOf(spec, [0], 1)).toBe(0)
  })

  test('is that of a row of the tail, or of a tile', () => {
    const tail = viewOf([sumOf('a', { ...HOUR, tailLimit: 4 })])
    expect([2_000, 1_500, 1_000, 1_001].map((t) => newestOf(tail, [0, 1_000, 2_000, 3_000], t))).toEqual([
      1_000, 1_000, 0, 1_000,
    ])
    // The rows at 0 and 1,000 are in one tile, which is passed over where it reaches past t.
    const tiles = viewOf([sumOf('a')])
    expect([2_000, 1_000, 1_001, 0].map((t) => newestOf(tiles, [0, 1_000, 2_000, 3_000], t))).toEqual([
      1_000,
      null,
      1_000,
      null,
    ])
  })
})

describe('the parts of a type', () => {
  test('are only those of its kind', () => {
    const types = ['int', 'decimal(3)', 'list(decimal(3))', 'vector(16)', 'map(list(int))', undefined] as const
    expect(types.map(decimalScale)).toEqual([undefined, 3, undefined, undefined, undefined, undefined])
    expect(types.map(elementType)).toEqual([undefined, undefined, 'decimal(3)', undefined, undefined, undefined])
    expect(types.map(vectorLength)).toEqual([undefined, undefined, undefined, 16, undefined, undefined])
    expect(types.map(mapValueType)).toEqual([undefined, undefined, undefined, undefined, 'list(int)', undefined])
    expect(types.map(isScalarType)).toEqual([true, true, false, false, false, false])
  })
})
