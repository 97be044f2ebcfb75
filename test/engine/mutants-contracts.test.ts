import { describe, expect, test } from 'vitest'
import type { Aggregate, AggregateInput, Computation, OptionRule } from '../../src/engine/aggregate.ts'
import { fieldOf, numberOption } from '../../src/engine/aggregates/input.ts'
import { decayed } from '../../src/engine/computations/decayed.ts'
import { groupedBy } from '../../src/engine/computations/grouped.ts'
import { overNewest } from '../../src/engine/computations/newest.ts'
import { aggregates, compileView, type FeatureSpec, type FieldType, type ViewSpec } from '../../src/engine/index.ts'

// What each aggregate takes, gives and keeps. The names of what is kept are part of stored layouts: a change of one makes
// the state of every feature that has it start anew.

const TYPES = [
  'string',
  'bool',
  'int',
  'int64',
  'float64',
  'timestamp',
  'decimal(2)',
  'list(string)',
  'vector(3)',
] as const satisfies readonly FieldType[]

const OPTIONS: Readonly<Record<string, AggregateInput['options']>> = {
  quantile: { q: 0.5, accuracy: 0.01 },
  topK: { k: 3 },
  bottomK: { k: 3 },
  lastN: { n: 3 },
  countDistinct: { max: 7 },
  mostFrequent: { max: 7 },
  variance: { kind: 'sample' },
  stddev: { kind: 'sample' },
}

function prepared(name: string, input: Partial<AggregateInput>): Computation | { readonly error: string } {
  const aggregate = aggregates[name] as Aggregate
  return aggregate.prepare({ options: OPTIONS[name] ?? {}, typeOf: () => 'int', ...input })
}

interface Contract {
  readonly takes: Aggregate['takes']
  /** Of the types of the field, in the order of TYPES; null where it is refused. */
  readonly results: readonly (string | null)[]
  readonly empty: unknown
  /** Kind, and further fields. */
  readonly keeps: readonly string[]
  readonly options?: Readonly<Record<string, OptionRule>>
  readonly decays?: true
}

const all = (result: string) => TYPES.map(() => result)
const own = [...TYPES]
const scalars = (of: (type: string) => string) => TYPES.map((type) => (/list|vector/.test(type) ? null : of(type)))
const ordered = (of: (type: string) => string) => TYPES.map((type) => (/bool|list|vector/.test(type) ? null : of(type)))
const numbers = (of: (type: string) => string) =>
  TYPES.map((type) => (/int|float|decimal/.test(type) ? of(type) : null))
const same = (type: string) => type
const listOf = (type: string) => `list(${type})`
const VARIANCE: Contract = {
  takes: 'field',
  results: numbers(() => 'float64'),
  empty: null,
  keeps: ['count f', 'sum f', 'squares f'],
  options: { kind: { kind: 'choice', of: ['population', 'sample'], default: 'population' } },
}
const NULLS: Contract['options'] = { nulls: { kind: 'choice', of: ['keep'] } }
const UP_TO: Contract['options'] = { max: { kind: 'integer', least: 1, most: 10_000, default: 1000 } }
const K: Contract['options'] = { k: { kind: 'integer', least: 1, most: 1000 } }

