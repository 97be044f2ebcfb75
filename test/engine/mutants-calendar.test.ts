import { describe, expect, test } from 'vitest'
import { calendarCutter } from '../../src/engine/calendar.ts'
import type { ZoneSpec } from '../../src/engine/spec.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
/** A Thursday, and the first of a month. */
const DAWN = Date.UTC(2026, 0, 1)

/** Clocks that are put on to another offset, once. */
const zone = (before: number, at: number, after: number): ZoneSpec => ({
  offsetMs: before * HOUR,
  transitions: [[at, after * HOUR]],
})

describe('days of a zone that changes its offset by much', () => {
  test('begin where the clock first shows them, also over 15 hours from UTC', () => {
    // As Manila and Juneau were, when the date line was moved over them.
    const days = calendarCutter('day', zone(15.5, DAWN - 15.25 * HOUR, 0), 0)
    const start = DAWN - 15.5 * HOUR
    expect(days.floor(start - 1)).toBe(start - DAY)
    for (const time of [start, start + 1, DAWN - 15.25 * HOUR, DAWN - 10 * HOUR, DAWN, DAWN + DAY - 1]) {
      expect(days.floor(time)).toBe(start)
    }
    expect(days.next(start)).toBe(DAWN + DAY)
    expect(days.longestMs).toBe(DAY + 15.5 * HOUR)
  })

  test('are left out when they never were', () => {
    // Samoa in 2011: from the 29th to the 31st.
    const days = calendarCutter('day', zone(-10, DAWN + 10 * HOUR, 14), 0)
    expect(days.floor(DAWN + 10 * HOUR - 1)).toBe(DAWN - 14 * HOUR)
    expect(days.next(DAWN - 14 * HOUR)).toBe(DAWN + 10 * HOUR)
    expect(days.floor(DAWN + 10 * HOUR)).toBe(DAWN + 10 * HOUR)
    expect(days.next(DAWN + 10 * HOUR)).toBe(DAWN + 34 * HOUR)
  })
})

describe('the longest of a unit', () => {
  test.each([
    ['hour', HOUR],
    ['day', DAY],
    ['week', 7 * DAY],
    ['month', 31 * DAY],
  ] as const)('%s', (unit, longestMs) => {
    expect(calendarCutter(unit, { offsetMs: 0, transitions: [] }, 0).longestMs).toBe(longestMs)
    const withJump = calendarCutter(unit, zone(1, DAWN, 0), 0).longestMs
    expect(withJump).toBe(unit === 'hour' ? HOUR : longestMs + HOUR)
    expect(calendarCutter(unit, zone(0, DAWN, 1), 0).longestMs).toBe(longestMs)
  })
})

describe('the names of calendars, which stored layouts hold', () => {
  test('tell apart units, zones and offsets', () => {
    const utc: ZoneSpec = { offsetMs: 0, transitions: [] }
    const identities = [
      calendarCutter('hour', utc, 0),
      calendarCutter('day', utc, 0),
      calendarCutter('week', utc, 0),
      calendarCutter('month', utc, 0),
      calendarCutter('day', utc, 1),
      calendarCutter('day', zone(1, DAWN, 2), 0),
      calendarCutter('day', zone(1, DAWN, 3), 0),
      calendarCutter('day', zone(1, DAWN + 1, 2), 0),
    ].map(({ identity }) => identity)
    expect(new Set(identities).size).toBe(identities.length)
    expect(identities[1]).toBe('["day",0,[],0]')
  })
})
