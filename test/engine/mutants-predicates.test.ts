import { describe, expect, test } from 'vitest'
import { encodeNumbers } from '../../src/engine/number-columns.ts'
import { compilePredicate, fieldsOf } from '../../src/engine/predicate.ts'
import { Rows } from '../../src/engine/rows.ts'
import type { Predicate, Scalar, Value } from '../../src/engine/spec.ts'
import { ByteWriter } from '../../src/util/byte-writer.ts'

function admitted(predicate: Predicate, values: readonly Value[]): Value[] {
  const rows = new Rows(1)
  values.forEach((value, i) => {
    rows.push(i, 0, i, [value])
  })
  const alone = new Uint8Array(values.length)
  compilePredicate(predicate, () => 0)(rows, 0, values.length, alone)
  // The same inside of another, which is compiled row by row.
  const nested = new Uint8Array(values.length)
  compilePredicate({ op: 'and', of: [predicate] }, () => 0)(rows, 0, values.length, nested)
  expect(nested).toEqual(alone)
  return values.filter((_, i) => alone[i] === 1)
}

/** Ascending; the constant is the middle one. */
const ORDERED: Readonly<Record<string, readonly [Scalar, Scalar, Scalar]>> = {
  numbers: [-1.5, 2, 3],
  strings: ['', 'b', 'ba'],
  'strings by code point': ['a', '\uffee', '\u{1f600}'],
  bigints: [-(2n ** 60n), 5n, 2n ** 60n],
  decimals: [1n, 2n, 3n],
}

describe.each(Object.entries(ORDERED))('a comparison of %s', (_, values) => {
  const [low, middle, high] = values
  test.each([
    ['eq', [middle]],
    ['ne', [low, high]],
    ['gt', [high]],
    ['gte', [middle, high]],
    ['lt', [low]],
    ['lte', [low, middle]],
  ] as const)('%s', (op, expected) => {
    expect(admitted({ op, field: 'f', value: middle }, [...values, null])).toEqual(expected)
  })

  test('between has both ends, in has its own, and null is in neither', () => {
    const all = [...values, null]
    expect(admitted({ op: 'between', field: 'f', low, high: middle }, all)).toEqual([low, middle])
    expect(admitted({ op: 'between', field: 'f', low: middle, high }, all)).toEqual([middle, high])
    expect(admitted({ op: 'in', field: 'f', values: [high, low] }, all)).toEqual([low, high])
    expect(admitted({ op: 'isNull', field: 'f' }, all)).toEqual([null])
    expect(admitted({ op: 'notNull', field: 'f' }, all)).toEqual(values)
  })
})

test('a prefix is where a text begins, and of texts only', () => {
  expect(admitted({ op: 'prefix', field: 'f', value: 'ab' }, ['ab', 'abc', 'cab', 'a', '', null, 5])).toEqual([
    'ab',
    'abc',
  ])
})

test('the fields of a filter are those that it reads, in its order', () => {
  const is = (field: string): Predicate => ({ op: 'isNull', field })
  expect(fieldsOf(undefined)).toEqual([])
  expect(fieldsOf({ op: 'or', of: [is('b'), { op: 'not', of: is('a') }, is('b')] })).toEqual(['b', 'a', 'b'])
})

describe('the form of a column of numbers', () => {
  const formOf = (...values: number[]) => {
    const out = new ByteWriter()
    encodeNumbers(out, values)
    return out.finish()[0]
  }
  const RAW = 15
  const MIXED = 8

  test('is by the places that all of them fit', () => {
    expect([[1, -2], [1, 0.5], [0.25], [0.125], [0.0625], []].map((values) => formOf(...values))).toEqual([
      0, 1, 2, 3, 4, 0,
    ])
  })

  test('is mixed when more than a quarter fits, else bit for bit', () => {
    expect(formOf(Math.PI)).toBe(RAW)
    expect(formOf(1, Math.PI, Math.PI, Math.PI)).toBe(RAW)
    expect(formOf(1, 1, Math.PI, Math.PI, Math.PI)).toBe(MIXED)
    expect(formOf(0.1, 1, Math.PI, -0)).toBe(MIXED + 1)
    expect(formOf(0.0625, 1, Math.PI)).toBe(MIXED + 4)
  })

  test('takes no number that is too large to be doubled', () => {
    expect([2 ** 52 - 1, 2 ** 52].map((value) => formOf(value))).toEqual([0, RAW])
    expect([2 ** 51 - 1, 2 ** 51].map((value) => formOf(value, value, Math.PI))).toEqual([MIXED, RAW])
    expect([1 - 2 ** 51, -(2 ** 51)].map((value) => formOf(value, value, Math.PI))).toEqual([MIXED, RAW])
  })
})
