import { expect, test } from 'vitest'
import { jsonText, type ResultType, type Value } from '../../src/engine/index.ts'
import { parseValues, valueReader } from '../../src/serve/typed-values.ts'

/** A value on its way from a shard into a typed object, beside an int64 or not. */
function there(value: Value, type: ResultType, hasInt64: boolean): Value {
  return valueReader(type)(parseValues(`[${jsonText(value, type)}]`, hasInt64)[0])
}

test.each<[ResultType, Value]>([
  ['float64', 1e20],
  ['float64', -0],
  ['float64', 123456789012345680000],
  ['int', 9007199254740991],
  ['string', '9007199254740993'],
  ['list(float64)', [1e20, 0.1, -0]],
  ['list(string)', []],
  ['vector(2)', new Float32Array([1e20, 0.1])],
  ['list(bool)', [true, false]],
  ['bool', null],
])('%s comes back as it was, beside an int64 and without: %o', (type, value) => {
  for (const hasInt64 of [true, false]) expect(there(value, type, hasInt64)).toEqual(value)
})

test('int64 is a bigint wherever it stands, small or large', () => {
  expect(there(9007199254740993n, 'int64', true)).toBe(9007199254740993n)
  expect(there(5n, 'int64', true)).toBe(5n)
  expect(there([1n, -9223372036854775808n], 'list(int64)', true)).toEqual([1n, -9223372036854775808n])
  expect({ ...(there({ a: [1n], b: null }, 'map(list(int64))', true) as object) }).toEqual({ a: [1n], b: null })
})

test('a decimal is its text', () => {
  expect(there(1230n, 'decimal(2)', false)).toBe('12.30')
  expect(there([5n], 'list(decimal(1))', false)).toEqual(['0.5'])
})

test('a map has its groups as own keys, whatever they are called, and the prototype that a service binding carries', () => {
  const value = valueReader('map(int64)')(parseValues('[{"__proto__":1,"constructor":9007199254740993}]', true)[0])
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
  expect(Object.entries(value as object)).toEqual([
    ['__proto__', 1n],
    ['constructor', 9007199254740993n],
  ])
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
})
