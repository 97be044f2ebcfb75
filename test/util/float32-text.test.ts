import { expect, test } from 'vitest'
import { float32Text } from '../../src/util/float32-text.ts'
import { forSeeds, type Random } from '../support/random.ts'

const bits = new Uint32Array(1)
const float = new Float32Array(bits.buffer)

function fromBits(pattern: number): number {
  bits[0] = pattern
  return float[0] as number
}

/** Each number of digits in turn, the nearest decimal and its neighbours. */
function shortestByTrying(value: number): number {
  for (let digits = 1; digits < 10; digits++) {
    const [mantissa = '', exponent = ''] = value.toExponential(digits - 1).split('e')
    const nearest = BigInt(mantissa.replace('.', ''))
    for (const units of [nearest, nearest + 1n, nearest - 1n]) {
      const decimal = Number(`${units}e${Number(exponent) - digits + 1}`)
      if (Math.fround(decimal) === value) return digits
    }
  }
  return 9
}

const digitsOf = (text: string) =>
  text.replace(/e.*/, '').replace(/\D/g, '').replace(/^0+/, '').replace(/0+$/, '').length

test.each([
  [0.1, '0.1'],
  [-0.3, '-0.3'],
  [16777216, '16777216'],
  [3.4028234663852886e38, '3.4028235e+38'],
  [1.401298464324817e-45, '1e-45'],
  [1.1754943508222875e-38, '1.1754944e-38'],
  [0, '0'],
  [-0, '-0'],
  [1e-7, '1e-7'],
])('%f is %s', (value, text) => expect(float32Text(Math.fround(value))).toBe(text))

test('powers of two, where floats lie closer below than above, are the shortest that read back', () => {
  for (let exponent = -149; exponent < 128; exponent++) {
    const text = float32Text(2 ** exponent)
    expect(Math.fround(Number(text))).toBe(2 ** exponent)
    expect(digitsOf(text), `2^${exponent}`).toBe(shortestByTrying(2 ** exponent))
  }
})

test('any float32 reads back from its text, as JSON too, and no shorter text does', () => {
  const numbers: readonly ((r: Random) => number)[] = [
    (r) => fromBits(r.int(0, 0xffffffff)),
    (r) => Math.fround(r.next() * 2 - 1),
    (r) => Math.fround(r.int(-1_000_000, 1_000_000) / 1000),
  ]
  forSeeds(6_000, (r) => {
    const value = r.pick(numbers)(r)
    if (!Number.isFinite(value)) return
    const text = float32Text(value)
    expect(Object.is(Math.fround(JSON.parse(text) as number), value)).toBe(true)
    if (value !== 0) expect(digitsOf(text)).toBe(shortestByTrying(Math.abs(value)))
  })
})