const CONTRACTS: Readonly<Record<string, Contract>> = {
  count: { takes: 'optional field', results: all('int'), empty: 0, keeps: ['count f'], decays: true },
  sum: { takes: 'field', results: numbers(same), empty: null, keeps: ['count f', 'sum f'], decays: true },
  avg: { takes: 'field', results: numbers(() => 'float64'), empty: null, keeps: ['count f', 'sum f'], decays: true },
  min: { takes: 'field', results: ordered(same), empty: null, keeps: ['min f'] },
  max: { takes: 'field', results: ordered(same), empty: null, keeps: ['max f'] },
  variance: VARIANCE,
  stddev: VARIANCE,
  first: { takes: 'field', results: own, empty: null, keeps: ['first f'], options: NULLS },
  latest: { takes: 'field', results: own, empty: null, keeps: ['latest f'], options: NULLS },
  lastN: {
    takes: 'field',
    results: scalars(listOf),
    empty: [],
    keeps: ['lastN(3) f'],
    options: { n: { kind: 'integer', least: 1, most: 1000 }, distinct: { kind: 'flag' } },
  },
  countDistinct: {
    takes: 'field',
    results: scalars(() => 'int'),
    empty: 0,
    keeps: ['distinct(7) f'],
    // The estimate beyond the cap is a quotient by max - 2.
    options: { max: { kind: 'integer', least: 3, most: 10_000, default: 1000 } },
  },
  approxCountDistinct: { takes: 'field', results: scalars(() => 'int'), empty: 0, keeps: ['hyperloglog(12) f'] },
  quantile: {
    takes: 'field',
    results: numbers(() => 'float64'),
    empty: null,
    keeps: ['ddsketch(0.01) f'],
    options: {
      q: { kind: 'ratio', least: 0, most: 1 },
      accuracy: { kind: 'fraction', above: 0.0001, below: 0.2, default: 0.01 },
    },
  },
  topK: { takes: 'field', results: ordered(listOf), empty: [], keeps: ['topK(3) f'], options: K },
  bottomK: { takes: 'field', results: ordered(listOf), empty: [], keeps: ['bottomK(3) f'], options: K },
  mostFrequent: { takes: 'field', results: scalars(same), empty: null, keeps: ['frequencies(7) f'], options: UP_TO },
  argMin: { takes: 'field and order', results: own, empty: null, keeps: ['argMin f o'] },
  argMax: { takes: 'field and order', results: own, empty: null, keeps: ['argMax f o'] },
  rate: { takes: 'predicate', results: all('float64'), empty: null, keeps: ['count', 'count'], decays: true },
  any: { takes: 'predicate', results: all('bool'), empty: null, keeps: ['count', 'count'] },
  all: { takes: 'predicate', results: all('bool'), empty: null, keeps: ['count', 'count'] },
  timeSinceLast: { takes: 'optional field', results: all('int'), empty: null, keeps: ['lastTime f'] },
}

test('every aggregate has its contract here', () => {
  expect(Object.keys(aggregates).toSorted()).toEqual(Object.keys(CONTRACTS).toSorted())
})

describe.each(Object.entries(CONTRACTS))('%s', (name, contract) => {
  const aggregate = aggregates[name] as Aggregate
  const input = { field: 'f', orderBy: 'o', matches: { op: 'isNull', field: 'm' } } as const

  test('has its name, its arguments and its options', () => {
    expect([aggregate.name, aggregate.takes, aggregate.options]).toEqual([name, contract.takes, contract.options])
  })

  test('gives the type it says for each type of field, or refuses it', () => {
    const results = TYPES.map((type) => {
      const found = prepared(name, { ...input, typeOf: (field) => (field === 'f' ? type : 'int') })
      if (!('error' in found)) return found.resultType
      expect(found.error).toContain(`a ${type}`)
      return null
    })
    expect(results).toEqual(contract.results)
  })

  test('keeps what it says, of the rows that pass its filter', () => {
    const where = { op: 'notNull', field: 'w' } as const
    for (const filter of [undefined, where]) {
      const found = prepared(name, { ...input, ...(filter && { where: filter }) })
      if ('error' in found) throw new Error(found.error)
      expect(found.empty).toEqual(contract.empty)
      expect(found.decay !== undefined).toBe(contract.decays === true)
      const kept = found.accumulators.map(({ kind, field, more }) => [kind, field ?? [], more ?? []].flat().join(' '))
      expect(kept).toEqual(contract.keeps)
      const { matches } = input
      const second = contract.takes !== 'predicate' ? filter : filter ? { op: 'and', of: [filter, matches] } : matches
      expect(found.accumulators.map((accumulator) => accumulator.where)).toEqual(
        found.accumulators.map((_, i) => (i === 0 ? filter : second)),
      )
      for (const accumulator of found.accumulators) {
        expect(Object.hasOwn(accumulator, 'where')).toBe(accumulator.where !== undefined)
        const asked: string[] = []
        accumulator.create((asks) => asked.push(asks))
        const read = [accumulator.field ?? [], accumulator.more ?? []].flat()
        expect(asked.toSorted()).toEqual(read.toSorted())
      }
    }
  })
})

test.each([
  ['count', 'count'],
  ['timeSinceLast', 'lastTime'],
])('%s without a field keeps what is of no field', (name, kind) => {
  const found = prepared(name, {})
  if ('error' in found) throw new Error(found.error)
  expect(found.accumulators.map((accumulator) => [accumulator.kind, Object.hasOwn(accumulator, 'field')])).toEqual([
    [kind, false],
  ])
  const asked: string[] = []
  found.accumulators[0]?.create((field) => asked.push(field))
  expect(asked).toEqual([])
})

