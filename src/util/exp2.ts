import { integerRoot } from './exact-root.ts'
import { roundFraction } from './round-fraction.ts'

/**
 * Powers of two with fractional exponents, made of IEEE 754 `+ - *` alone, so that every host computes the same bits: what
 * `Math.exp` and `**` give is up to the host. After P. T. P. Tang, "Table-driven implementation of the exponential function
 * in IEEE floating-point arithmetic" (ACM TOMS 15, 1989): the exponent is split into 32nds, whose powers are in a table of
 * two doubles each, and a rest below 1/32, for which a Taylor polynomial is enough.
 */

const STEPS = 32
/** 2^(j/32) as the sum of two doubles. */
const HIGH: number[] = []
const LOW: number[] = []

/** Bits after the point of the table before it is rounded. */
const TABLE_BITS = 120
const ONE = 1n << BigInt(TABLE_BITS)

// Computed once when loaded, in integers: 2^(1/2), 2^(1/4), ... by roots, the others as products of these.
const roots: bigint[] = []
for (let root = 2n * ONE; roots.length < 5; ) {
  root = integerRoot(root * ONE)
  roots.push(root)
}
for (let j = 0; j < STEPS; j++) {
  const power = roots.reduce(
    (product, root, bit) => (j & (16 >> bit) ? (product * root) >> BigInt(TABLE_BITS) : product),
    ONE,
  )
  const high = roundFraction(power, ONE, 0)
  HIGH.push(high)
  LOW.push(roundFraction(power - BigInt(high * 2 ** 52) * (ONE >> 52n), ONE, 0))
}

/** ln(2)^n / n! */
const C1 = Math.LN2
const C2 = 0.2402265069591007
const C3 = 0.05550410866482158
const C4 = 0.009618129107628477
const C5 = 0.0013333558146428443
const C6 = 0.0001540353039338161
const C7 = 0.000015252733804059841
const C8 = 0.000001321548679014431

/**
 * `2^x` for x in [-1, 1], less than 0.6 of a unit in the last place from the true value. Rises with x: between steps of the
 * table every operation does, and across them the tests say so. Exact at -1, 0 and 1.
 */
export function exp2(x: number): number {
  const step = Math.floor(x * STEPS)
  // Never below zero, so that all terms have one sign and rounding cannot break the order.
  const r = x - step / STEPS
  const p = r * (C1 + r * (C2 + r * (C3 + r * (C4 + r * (C5 + r * (C6 + r * (C7 + r * C8)))))))
  const j = step & (STEPS - 1)
  const high = HIGH[j] as number
  const value = high + ((LOW[j] as number) + high * p)
  // The power of two that is left is 1/2, 1 or 2.
  return step < 0 ? value * 0.5 : step >= STEPS ? value * 2 : value
}
