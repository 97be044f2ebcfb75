/**
 * The buckets of DDSketch (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch with relative-error
 * guarantees", VLDB 2019). A bucket is a range of numbers so narrow that one of them stands for all within a relative
 * accuracy. Ranges follow the logarithm only roughly, by the cubic of the authors' own implementations (sketches-java,
 * CubicallyInterpolatedMapping): it takes the exponent and `+ - *` alone, so that every host puts a number into the same one.
 */

// The cubic is 0 at 0 and 1 at 1, where its slope is half of that at 0: so the whole is smooth.
const A = 6 / 35
const B = -3 / 5
const C = 10 / 7
/** How slowly the rough logarithm rises at least, by the natural one: at significands 1 and 5/3. */
const LEAST_SLOPE = 10 / 7
/** Buckets are narrower than they need be by this, which is far more than what rounding costs. */
const MARGIN = 1 - 2 ** -20
/** The rough logarithm of every finite number lies in (-1075, 1025). */
const LOWEST_LOG = -1075
const SUBNORMAL_SHIFT = 54

const scratch = new DataView(new ArrayBuffer(8))

export class LogBuckets {
  private readonly bucketsAnOctave: number
  private readonly offset: number

  /** @param accuracy the relative error of a bucket's value, in (0, 1) */
  constructor(accuracy: number) {
    // ln((1 + a) / (1 - a)) is at least 2a: no host's logarithm has to be asked.
    this.bucketsAnOctave = 1 / (2 * accuracy * LEAST_SLOPE * MARGIN)
    this.offset = 1 - Math.floor(LOWEST_LOG * this.bucketsAnOctave)
  }

  /** The bucket of a finite number: 0 for zero, below zero for those below. The order of buckets is that of their numbers. */
  keyOf(value: number): number {
    if (value === 0) return 0
    const key = this.offset + Math.floor(roughLog(Math.abs(value)) * this.bucketsAnOctave)
    return value < 0 ? -key : key
  }

  /** The number that stands for a bucket: within the accuracy of each of its numbers (and half a unit of 2^-1074). */
  valueOf(key: number): number {
    if (key === 0) return 0
    const index = Math.abs(key) - this.offset
    const low = index / this.bucketsAnOctave
    const high = (index + 1) / this.bucketsAnOctave
    const exponent = Math.floor(low)
    const a = significandAt(low, exponent)
    const b = significandAt(high, exponent)
    const middle = (2 * a * b) / (a + b)
    // The last bucket may reach beyond the greatest double. In two steps, since the exponent may be below that of any double.
    const half = Math.trunc(exponent / 2)
    const value = Math.min(middle * 2 ** half * 2 ** (exponent - half), Number.MAX_VALUE)
    return key < 0 ? -value : value
  }
}

/** About the logarithm to base two: its whole part is the exponent. Of a positive number. */
function roughLog(value: number): number {
  scratch.setFloat64(0, value)
  let shift = 1023
  if (scratch.getUint32(0) < 0x100000) {
    scratch.setFloat64(0, value * 2 ** SUBNORMAL_SHIFT)
    shift += SUBNORMAL_SHIFT
  }
  const high = scratch.getUint32(0)
  scratch.setUint32(0, (high & 0xfffff) | 0x3ff00000)
  return (high >>> 20) - shift + cubic(scratch.getFloat64(0) - 1)
}

const cubic = (s: number): number => ((A * s + B) * s + C) * s

/** The number with this rough logarithm, over 2^exponent. */
function significandAt(log: number, exponent: number): number {
  const octave = Math.floor(log)
  const wanted = log - octave
  let low = 0
  let high = 1
  // Halving gains a bit a step; a cubic's own formula would need roots that hosts round differently.
  for (let i = 0; i < 54; i++) {
    const middle = (low + high) / 2
    if (cubic(middle) < wanted) low = middle
    else high = middle
  }
  return (1 + high) * 2 ** (octave - exponent)
}
