import type { Cutter } from './cutter.ts'
import type { CalendarUnit, ZoneSpec } from './spec.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** 1970-01-01 was a Thursday; weeks begin on Monday (ISO 8601). */
const EPOCH_WEEKDAY = 3

/** The longest of each unit by the clock on the wall. */
const LONGEST_MS = {
  day: DAY_MS,
  week: 7 * DAY_MS,
  month: 31 * DAY_MS,
} as const

/**
 * Buckets of a calendar in a time zone: a day is 23, 24 or 25 hours long. A bucket begins at the first moment at which the
 * clock on the wall shows its beginning or something later: so a midnight that is skipped is the moment of the jump, and one
 * that comes twice is the first. Hours are cut whenever the clock shows a whole hour, and at each transition, so that the
 * hour that comes twice is two.
 */
export function calendarCutter(unit: CalendarUnit, zone: ZoneSpec, offsetMs: number, zoneName = ''): Cutter {
  const name = JSON.stringify([unit, zoneName, offsetMs])
  const identity = JSON.stringify([unit, zone.offsetMs, zone.transitions, offsetMs])
  if (unit === 'hour') {
    const floor = (time: number) => {
      const { from, offset } = segmentAt(zone, time)
      return Math.max(from, floorTo(time + offset - offsetMs, HOUR_MS) - offset + offsetMs)
    }
    return {
      identity,
      name,
      longestMs: HOUR_MS,
      floor,
      next: (start) => Math.min(floor(start + HOUR_MS), endOfSegment(zone, start)),
    }
  }
  const longestMs = LONGEST_MS[unit] + largestBackwardJump(zone)
  // By the clock on the wall, as if its times were UTC.
  const wallFloor = (wall: number) => unitFloor(unit, wall - offsetMs) + offsetMs
  const wallNext = (wall: number) => unitNext(unit, wall - offsetMs) + offsetMs
  const wallStart = (time: number) => {
    let wall = wallFloor(time + segmentAt(zone, time).offset)
    // Clocks that were put back over the border of a unit show the one before again: its time is over.
    while (firstAt(zone, wallNext(wall)) <= time) wall = wallNext(wall)
    return wall
  }
  return {
    identity,
    name,
    longestMs,
    floor: (time) => firstAt(zone, wallStart(time)),
    next: (start) => firstAt(zone, wallNext(wallStart(start))),
  }
}

const floorTo = (value: number, step: number): number => Math.floor(value / step) * step

function unitFloor(unit: 'day' | 'week' | 'month', wall: number): number {
  const day = Math.floor(wall / DAY_MS)
  if (unit === 'day') return day * DAY_MS
  if (unit === 'week') return (day - ((((day + EPOCH_WEEKDAY) % 7) + 7) % 7)) * DAY_MS
  const date = new Date(day * DAY_MS)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1)
}

function unitNext(unit: 'day' | 'week' | 'month', wallStart: number): number {
  if (unit === 'day') return wallStart + DAY_MS
  if (unit === 'week') return wallStart + 7 * DAY_MS
  const date = new Date(wallStart)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1)
}

/** A stretch of time with one offset from UTC. */
function segmentAt(zone: ZoneSpec, time: number): { readonly from: number; readonly offset: number } {
  const at = transitionsUpTo(zone, time) - 1
  const transition = zone.transitions[at]
  return transition === undefined
    ? { from: Number.NEGATIVE_INFINITY, offset: zone.offsetMs }
    : { from: transition[0], offset: transition[1] }
}

function endOfSegment(zone: ZoneSpec, time: number): number {
  return zone.transitions[transitionsUpTo(zone, time)]?.[0] ?? Number.POSITIVE_INFINITY
}

/** How many transitions are at or before `time`. */
function transitionsUpTo({ transitions }: ZoneSpec, time: number): number {
  let low = 0
  let high = transitions.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((transitions[middle]?.[0] as number) <= time) low = middle + 1
    else high = middle
  }
  return low
}

/** No zone is further from UTC than this. */
const FURTHEST_OFFSET_MS = 16 * HOUR_MS

/** The first moment at which the clock on the wall shows `wall` or later. */
function firstAt(zone: ZoneSpec, wall: number): number {
  const { transitions } = zone
  let at = transitionsUpTo(zone, wall - FURTHEST_OFFSET_MS) - 1
  for (;;) {
    const from = transitions[at]?.[0] ?? Number.NEGATIVE_INFINITY
    const offset = transitions[at]?.[1] ?? zone.offsetMs
    const end = transitions[at + 1]?.[0] ?? Number.POSITIVE_INFINITY
    if (end + offset > wall) return Math.max(from, wall - offset)
    at++
  }
}

function largestBackwardJump(zone: ZoneSpec): number {
  let largest = 0
  let offset = zone.offsetMs
  for (const [, next] of zone.transitions) {
    largest = Math.max(largest, offset - next)
    offset = next
  }
  return largest
}
