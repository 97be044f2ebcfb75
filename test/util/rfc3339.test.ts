import { expect, test } from 'vitest'
import { parseRfc3339 } from '../../src/util/rfc3339.ts'
import { forSeeds } from '../support/random.ts'

const two = (n: number) => String(n).padStart(2, '0')

test('valid times are what Date says', () => {
  forSeeds(3000, (r) => {
    const ms = r.int(-62_167_219_200_000, 253_402_300_799_999)
    const offset = r.chance(0.3) ? 0 : r.int(-1439, 1439)
    const local = new Date(ms + offset * 60_000)
    const year = local.getUTCFullYear()
    if (year < 0 || year > 9999) return
    const date = `${String(year).padStart(4, '0')}-${two(local.getUTCMonth() + 1)}-${two(local.getUTCDate())}`
    const time = `${two(local.getUTCHours())}:${two(local.getUTCMinutes())}:${two(local.getUTCSeconds())}`
    const fraction = String(local.getUTCMilliseconds()).padStart(3, '0') + String(r.int(0, 999_999)).padStart(6, '0')
    const digits = r.int(3, 9)
    const sign = offset < 0 ? '-' : '+'
    const zone =
      offset === 0 && r.chance(0.8)
        ? r.pick(['Z', 'z'])
        : `${sign}${two((Math.abs(offset) / 60) | 0)}:${two(Math.abs(offset) % 60)}`
    expect(parseRfc3339(`${date}${r.pick(['T', 't'])}${time}.${fraction.slice(0, digits)}${zone}`)).toBe(ms)
  })
})

test.each([
  ['2024-02-29T00:00:00Z', Date.UTC(2024, 1, 29)],
  ['2000-02-29T00:00:00Z', Date.UTC(2000, 1, 29)],
  ['1970-01-01T00:00:00-00:00', 0],
  ['2026-01-01T00:00:00.9999Z', Date.UTC(2026, 0, 1) + 999],
  ['2026-01-01T00:00:00.5Z', Date.UTC(2026, 0, 1) + 500],
  ['2026-01-01T00:00:00.05+01:00', Date.UTC(2025, 11, 31, 23) + 50],
])('%s', (text, ms) => expect(parseRfc3339(text)).toBe(ms))

test.each([
  ['2023-02-29T00:00:00Z', 'no such day'],
  ['1900-02-29T00:00:00Z', 'no such day'],
  ['2026-04-31T00:00:00Z', 'no such day'],
  ['2026-00-01T00:00:00Z', 'no such day'],
  ['2026-13-01T00:00:00Z', 'no such day'],
  ['2026-01-00T00:00:00Z', 'no such day'],
  ['2026-01-01T24:00:00Z', 'no such time'],
  ['2026-01-01T00:60:00Z', 'no such time'],
  ['2026-01-01T00:00:61Z', 'no such time'],
  ['2016-12-31T23:59:60Z', 'leap second'],
  ['2026-01-01T00:00:00', 'no offset'],
  ['2026-01-01T00:00:00.1', 'no offset'],
  ['2026-01-01T00:00:00.0123456789Z', 'more than 9'],
  ['2026-01-01T00:00:00+24:00', 'no such offset'],
  ['2026-01-01T00:00:00+0100', 'not written'],
  ['2026-01-01T00:00:00.Z', 'not written'],
  ['2026-01-01T00:00:00Zx', 'not written'],
  ['2026-01-01 00:00:00Z', 'not written'],
  ['2026-01-01T00:00Z', 'not written'],
  ['2026-01-01', 'not written'],
  ['20260101T000000Z', 'not written'],
  ['+02026-01-01T00:00:00Z', 'not written'],
  ['٢026-01-01T00:00:00Z', 'not written'],
  ['', 'not written'],
])('%s is refused: %s', (text, reason) => expect(parseRfc3339(text)).toContain(reason))

test('no text throws or gives a number that is not whole', () => {
  forSeeds(3000, (r) => {
    const text = [...'2026-01-01T00:00:00.123+01:30']
      .map((c) => (r.chance(0.1) ? r.pick([...'0123456789-:.TtZz+ x']) : c))
      .join('')
    const result = parseRfc3339(text.slice(0, r.int(0, 30)))
    expect(typeof result === 'string' || Number.isSafeInteger(result)).toBe(true)
  })
})
