import { avalanche32, mixWord32 } from './murmur3.ts'

/**
 * 32 bits over bytes (MurmurHash3's steps over little-endian words, with the length). Each step is a bijection of the hash
 * and of the word, so bytes of one length that differ within one word never share a checksum; others do once in 2^32.
 */
export function checksum32(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const whole = bytes.length & ~3
  let h = 0
  for (let i = 0; i < whole; i += 4) h = mixWord32(h, view.getInt32(i, true))
  let rest = 0
  for (let i = whole; i < bytes.length; i++) rest = (rest << 8) | (bytes[i] as number)
  return avalanche32(mixWord32(h, rest) ^ bytes.length) >>> 0
}
