import { describe, expect, it } from 'vitest'
import { zoneSpec } from '../../src/define/time-zones.ts'
import { calendarCutter } from '../../src/engine/calendar.ts'
import { calendarBucket } from '../oracle/calendar.ts'
import { forSeeds } from '../support/random.ts'

/** Summer time at midnight, of half an hour, by 45 minutes of offset, abolished, and a day that never was. */
const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'Australia/Lord_Howe',
  'Asia/Beirut',
  'America/Sao_Paulo',
  'America/St_Johns',
  'Africa/Casablanca',
  'Asia/Kathmandu',
  'Pacific/Apia',
]
const UNITS = ['hour', 'day', 'week', 'month'] as const
const HOUR_MS = 3_600_000

const bucketsAround = (zone: string, times: readonly string[], unit: (typeof UNITS)[number] = 'day') => {
  const cutter = calendarCutter(unit, zoneSpec(zone), 0)
  return times.map((time) => {
    const start = cutter.floor(Date.parse(time))
    return `${new Date(start).toISOString()} + ${(cutter.next(start) - start) / HOUR_MS} h`
  })
}

describe('calendar buckets', () => {
  it('begin and end where the clock on the wall of the host says, in ten zones', () => {
    forSeeds(400, (r) => {
      const zone = r.pick(ZONES)
      const unit = r.pick(UNITS)
      const offsetMs = r.chance(0.3) ? r.pick([1, 60_000, 1_800_000]) : 0
      const spec = zoneSpec(zone)
      const [transition] = spec.transitions.length > 0 && r.chance(0.7) ? r.pick(spec.transitions) : [0]
      const around = transition > 0 ? transition : Date.UTC(2026, 0, 1)
      const time = around + r.int(-3 * 24 * HOUR_MS, 3 * 24 * HOUR_MS)
      const cutter = calendarCutter(unit, spec, offsetMs)
      const start = cutter.floor(time)
      const what = `${unit} of ${zone} at ${new Date(time).toISOString()}, offset ${offsetMs}`
      expect([start, cutter.next(start)], what).toEqual(calendarBucket(unit, zone, offsetMs, time))
    })
  })

  it('follow each other without a gap, and none is longer than the longest', () => {
    for (const zone of ZONES) {
      for (const unit of UNITS) {
        const cutter = calendarCutter(unit, zoneSpec(zone), 0)
        let start = cutter.floor(Date.UTC(2010, 8, 1))
        for (let i = 0; i < 500; i++) {
          const next = cutter.next(start)
          expect(next).toBeGreaterThan(start)
          expect(next - start).toBeLessThanOrEqual(cutter.longestMs)
          expect([cutter.floor(next - 1), cutter.floor(next)], `${unit} of ${zone}`).toEqual([start, next])
          start = next
        }
      }
    }
  })

  it('of a day have 23 and 25 hours when clocks change', () => {
    expect(bucketsAround('Europe/Berlin', ['2026-03-28T12:00Z', '2026-03-29T12:00Z', '2026-10-25T12:00Z'])).toEqual([
      '2026-03-27T23:00:00.000Z + 24 h',
      '2026-03-28T23:00:00.000Z + 23 h',
      '2026-10-24T22:00:00.000Z + 25 h',
    ])
    expect(bucketsAround('Australia/Lord_Howe', ['2026-10-04T00:00Z'])).toEqual(['2026-10-03T13:30:00.000Z + 23.5 h'])
  })

  it('begin with the jump where midnight is skipped, and leave out a day that never was', () => {
    expect(bucketsAround('Asia/Beirut', ['2026-03-29T12:00Z'])).toEqual(['2026-03-28T22:00:00.000Z + 23 h'])
    expect(bucketsAround('Pacific/Apia', ['2011-12-30T09:00Z', '2011-12-30T12:00Z'])).toEqual([
      '2011-12-29T10:00:00.000Z + 24 h',
      '2011-12-30T10:00:00.000Z + 24 h',
    ])
  })

  it('of an hour are 60 minutes also when the hour comes twice, and half of one beside half an hour of summer time', () => {
    expect(bucketsAround('Europe/Berlin', ['2026-10-25T00:30Z', '2026-10-25T01:30Z'], 'hour')).toEqual([
      '2026-10-25T00:00:00.000Z + 1 h',
      '2026-10-25T01:00:00.000Z + 1 h',
    ])
    const halves = ['2026-10-03T15:20Z', '2026-10-03T15:40Z', '2026-10-03T16:10Z']
    expect(bucketsAround('Australia/Lord_Howe', halves, 'hour')).toEqual([
      '2026-10-03T14:30:00.000Z + 1 h',
      '2026-10-03T15:30:00.000Z + 0.5 h',
      '2026-10-03T16:00:00.000Z + 1 h',
    ])
  })

  it('of a week begin on Monday, and of a month on its first day', () => {
    expect(bucketsAround('UTC', ['2026-11-21T12:00Z'], 'week')).toEqual(['2026-11-16T00:00:00.000Z + 168 h'])
    expect(bucketsAround('America/New_York', ['2026-11-21T12:00Z'], 'month')).toEqual([
      '2026-11-01T04:00:00.000Z + 721 h',
    ])
  })
})
