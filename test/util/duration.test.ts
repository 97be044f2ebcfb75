import { expect, test } from 'vitest'
import { formatDuration, parseDuration } from '../../src/util/duration.ts'

test.each([
  ['250ms', 250],
  ['90s', 90_000],
  ['5m', 300_000],
  ['1h', 3_600_000],
  ['1d', 86_400_000],
  ['2w', 1_209_600_000],
  [1500, 1500],
])('%s is %d ms', (text, ms) => expect(parseDuration(text)).toEqual({ ms }))

test.each([
  '0s',
  '-5m',
  0,
  -1,
  1.5,
  '1.5s',
  '5',
  '5 m',
  '5min',
  '',
  'PT5M',
  null,
  undefined,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  '99999999999999999w',
])('%s is refused', (text) => expect(parseDuration(text)).toHaveProperty('error'))

test('milliseconds are written in the widest whole unit', () => {
  expect([300_000, 90_000, 1, 604_800_000, 86_400_000].map(formatDuration)).toEqual(['5m', '90s', '1ms', '1w', '1d'])
})
