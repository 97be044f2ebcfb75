import { MAX_DECIMAL_DIGITS } from './limits.ts'

/** Why a text is no decimal of a scale. */
export type DecimalProblem = 'malformed' | 'too_precise' | 'too_large'

// The grammar of a JSON number (RFC 8259, section 6); the exponent apart, since texts have none.
const NUMBER = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/

/**
 * A decimal as the whole number of units of its last digit, or why it is none: digits after the scale must be zeros, and
 * it has at most 38 digits in all. Never rounds. `-0` is 0. Any length of text costs linear time only.
 *
 * @param exponents whether `1e3` is taken, as JSON writes numbers; false for texts, where it is more often a mistake
 * @example parseDecimal('12.3', 2, false) // 1230n
 */
export function parseDecimal(text: string, scale: number, exponents: boolean): bigint | DecimalProblem {
  const parts = NUMBER.exec(text)
  if (parts === null || (parts[4] !== undefined && !exponents)) return 'malformed'
  const [, sign, whole = '', fraction = '', exponent = '0'] = parts
  const digits = whole + fraction
  let first = 0
  while (digits.charCodeAt(first) === ZERO) first++
  if (first === digits.length) return 0n
  let end = digits.length
  while (digits.charCodeAt(end - 1) === ZERO) end--
  // How many zeros follow the last digit once the point has moved to the scale. Infinite for an absurd exponent.
  const zeros = scale - fraction.length + Number(exponent) + (digits.length - end)
  if (zeros < 0) return 'too_precise'
  if (end - first + zeros > MAX_DECIMAL_DIGITS) return 'too_large'
  const units = BigInt(digits.slice(first, end) + '0'.repeat(zeros))
  return sign === '-' ? -units : units
}

const ZERO = 48

/**
 * The one text of a decimal: exactly `scale` digits after the point, a digit before it.
 *
 * @example formatDecimal(-5n, 2) // '-0.05'
 */
export function formatDecimal(units: bigint, scale: number): string {
  if (scale === 0) return String(units)
  const digits = String(units < 0n ? -units : units).padStart(scale + 1, '0')
  const point = digits.length - scale
  return `${units < 0n ? '-' : ''}${digits.slice(0, point)}.${digits.slice(point)}`
}
