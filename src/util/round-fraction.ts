import { LEAST_EXPONENT } from './dyadic.ts'

/** The bits of a double's significand. */
const SIGNIFICAND_BITS = 53
/** Bits of a quotient that decide the rounding: a significand and a bit for the half; what follows is only zero or not. */
const QUOTIENT_BITS = SIGNIFICAND_BITS + 2

/**
 * `numerator / denominator * 2^exponent` rounded once to a double, ties to even; infinite when it is too large. The
 * denominator is positive.
 */
export function roundFraction(numerator: bigint, denominator: bigint, exponent: number): number {
  if (numerator === 0n) return 0
  const magnitude = numerator < 0n ? -numerator : numerator
  const shift = bitLength(magnitude) - bitLength(denominator) - QUOTIENT_BITS
  const dividend = shift < 0 ? magnitude << BigInt(-shift) : magnitude
  const divisor = shift > 0 ? denominator << BigInt(shift) : denominator
  // One more bit stands for all that follow: it is never a tie by itself.
  const quotient = ((dividend / divisor) << 1n) | (dividend % divisor === 0n ? 0n : 1n)
  const value = roundBits(quotient, exponent + shift - 1)
  return numerator < 0n ? -value : value
}

/** `bits * 2^exponent`, rounded; `bits` is positive and below 2^64. */
function roundBits(bits: bigint, exponent: number): number {
  // Subnormal numbers have fewer bits: none is below 2^-1074.
  const dropped = Math.max(bitLength(bits) - SIGNIFICAND_BITS, LEAST_EXPONENT - exponent)
  if (dropped <= 0) return scaleByPowerOfTwo(Number(bits), exponent)
  if (dropped > 64) return 0
  const by = BigInt(dropped)
  const rest = bits & ((1n << by) - 1n)
  const half = 1n << (by - 1n)
  const kept = bits >> by
  const up = rest > half || (rest === half && (kept & 1n) === 1n)
  return scaleByPowerOfTwo(Number(up ? kept + 1n : kept), exponent + dropped)
}

/** `value * 2^exponent` for a whole value of at most 2^53 and an exponent from -1074; exact unless it overflows to infinity. */
function scaleByPowerOfTwo(value: number, exponent: number): number {
  // In two steps: 2^-1074 and 2^1023 are doubles, but not every quotient of the two is.
  const half = Math.trunc(exponent / 2)
  return value * 2 ** half * 2 ** (exponent - half)
}

/** How many bits a positive integer has. */
export function bitLength(value: bigint): number {
  // Hexadecimal and not binary: a fourth of the text.
  const digits = value.toString(16)
  return digits.length * 4 - Math.clz32(Number.parseInt(digits.charAt(0), 16)) + 28
}
