import type { WindowSpec } from '../../src/engine/index.ts'
import { calendarBucket } from './calendar.ts'

/** Where a window begins and ends at t, and the cells and tiles that it sees, by the words of docs/guarantees.md. */

/** The cell that holds a time, `[start, end)`: a bucket, a half-life, or everything. */
export function cellOf(window: WindowSpec, time: number): [number, number] {
  switch (window.kind) {
    case 'tumbling': {
      const start = Math.floor((time - window.offsetMs) / window.widthMs) * window.widthMs + window.offsetMs
      return [start, start + window.widthMs]
    }
    case 'calendar':
      return calendarBucket(window.unit, window.zone, window.offsetMs, time)
    case 'decayed': {
      const start = Math.floor(time / window.halfLifeMs) * window.halfLifeMs
      return [start, start + window.halfLifeMs]
    }
    default:
      return [-Infinity, Infinity]
  }
}

/** `[start, end)` at t; of a session the time in which one may lie that is still told. */
export function boundsOf(window: WindowSpec, t: number): [number, number] {
  switch (window.kind) {
    case 'sliding':
      return [t - window.delayMs - window.widthMs, t - window.delayMs]
    case 'tumbling':
    case 'calendar': {
      const [start] = cellOf(window, t - window.delayMs)
      if (window.value === 'running') return [start, t - window.delayMs]
      return [cellOf(window, start - 1)[0], start]
    }
    case 'session':
      return [t - (window.value === 'open' ? window.gapMs : window.keepLastMs), t]
    case 'decayed':
      return [cellOf(window, t)[0] - 63 * window.halfLifeMs, t]
    default:
      return [-Infinity, t]
  }
}

export const powerOfTwo = (most: number): number => 2 ** Math.floor(Math.log2(most))

const HOURS = { hour: 1, day: 23, week: 167, month: 671 }

/** The width of the window's tiles, before its cells cut them. */
export function tileOf(window: WindowSpec): number {
  switch (window.kind) {
    case 'sliding':
      return powerOfTwo(window.widthMs / 128)
    case 'session':
      return powerOfTwo(window.gapMs)
    case 'tumbling':
      return window.value === 'running' && window.delayMs > 0 ? powerOfTwo(window.widthMs / 128) : Infinity
    case 'calendar': {
      const shortest = HOURS[window.unit] * 3_600_000
      return window.value === 'running' && window.delayMs > 0 ? powerOfTwo(shortest / 128) : Infinity
    }
    default:
      return Infinity
  }
}