describe('what is kept has another name', () => {
  const kindOf = (name: string, options: AggregateInput['options']) => {
    const found = prepared(name, { field: 'f', options })
    return 'error' in found ? found.error : found.accumulators.map(({ kind }) => kind).join()
  }

  test.each([
    ['first', { nulls: 'keep' }, 'first-with-nulls'],
    ['latest', { nulls: 'keep' }, 'latest-with-nulls'],
    ['latest', {}, 'latest'],
    ['lastN', { n: 5, distinct: true }, 'lastN(5,distinct)'],
    ['lastN', { n: 5, distinct: false }, 'lastN(5)'],
    ['quantile', { q: 0.1, accuracy: 0.05 }, 'ddsketch(0.05)'],
  ])('for %s of %j', (name, options, kind) => {
    expect(kindOf(name, options)).toBe(kind)
  })

  test('when it is grouped, weighed or over the newest rows', () => {
    const sum = prepared('sum', { field: 'f' }) as Computation
    const grouped = groupedBy(sum, { field: 'g', max: 9 }, () => 'string') as Computation
    expect(grouped).toMatchObject({
      resultType: 'map(int)',
      accumulators: [
        { kind: 'by(9):count', field: 'f', more: ['g'] },
        { kind: 'by(9):sum', field: 'f', more: ['g'] },
      ],
    })
    expect(grouped.empty).toEqual({})
    const arg = prepared('argMax', { field: 'f', orderBy: 'o' }) as Computation
    expect(groupedBy(arg, { field: 'g', max: 9 }, () => 'string')).toMatchObject({
      accumulators: [{ kind: 'by(9):argMax', more: ['o', 'g'] }],
    })
    expect(decayed(sum, 500)).toMatchObject({
      resultType: 'float64',
      empty: null,
      accumulators: [{ kind: 'decayed(500):count' }, { kind: 'decayed(500):sum' }],
    })
    const input: AggregateInput = { field: 'f', options: {}, typeOf: () => 'int' }
    expect(overNewest(4, input, (of) => prepared('sum', of))).toMatchObject({
      resultType: 'int',
      empty: null,
      accumulators: [{ kind: 'newest(4)', more: ['f'] }],
    })
  })
})

describe('a bug rings its alarm', () => {
  const options: AggregateInput = { options: {}, typeOf: () => 'int' }

  test('an aggregate without what it takes', () => {
    expect(() => fieldOf(options)).toThrow('got none')
    expect(fieldOf({ ...options, field: 'f' })).toBe('f')
    expect(() => numberOption({ ...options, options: { n: '3' } }, 'n')).toThrow('option n is 3, not a number')
    expect(() => numberOption(options, 'n')).toThrow('option n is undefined')
    expect(() => prepared('argMax', { field: 'f' })).toThrow('by an order got none')
    expect(() => prepared('rate', {})).toThrow('of a predicate got none')
  })

  test('a view of what is not there', () => {
    const view = (feature: Omit<FeatureSpec, 'name'>): ViewSpec => ({
      name: 'v',
      entity: 'u',
      source: 's',
      key: {},
      features: [{ ...feature, name: 'f' }],
      exactRows: 1,
      allowedLatenessMs: 128,
    })
    const types = new Map<string, FieldType>([['f', 'string']])
    const window = { kind: 'lifetime' } as const
    expect(() => compileView(view({ aggregate: 'count', field: 'g', window }), types)).toThrow(
      'source s has no field g',
    )
    expect(() => compileView(view({ aggregate: 'mean', window }), types)).toThrow(
      'v.f: the engine has no aggregate "mean"',
    )
    expect(() => compileView(view({ aggregate: 'sum', field: 'f', window }), types)).toThrow('v.f: a string cannot')
    const calendar = {
      kind: 'calendar',
      unit: 'day',
      zone: 'Mars/Base',
      offsetMs: 0,
      delayMs: 0,
      value: 'closed',
    } as const
    expect(() => compileView(view({ aggregate: 'count', window: calendar }), types)).toThrow('no time zone Mars/Base')
  })
})
