import { bitLength, roundFraction } from './round-fraction.ts'

/** Twice the bits of the root that decide its rounding. */
const SQUARE_BITS = 112

/**
 * The square root of `numerator / denominator * 2^exponent`, rounded once to a double, ties to even; infinite when it is
 * too large. The root of enough bits is taken in integers, and one more bit says whether anything follows.
 */
export function roundRoot(numerator: bigint, denominator: bigint, exponent: number): number {
  if (numerator === 0n) return 0
  let shift = SQUARE_BITS - (bitLength(numerator) - bitLength(denominator))
  // The root of 2^exponent must be a whole power of two.
  if ((exponent - shift) % 2 !== 0) shift += 1
  const dividend = shift > 0 ? numerator << BigInt(shift) : numerator
  const divisor = shift < 0 ? denominator << BigInt(-shift) : denominator
  const square = dividend / divisor
  const root = integerRoot(square)
  const isExact = root * root === square && dividend % divisor === 0n
  return roundFraction((root << 1n) | (isExact ? 0n : 1n), 1n, (exponent - shift) / 2 - 1)
}

/** The largest integer whose square is at most `value`, for 0 <= value < 2^1023. Newton's method from the root of the double. */
export function integerRoot(value: bigint): bigint {
  if (value === 0n) return 0n
  let root = BigInt(Math.floor(Math.sqrt(Number(value))))
  for (;;) {
    const next = (root + value / root) >> 1n
    const step = next - root
    root = next
    if (step >= -1n && step <= 1n) break
  }
  while (root * root > value) root -= 1n
  while ((root + 1n) * (root + 1n) <= value) root += 1n
  return root
}
