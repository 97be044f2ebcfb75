import type { Scalar, Value } from '../engine/index.ts'
import { avalanche32, mixWord32, murmur32, murmur128Hex } from '../util/murmur3.ts'

const TAG_FALSE = 0x66
const TAG_TRUE = 0x74
const TAG_STRING = 0x73
const TAG_NUMBER = 0x64
const TAG_INT64 = 0x69
const TAG_WIDE_INTEGER = 0x77
const TAG_LIST = 0x6c
const TAG_VECTOR = 0x76

const float = new Float64Array(1)
const floatWords = new Uint32Array(float.buffer)
const bigInt = new BigInt64Array(1)
const bigIntWords = new Uint32Array(bigInt.buffer)

/**
 * Makes the hash of a source's events: 32 bits over their checked values by field name, tagged by type. The same id with
 * another hash is another payload, a `conflict`. Bits decide: `-0` and `0` differ, `1` (float) and `1n` (int64) differ. The
 * order of fields does not count, and null is as if the field were not there: so a contract that gains an optional field
 * still knows the events from before. One conflict in 2^32 goes unnoticed and is then taken for a duplicate.
 *
 * @param names the fields that `values` has, in its order
 */
export function payloadHasher(names: readonly string[]): (values: readonly Value[]) => number {
  const seeds = Int32Array.from(names, (name) => murmur32(name))
  return (values) => {
    let sum = 0
    for (let i = 0; i < seeds.length; i++) {
      const value = values[i] as Value
      if (value !== null) sum = (sum + avalanche32(mixValue(seeds[i] as number, value))) | 0
    }
    return avalanche32(sum) >>> 0
  }
}

function mixValue(h: number, value: Exclude<Value, null>): number {
  if (typeof value === 'string') return mixText(mixWord32(h, TAG_STRING), value)
  if (typeof value === 'number') {
    float[0] = value
    return mixWord32(mixWord32(mixWord32(h, TAG_NUMBER), floatWords[0] as number), floatWords[1] as number)
  }
  if (typeof value === 'bigint') {
    bigInt[0] = value
    // Decimals may be wider; those that are not hash like the int64 of their units.
    if (bigInt[0] !== value) return mixText(mixWord32(h, TAG_WIDE_INTEGER), String(value))
    return mixWord32(mixWord32(mixWord32(h, TAG_INT64), bigIntWords[0] as number), bigIntWords[1] as number)
  }
  if (typeof value === 'boolean') return mixWord32(h, value ? TAG_TRUE : TAG_FALSE)
  return mixCompound(h, value)
}

/** The length is mixed in here too, and elements by their place. A map is no value of a field. */
function mixCompound(seed: number, value: Exclude<Value, Scalar | null>): number {
  if (value instanceof Float32Array) {
    let h = mixWord32(mixWord32(seed, TAG_VECTOR), value.length)
    for (const word of new Uint32Array(value.buffer, value.byteOffset, value.length)) h = mixWord32(h, word)
    return h
  }
  const list = value as readonly Scalar[]
  return list.reduce(mixValue, mixWord32(mixWord32(seed, TAG_LIST), list.length))
}

/**
 * The id of an event that is identified by its content: 32 hexadecimal digits over all its checked values. Equal values,
 * equal id; as in {@link payloadHasher} bits decide.
 */
export function contentId(values: readonly Value[]): string {
  // Each text after its length: no two lists of values run together into one text. Joined, because a text built by
  // += is a rope, and charCodeAt on a rope is slow.
  return murmur128Hex(values.map(taggedText).join('|'))
}

function taggedText(value: Value): string {
  if (typeof value === 'string') return `s${value.length}:${value}`
  if (typeof value === 'number') return Object.is(value, -0) ? 'd-0' : `d${value}`
  if (typeof value === 'bigint') return `i${value}`
  if (typeof value !== 'object' || value === null) return String(value)
  if (value instanceof Float32Array) {
    return `v${value.length}:${new Uint32Array(value.buffer, value.byteOffset, value.length).join('|')}`
  }
  const list = value as readonly Scalar[]
  return `l${list.length}:${list.map(taggedText).join('|')}`
}

/** The length is mixed in, so that texts side by side do not run together. */
function mixText(seed: number, text: string): number {
  const units = text.length
  let h = mixWord32(seed, units)
  for (let i = 0; i < units; i += 2)
    h = mixWord32(h, text.charCodeAt(i) | (i + 1 < units ? text.charCodeAt(i + 1) << 16 : 0))
  return h
}
