import { expect, test } from 'vitest'
import { formatDecimal, parseDecimal } from '../../src/util/decimal-text.ts'
import { forSeeds, type Random } from '../support/random.ts'

test.each([
  ['', 2],
  ['-', 2],
  ['.5', 2],
  ['5.', 2],
  ['+5', 2],
  [' 5', 2],
  ['5\n', 2],
  ['05', 2],
  ['1,5', 2],
  ['1e3', 2],
  ['0x10', 2],
  ['NaN', 2],
  ['Infinity', 2],
  ['1_000', 2],
  ['٣', 2],
])('%j is malformed', (text, scale) => expect(parseDecimal(text, scale, false)).toBe('malformed'))

test('digits after the scale are refused, never rounded, unless they are zeros', () => {
  expect(parseDecimal('0.999', 2, false)).toBe('too_precise')
  expect(parseDecimal('0.001', 2, false)).toBe('too_precise')
  expect(parseDecimal('12.300000', 2, false)).toBe(1230n)
  expect(parseDecimal('5', 0, false)).toBe(5n)
  expect(parseDecimal('5.5', 0, false)).toBe('too_precise')
})

test('38 digits are held, before and after the point together, 39 are not', () => {
  const most = 10n ** 38n - 1n
  expect(parseDecimal('9'.repeat(38), 0, false)).toBe(most)
  expect(parseDecimal(`-${'9'.repeat(36)}.99`, 2, false)).toBe(-most)
  expect(parseDecimal(`1${'0'.repeat(38)}`, 0, false)).toBe('too_large')
  expect(parseDecimal('9'.repeat(37), 2, false)).toBe('too_large')
})

test('a number may have an exponent when it is exact, and absurd exponents cost nothing', () => {
  expect(parseDecimal('1.5e3', 2, true)).toBe(150_000n)
  expect(parseDecimal('1250E-2', 1, true)).toBe(125n)
  expect(parseDecimal('1250e-4', 1, true)).toBe('too_precise')
  expect(parseDecimal('0e999999999', 2, true)).toBe(0n)
  expect(parseDecimal('1e999999999', 2, true)).toBe('too_large')
  expect(parseDecimal(`1e-${'9'.repeat(500)}`, 2, true)).toBe('too_precise')
  expect(parseDecimal(`0.${'0'.repeat(400_000)}1e400001`, 0, true)).toBe(1n)
  expect(parseDecimal('9'.repeat(500_000), 0, true)).toBe('too_large')
})

test('there is one zero', () => {
  for (const text of ['0', '-0', '0.00', '-0.000000']) expect(parseDecimal(text, 2, false)).toBe(0n)
})

test('a text has exactly the digits of the scale', () => {
  expect([1230n, -5n, 0n, 5n, -100n].map((units) => formatDecimal(units, 2))).toEqual([
    '12.30',
    '-0.05',
    '0.00',
    '0.05',
    '-1.00',
  ])
  expect(formatDecimal(-12n, 0)).toBe('-12')
})

test('every decimal reads back from its text, and means what the digits say', () => {
  forSeeds(2_000, (r) => {
    const scale = r.int(0, 18)
    const units = randomUnits(r)
    const text = formatDecimal(units, scale)
    expect(parseDecimal(text, scale, r.chance(0.5))).toBe(units)
    expect(BigInt(text.replace('.', ''))).toBe(units)
    expect(parseDecimal(`${units}e-${scale}`, scale, true)).toBe(units)
  })
})

function randomUnits(r: Random): bigint {
  const digits = Array.from({ length: r.int(1, 38) }, () => r.int(0, 9)).join('')
  return BigInt(digits) * (r.chance(0.5) ? -1n : 1n)
}
