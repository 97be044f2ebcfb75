import { expect, test } from 'vitest'
import { letterText, listText } from '../../../scripts/dead-letters/render.ts'
import { paint } from '../../../scripts/lib/terminal.ts'
import type { LetterList, ListedLetter } from '../../../src/dead-letters/index.ts'

const NOW = Date.UTC(2026, 0, 5)
const plain = paint({ isTTY: true }, { NO_COLOR: '1' })
const letter: ListedLetter = {
  id: '0123456789abcdef0123456789abcdef',
  source: 'flights',
  reason: 'wrong_type',
  field: 'delay',
  message: `"delay" is "late"; expected a whole number.${' And more.'.repeat(20)}`,
  payload: '{"delay":"late",\n"gate":"\u001b[31mA\u202e1"}',
  payloadUnits: 39,
  replayable: true,
  arrivalMs: NOW - 1,
  keptMs: NOW,
  by: ['airport/0/2', 'route/0/1'],
  times: 3,
}
const list: LetterList = {
  count: 1_216,
  byReason: { future_time: 12, wrong_type: 1_204 },
  totals: { kept: 1_300, replayed: 80, dropped: 4, expired: 0, overflowed: 0 },
  oldestKeptMs: NOW - 3.5 * 86_400_000,
  matching: 1_204,
  letters: [letter, { ...letter, payload: 'x'.repeat(500), payloadUnits: 90_000, replayable: false, times: 1 }],
  next: 7,
}

test('counts come first, the most first, then the newest letters, at most 100 columns wide', () => {
  const text = listText(list, 'flights at http://127.0.0.1:8787', plain, NOW)
  const lines = text.split('\n')
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(100)
  expect(lines[0]).toBe('1,216 dead letters of flights at http://127.0.0.1:8787')
  expect(lines[1]).toBe('1,300 ever, 80 replayed, 4 dropped; the oldest is 3 days old')
  expect(lines[3]).toMatch(/^ {2}wrong_type {3}1,204 {2}█{40}$/)
  expect(lines[4]).toMatch(/^ {2}future_time {5}12 {2}█$/)
  expect(text).toContain('1,204 of them fit what was asked for.')
  expect(text).toContain('2026-01-05 00:00:00  wrong_type delay  came 3 times')
  expect(text).toContain('cannot be replayed')
  expect(text).toContain('The newest 2 of 1,204')
})

test('what a sender wrote cannot colour the screen or turn its text around', () => {
  for (const text of [listText(list, 'flights', plain, NOW), letterText(letter, plain)]) {
    for (const control of ['\u001b', '\u202e']) expect(text).not.toContain(control)
    expect(text).toContain('\ufffd[31mA\ufffd1')
  }
})

test('one letter has all that is known of it', () => {
  const text = letterText({ ...letter, position: 'clicks/1/0/42', payloadUnits: 99_999, replayable: false }, plain)
  expect(text).toContain('position    clicks/1/0/42')
  expect(text).toContain('no: only a part was kept')
  expect(text).toContain(`the first ${letter.payload.length} of 99,999 characters`)
})

test('colours are for terminals that want them', () => {
  expect(paint({ isTTY: true }, {}).bold('x')).toBe('\u001b[1mx\u001b[22m')
  expect(paint({}, {}).bold('x')).toBe('x')
  expect(paint({}, { FORCE_COLOR: '1' }).bold('x')).not.toBe('x')
  expect(paint({ isTTY: true }, { NO_COLOR: '1', FORCE_COLOR: '1' }).bold('x')).toBe('x')
})
