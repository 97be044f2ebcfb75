/**
 * MurmurHash3 (Austin Appleby, public domain), the x86 variants, seed 0, over the UTF-16 code units of a text taken as
 * little-endian bytes. Code units and not UTF-8: no encoding step, no allocation, and an ill-formed text still has one
 * hash. Not cryptographic: for ids, routing and change detection, never for secrets.
 */

const A1 = 0x239b961b
const A2 = 0xab0e9789
const A3 = 0x38b34ae5
const A4 = 0xa1e38b93

/** 128 bits of a text into `out[0..3]`. Allocation-free; about 2 ns a code unit. */
export function murmur128(text: string, out: Uint32Array): void {
  const units = text.length
  const whole = units & ~7
  let h1 = 0
  let h2 = 0
  let h3 = 0
  let h4 = 0
  for (let i = 0; i < whole; i += 8) {
    h1 ^= mix1(text.charCodeAt(i) | (text.charCodeAt(i + 1) << 16))
    h1 = (Math.imul(((h1 << 19) | (h1 >>> 13)) + h2, 5) + 0x561ccd1b) | 0
    h2 ^= mix2(text.charCodeAt(i + 2) | (text.charCodeAt(i + 3) << 16))
    h2 = (Math.imul(((h2 << 17) | (h2 >>> 15)) + h3, 5) + 0x0bcaa747) | 0
    h3 ^= mix3(text.charCodeAt(i + 4) | (text.charCodeAt(i + 5) << 16))
    h3 = (Math.imul(((h3 << 15) | (h3 >>> 17)) + h4, 5) + 0x96cd1c35) | 0
    h4 ^= mix4(text.charCodeAt(i + 6) | (text.charCodeAt(i + 7) << 16))
    h4 = (Math.imul(((h4 << 13) | (h4 >>> 19)) + h1, 5) + 0x32ac3b17) | 0
  }
  const rest = units - whole
  if (rest > 6) h4 ^= mix4(text.charCodeAt(whole + 6))
  if (rest > 4) h3 ^= mix3(text.charCodeAt(whole + 4) | (rest > 5 ? text.charCodeAt(whole + 5) << 16 : 0))
  if (rest > 2) h2 ^= mix2(text.charCodeAt(whole + 2) | (rest > 3 ? text.charCodeAt(whole + 3) << 16 : 0))
  if (rest > 0) h1 ^= mix1(text.charCodeAt(whole) | (rest > 1 ? text.charCodeAt(whole + 1) << 16 : 0))

  const bytes = units * 2
  h1 ^= bytes
  h2 ^= bytes
  h3 ^= bytes
  h4 ^= bytes
  h1 = (h1 + h2 + h3 + h4) | 0
  h2 = (h2 + h1) | 0
  h3 = (h3 + h1) | 0
  h4 = (h4 + h1) | 0
  h1 = avalanche32(h1)
  h2 = avalanche32(h2)
  h3 = avalanche32(h3)
  h4 = avalanche32(h4)
  h1 = (h1 + h2 + h3 + h4) | 0
  out[0] = h1
  out[1] = h2 + h1
  out[2] = h3 + h1
  out[3] = h4 + h1
}

/** 32 bits of a text, unsigned. */
export function murmur32(text: string): number {
  const units = text.length
  const whole = units & ~1
  let h = 0
  for (let i = 0; i < whole; i += 2) h = mixWord32(h, text.charCodeAt(i) | (text.charCodeAt(i + 1) << 16))
  if (units > whole) h ^= scramble32(text.charCodeAt(whole))
  return avalanche32(h ^ (units * 2)) >>> 0
}

/** One step of the 32-bit hash: takes a word of 32 bits into `h`. For hashing what is not a text. */
export function mixWord32(h: number, word: number): number {
  const mixed = h ^ scramble32(word)
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0
}

/** The last step of the 32-bit hash: every bit of `h` reaches every bit of the result (signed). */
export function avalanche32(h: number): number {
  const a = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  const b = Math.imul(a ^ (a >>> 13), 0xc2b2ae35)
  return b ^ (b >>> 16)
}

const words = new Uint32Array(4)
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** The 128 bits of a text as 32 hexadecimal digits. */
export function murmur128Hex(text: string): string {
  murmur128(text, words)
  let hex = ''
  for (let i = 0; i < 16; i++) hex += HEX[((words[i >> 2] as number) >>> (24 - (i & 3) * 8)) & 255] as string
  return hex
}

function scramble32(word: number): number {
  const k = Math.imul(word, 0xcc9e2d51)
  return Math.imul((k << 15) | (k >>> 17), 0x1b873593)
}

function mix1(word: number): number {
  const k = Math.imul(word, A1)
  return Math.imul((k << 15) | (k >>> 17), A2)
}
function mix2(word: number): number {
  const k = Math.imul(word, A2)
  return Math.imul((k << 16) | (k >>> 16), A3)
}
function mix3(word: number): number {
  const k = Math.imul(word, A3)
  return Math.imul((k << 17) | (k >>> 15), A4)
}
function mix4(word: number): number {
  const k = Math.imul(word, A4)
  return Math.imul((k << 18) | (k >>> 14), A1)
}
