import { expect, test } from 'vitest'
import { DEFAULT_LIMITS, parseLimits } from '../../src/dead-letters/index.ts'

test('limits that are given replace the defaults one by one', () => {
  expect(parseLimits(undefined)).toEqual({ retentionMs: 2_592_000_000, letters: 1_000_000, bytes: 536_870_912 })
  expect(parseLimits('{"days": 0.5, "letters": 10}')).toEqual({
    retentionMs: 43_200_000,
    letters: 10,
    bytes: DEFAULT_LIMITS.bytes,
  })
})

test.each([
  ['{', 'is no JSON'],
  ['[]', 'is no object'],
  ['{"dais": 1}', 'unknown "dais"'],
  ['{"days": "7"}', '"days"'],
  ['{"letters": 0}', 'above 0'],
])('%s is told what is wrong with it', (json, problem) => expect(parseLimits(json)).toContain(problem))
