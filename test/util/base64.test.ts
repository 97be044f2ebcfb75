import { expect, test } from 'vitest'
import { fromBase64 } from '../../src/util/base64.ts'
import { forSeeds } from '../support/random.ts'

test.each([
  ['no padding', 'AAA'],
  ['too much padding', 'A==='],
  ['padding alone', '===='],
  ['padding inside', 'AA=A'],
  ['white space', 'AA A'],
  ['a line break', 'AAA\n'],
  ['the alphabet of URLs', 'A-_A'],
  ['more after the padding', 'AA==AAAA'],
  ['another letter', 'AAAé'],
])('%s is no base64', (_, text) => expect(fromBase64(text)).toBeUndefined())

test('bytes read back from their base64', () => {
  expect(fromBase64('')).toEqual(new Uint8Array())
  forSeeds(300, (r) => {
    const bytes = Uint8Array.from({ length: r.int(0, 50) }, () => r.int(0, 255))
    expect(fromBase64(btoa(String.fromCharCode(...bytes)))).toEqual(bytes)
  })
})
