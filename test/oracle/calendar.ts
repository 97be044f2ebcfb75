import type { CalendarUnit } from '../../src/engine/index.ts'

/**
 * Calendar buckets by asking the host's own time zones at every step; nothing of the engine, and nothing of the compiled
 * transitions. Slow, so borders are remembered.
 */

const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000

const formats = new Map<string, Intl.DateTimeFormat>()

const offsets = new Map<string, Map<number, number>>()

/** What a clock on the wall shows, as if it were UTC. No clock changes within a minute. */
function wallOf(zone: string, time: number): number {
  const minute = Math.floor(time / MINUTE_MS) * MINUTE_MS
  const known = offsets.get(zone) ?? new Map<number, number>()
  offsets.set(zone, known)
  const offset = known.get(minute) ?? askHost(zone, minute) - minute
  known.set(minute, offset)
  return time + offset
}

function askHost(zone: string, time: number): number {
  let format = formats.get(zone)
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
    formats.set(zone, format)
  }
  const part: Record<string, number> = {}
  for (const { type, value } of format.formatToParts(time)) part[type] = Number(value)
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part
  return Date.UTC(year, month - 1, day, hour, minute, second)
}

const offsetOf = (zone: string, time: number): number => wallOf(zone, time) - time

const starts = new Map<string, number>()

/** The first moment at which the clock shows `wall` or later. */
function firstShowing(zone: string, wall: number): number {
  const key = `${zone}/${wall}`
  const known = starts.get(key)
  if (known !== undefined) return known
  const around = [-26, -14, 0, 14, 26].map((hours) => offsetOf(zone, wall + hours * HOUR_MS))
  let time = wall - Math.max(...around) - HOUR_MS
  while (wallOf(zone, time) < wall) time += MINUTE_MS
  // Within the last minute, by halves; transitions to the second are long past.
  let low = time - MINUTE_MS
  let high = time
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (wallOf(zone, middle) >= wall) high = middle
    else low = middle
  }
  starts.set(key, high)
  return high
}

/** The wall time at which the unit that holds a wall time begins. */
function unitOf(unit: CalendarUnit, wall: number): number {
  const date = new Date(wall)
  const day = Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate())
  if (unit === 'day') return day
  if (unit === 'month') return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1)
  let monday = day
  while (new Date(monday).getUTCDay() !== 1) monday -= 24 * HOUR_MS
  return monday
}

function nextUnit(unit: CalendarUnit, wall: number): number {
  const date = new Date(wall)
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()]
  if (unit === 'month') return Date.UTC(year, month + 1, 1)
  return Date.UTC(year, month, day + (unit === 'week' ? 7 : 1))
}

/** The bucket that holds `time`: `[start, end)`. */
export function calendarBucket(unit: CalendarUnit, zone: string, offsetMs: number, time: number): [number, number] {
  if (unit === 'hour') return [hourStart(zone, offsetMs, time), hourEnd(zone, offsetMs, time)]
  let wall = unitOf(unit, wallOf(zone, time) - offsetMs)
  while (firstShowing(zone, nextUnit(unit, wall) + offsetMs) <= time) wall = nextUnit(unit, wall)
  return [firstShowing(zone, wall + offsetMs), firstShowing(zone, nextUnit(unit, wall) + offsetMs)]
}

/** Whether clocks are put forward or back at this moment. */
const isChange = (zone: string, time: number): boolean => offsetOf(zone, time) !== offsetOf(zone, time - 1)

/** The last moment up to `time` at which the clock showed a whole hour, or was changed. */
function hourStart(zone: string, offsetMs: number, time: number): number {
  let whole = time - modulo(wallOf(zone, time) - offsetMs, MINUTE_MS)
  while (modulo(wallOf(zone, whole) - offsetMs, HOUR_MS) !== 0 && whole > time - 2 * HOUR_MS) whole -= MINUTE_MS
  let change = time - modulo(wallOf(zone, time), MINUTE_MS)
  while (!isChange(zone, change) && change > whole) change -= MINUTE_MS
  return Math.max(whole, change)
}

/** The next such moment. */
function hourEnd(zone: string, offsetMs: number, time: number): number {
  let whole = time - modulo(wallOf(zone, time) - offsetMs, MINUTE_MS) + MINUTE_MS
  let change = time - modulo(wallOf(zone, time), MINUTE_MS) + MINUTE_MS
  for (;;) {
    if (change <= whole && isChange(zone, change)) return change
    if (whole <= change && modulo(wallOf(zone, whole) - offsetMs, HOUR_MS) === 0) return whole
    if (whole <= change) whole += MINUTE_MS
    else change += MINUTE_MS
  }
}

const modulo = (value: number, by: number): number => ((value % by) + by) % by
