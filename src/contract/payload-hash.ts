import type { Value } from '../engine/index.ts'
import { avalanche32, mixWord32, murmur128Hex } from '../util/murmur3.ts'

const TAG_NULL = 0x6e
const TAG_FALSE = 0x66
const TAG_TRUE = 0x74
const TAG_STRING = 0x73
const TAG_NUMBER = 0x64
const TAG_INT64 = 0x69

const float = new Float64Array(1)
const floatWords = new Uint32Array(float.buffer)
const bigInt = new BigInt64Array(1)
const bigIntWords = new Uint32Array(bigInt.buffer)

/**
 * 32 bits over the checked values of an event, in the order of the source's fields and tagged by type: the same id with
 * another hash is another payload, a `conflict`. Bits decide: `-0` and `0` differ, `1` (float) and `1n` (int64) differ,
 * the order of keys in the JSON does not. One conflict in 2^32 goes unnoticed and is then taken for a duplicate.
 */
export function payloadHash(values: readonly Value[]): number {
  let h = 0
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as Value
    if (typeof value === 'string') h = mixText(mixWord32(h, TAG_STRING), value)
    else if (typeof value === 'number') {
      float[0] = value
      h = mixWord32(mixWord32(mixWord32(h, TAG_NUMBER), floatWords[0] as number), floatWords[1] as number)
    } else if (typeof value === 'bigint') {
      bigInt[0] = value
      h = mixWord32(mixWord32(mixWord32(h, TAG_INT64), bigIntWords[0] as number), bigIntWords[1] as number)
    } else h = mixWord32(h, value === null ? TAG_NULL : value ? TAG_TRUE : TAG_FALSE)
  }
  return avalanche32(h ^ values.length) >>> 0
}

/**
 * The id of an event that is identified by its content: 32 hexadecimal digits over all its checked values. Equal values,
 * equal id; as in {@link payloadHash} bits decide.
 */
export function contentId(values: readonly Value[]): string {
  // Each text after its length: no two lists of values run together into one text. Joined, because a text built by
  // += is a rope, and charCodeAt on a rope is slow.
  return murmur128Hex(values.map(taggedText).join('|'))
}

function taggedText(value: Value): string {
  if (typeof value === 'string') return `s${value.length}:${value}`
  if (typeof value === 'number') return Object.is(value, -0) ? 'd-0' : `d${value}`
  return typeof value === 'bigint' ? `i${value}` : String(value)
}

/** The length is mixed in, so that texts side by side do not run together. */
function mixText(seed: number, text: string): number {
  const units = text.length
  let h = mixWord32(seed, units)
  for (let i = 0; i < units; i += 2)
    h = mixWord32(h, text.charCodeAt(i) | (i + 1 < units ? text.charCodeAt(i + 1) << 16 : 0))
  return h
}
