import { expect, test } from 'vitest'
import { murmur32, murmur128, murmur128Hex } from '../../src/util/murmur3.ts'
import { forSeeds } from '../support/random.ts'

// A plain transcription of MurmurHash3_x86_32 and _x86_128 over bytes, itself proven by SMHasher's verification values.
const rotl = (x: number, r: number) => (x << r) | (x >>> (32 - r))
const fmix = (x: number) => {
  let h = x
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
const word = (bytes: Uint8Array, at: number, end: number) => {
  let k = 0
  for (let i = 0; i < 4 && at + i < end; i++) k |= (bytes[at + i] ?? 0) << (8 * i)
  return k
}

function reference32(bytes: Uint8Array, seed: number): number[] {
  const mix = (k: number) => Math.imul(rotl(Math.imul(k, 0xcc9e2d51), 15), 0x1b873593)
  const whole = bytes.length & ~3
  let h = seed
  for (let i = 0; i < whole; i += 4) h = Math.imul(rotl(h ^ mix(word(bytes, i, bytes.length)), 13), 5) + 0xe6546b64
  h ^= mix(word(bytes, whole, bytes.length))
  return [fmix(h ^ bytes.length) >>> 0]
}

const at = (list: readonly number[] | Uint32Array, i: number): number => list[i] as number

function reference128(bytes: Uint8Array, seed: number): number[] {
  const c = [0x239b961b, 0xab0e9789, 0x38b34ae5, 0xa1e38b93]
  const kr = [15, 16, 17, 18]
  const hr = [19, 17, 15, 13]
  const add = [0x561ccd1b, 0x0bcaa747, 0x96cd1c35, 0x32ac3b17]
  const h = [seed, seed, seed, seed]
  const mix = (k: number, lane: number) =>
    Math.imul(rotl(Math.imul(k, at(c, lane)), at(kr, lane)), at(c, (lane + 1) % 4))
  const whole = bytes.length & ~15
  for (let i = 0; i < whole; i += 16) {
    for (let lane = 0; lane < 4; lane++) {
      h[lane] = at(h, lane) ^ mix(word(bytes, i + 4 * lane, bytes.length), lane)
      h[lane] = (Math.imul(rotl(at(h, lane), at(hr, lane)) + at(h, (lane + 1) % 4), 5) + at(add, lane)) | 0
    }
  }
  for (let lane = 3; lane >= 0; lane--) h[lane] = at(h, lane) ^ mix(word(bytes, whole + 4 * lane, bytes.length), lane)
  const spread = () => {
    h[0] = (at(h, 0) + at(h, 1) + at(h, 2) + at(h, 3)) | 0
    for (let lane = 1; lane < 4; lane++) h[lane] = (at(h, lane) + at(h, 0)) | 0
  }
  for (let lane = 0; lane < 4; lane++) h[lane] = at(h, lane) ^ bytes.length
  spread()
  for (let lane = 0; lane < 4; lane++) h[lane] = fmix(at(h, lane))
  spread()
  return h.map((x) => x >>> 0)
}

/** SMHasher's VerificationTest: hash keys of 0 to 255 bytes with seeds 256 to 1, then hash the hashes. */
function verification(hash: (bytes: Uint8Array, seed: number) => number[], words: number): number {
  const all = new Uint32Array(256 * words)
  for (let n = 0; n < 256; n++)
    all.set(
      hash(
        Uint8Array.from({ length: n }, (_, i) => i),
        256 - n,
      ),
      n * words,
    )
  return at(hash(new Uint8Array(all.buffer), 0), 0)
}

test('the references have the published verification values of SMHasher', () => {
  expect(verification(reference32, 1)).toBe(0xb0f57ee3)
  expect(verification(reference128, 4)).toBe(0xb3ece62a)
})

test('both hashes are MurmurHash3 over the UTF-16LE bytes of the text, for every length', () => {
  forSeeds(200, (r) => {
    const units = Array.from({ length: r.int(0, 40) }, () => r.int(0, r.pick([127, 255, 0xffff])))
    const text = String.fromCharCode(...units)
    const bytes = new Uint8Array(Uint16Array.from(units).buffer)
    const out = new Uint32Array(4)
    murmur128(text, out)
    expect([...out]).toEqual(reference128(bytes, 0))
    expect(murmur32(text)).toBe(reference32(bytes, 0)[0])
  })
})

test('the hexadecimal form has 32 digits, leading zeros kept', () => {
  expect(murmur128Hex('')).toBe('0'.repeat(32))
  expect(murmur128Hex('a')).toMatch(/^[0-9a-f]{32}$/)
})
