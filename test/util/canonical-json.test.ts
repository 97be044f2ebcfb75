import { expect, test } from 'vitest'
import { canonicalJson } from '../../src/util/canonical-json.ts'

test('equal data is equal text, whatever the order of keys; -0, bigints and digits of strings stay apart', () => {
  expect(canonicalJson({ b: [1n, -0, 0], a: { d: undefined, c: '1' } })).toBe(
    '{"a":{"c":"1"},"b":[{"$int64":"1"},-0,0]}',
  )
  expect(canonicalJson({ b: 1, a: null })).toBe(canonicalJson({ a: null, b: 1 }))
  expect(canonicalJson(1)).not.toBe(canonicalJson('1'))
})

test('what has no JSON is a bug', () => {
  expect(() => canonicalJson(Number.NaN)).toThrow(TypeError)
  expect(() => canonicalJson({ f: () => 1 })).toThrow(TypeError)
})
