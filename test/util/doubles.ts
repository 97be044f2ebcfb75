import type { Random } from '../support/random.ts'

const view = new DataView(new ArrayBuffer(8))

/** The double of these 64 bits. */
export function fromBits(bits: bigint): number {
  view.setBigUint64(0, bits)
  return view.getFloat64(0)
}

/** Any finite double: all exponents are as likely, subnormal numbers and both zeros included. */
export function anyDouble(r: Random): number {
  for (;;) {
    view.setUint32(0, r.int(0, 0xffffffff))
    view.setUint32(4, r.int(0, 0xffffffff))
    const value = view.getFloat64(0)
    if (Number.isFinite(value)) return value
  }
}

/** The next greater double; of a number that is not the greatest. */
export function nextUp(value: number): number {
  if (value === 0) return 5e-324
  view.setFloat64(0, value)
  return fromBits(view.getBigUint64(0) + (value > 0 ? 1n : -1n))
}
