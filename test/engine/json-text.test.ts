import { expect, test } from 'vitest'
import { jsonText } from '../../src/engine/json-text.ts'
import type { MapValue, ResultType, Value } from '../../src/engine/spec.ts'

const map = (entries: Readonly<Record<string, Value>>): MapValue =>
  Object.assign(Object.create(null) as Record<string, Value>, entries)

test.each<[Value, ResultType, string]>([
  [null, 'list(string)', 'null'],
  [-0, 'float64', '-0'],
  [0.1, 'float64', '0.1'],
  [1e21, 'float64', '1e+21'],
  [true, 'bool', 'true'],
  ['a"\n\u001f\u2028', 'string', '"a\\"\\n\\u001f\u2028"'],
  [-9223372036854775808n, 'int64', '-9223372036854775808'],
  [1230n, 'decimal(2)', '"12.30"'],
  [-5n, 'decimal(2)', '"-0.05"'],
  [12n, 'decimal(0)', '"12"'],
  [['a', '"'], 'list(string)', '["a","\\""]'],
  [[], 'list(int)', '[]'],
  [[-0, 1], 'list(float64)', '[-0,1]'],
  [[9007199254740993n], 'list(int64)', '[9007199254740993]'],
  [[5n], 'list(decimal(1))', '["0.5"]'],
  [new Float32Array([0.1, -0, 1e-45]), 'vector(3)', '[0.1,-0,1e-45]'],
  [map({}), 'map(int)', '{}'],
  [map({ b: 1, a: -0 }), 'map(float64)', '{"b":1,"a":-0}'],
  [map({ 'x"\n': [1n], '': [] }), 'map(list(int64))', '{"x\\"\\n":[1],"":[]}'],
  [map({ a: null, b: 150n }), 'map(decimal(2))', '{"a":null,"b":"1.50"}'],
  [map({ a: new Float32Array([0.5]) }), 'map(vector(1))', '{"a":[0.5]}'],
])('%o as %s', (value, type, text) => expect(jsonText(value, type)).toBe(text))

test('a group called __proto__ is a member like any other', () => {
  // A literal would set the prototype.
  const value = JSON.parse('{"__proto__":1}') as MapValue
  expect(jsonText(value, 'map(int)')).toBe('{"__proto__":1}')
})

test('no text has a control character: they cut the rows of a read', () => {
  const all = String.fromCharCode(...Array.from({ length: 0xa0 }, (_, i) => i))
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  expect(jsonText(map({ [all]: [all] }), 'map(list(string))')).not.toMatch(/[\u0000-\u001f]/)
})

test('a value that its type does not have is a bug, not a text', () => {
  expect(() => jsonText(map({}), 'string')).toThrow(TypeError)
})
