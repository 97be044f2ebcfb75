/**
 * An exact binary fraction, `mantissa * 2^exponent`. Every finite double is one, and sums and products of them stay exact,
 * whatever their range: there is nothing to overflow.
 */
export interface Dyadic {
  readonly mantissa: bigint
  readonly exponent: number
}

export const ZERO: Dyadic = { mantissa: 0n, exponent: 0 }

const FRACTION_BITS = 52
/** What the exponent field of 2^52 holds: IEEE 754 binary64, with the point moved behind the fraction. */
const EXPONENT_BIAS = 1023 + FRACTION_BITS
/** The exponent of the last bit of a subnormal number. */
export const LEAST_EXPONENT = -1074

const scratch = new DataView(new ArrayBuffer(8))

/** A finite double, exactly. */
export function dyadicOf(value: number): Dyadic {
  // Most numbers are whole, and their last bit need not be looked for.
  if (Number.isSafeInteger(value)) return { mantissa: BigInt(value), exponent: 0 }
  scratch.setFloat64(0, value)
  const high = scratch.getUint32(0)
  const field = (high >>> 20) & 0x7ff
  const fraction = (high & 0xfffff) * 2 ** 32 + scratch.getUint32(4)
  const magnitude = BigInt(field === 0 ? fraction : fraction + 2 ** FRACTION_BITS)
  const exponent = field === 0 ? LEAST_EXPONENT : field - EXPONENT_BIAS
  return { mantissa: value < 0 ? -magnitude : magnitude, exponent }
}

export function plus(a: Dyadic, b: Dyadic): Dyadic {
  if (a.mantissa === 0n) return b
  if (b.mantissa === 0n) return a
  return a.exponent <= b.exponent ? aligned(a, b) : aligned(b, a)
}

function aligned(low: Dyadic, high: Dyadic): Dyadic {
  const shift = high.exponent - low.exponent
  const raised = shift === 0 ? high.mantissa : high.mantissa << BigInt(shift)
  return { mantissa: low.mantissa + raised, exponent: low.exponent }
}

export const minus = (a: Dyadic, b: Dyadic): Dyadic => plus(a, { mantissa: -b.mantissa, exponent: b.exponent })

export const times = (a: Dyadic, b: Dyadic): Dyadic => ({
  mantissa: a.mantissa * b.mantissa,
  exponent: a.exponent + b.exponent,
})

/** The one form of a value: an odd mantissa, or zero with exponent 0. */
export function canonical({ mantissa, exponent }: Dyadic): Dyadic {
  if (mantissa === 0n) return ZERO
  let rest = mantissa
  let zeros = 0
  let low = Number(BigInt.asUintN(32, rest))
  while (low === 0) {
    rest >>= 32n
    zeros += 32
    low = Number(BigInt.asUintN(32, rest))
  }
  // The lowest bit that is set, alone, says how many zeros follow it.
  const last = 31 - Math.clz32(low & -low)
  return { mantissa: rest >> BigInt(last), exponent: exponent + zeros + last }
}
