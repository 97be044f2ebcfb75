import { avalanche32, murmur128 } from './murmur3.ts'

const words = new Uint32Array(4)
const scratch = new DataView(new ArrayBuffer(8))

/** Of no meaning but that they differ: the fractions of the golden ratio and of the roots of 2, 3 and 5. */
const ROUND_KEYS = [0x9e3779b9, 0x6a09e667, 0xbb67ae85, 0x3c6ef372]

/**
 * 64 bits of a value of one type into `out[0..1]`, for sketches. A text or an integer beyond doubles goes through
 * MurmurHash3. A number's own 64 bits go through four Feistel rounds of its last step, which map no two numbers to the same
 * bits (Luby and Rackoff 1988: with good rounds a permutation that cannot be told from a random one). -0 hashes as 0.
 */
export function hash64(value: string | number | bigint | boolean, out: Uint32Array): void {
  if (typeof value === 'string' || typeof value === 'bigint') {
    murmur128(String(value), words)
    out[0] = words[0] as number
    out[1] = words[1] as number
    return
  }
  // Plus zero: -0 becomes 0.
  scratch.setFloat64(0, Number(value) + 0)
  let left = scratch.getUint32(0)
  let right = scratch.getUint32(4)
  for (const key of ROUND_KEYS) {
    const next = left ^ avalanche32((right + key) | 0)
    left = right
    right = next
  }
  out[0] = left
  out[1] = right
}
