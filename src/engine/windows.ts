import { calendarCutter } from './calendar.ts'
import { type Cutter, fixedCutter } from './cutter.ts'
import type { CalendarUnit, WindowSpec, ZoneSpec } from './spec.ts'

/** A window is cut into at least this many tiles: the bound of the error at its edge, when it is not exact. */
export const TILES_PER_WINDOW = 128
/** The width of a tile for everything, and the reach of what has no end. */
export const UNBOUNDED = Number.POSITIVE_INFINITY
/** A decayed row weighs less than 2^-64 after this many half-lives, and is left out. */
const KEPT_HALF_LIVES = 64

/** The shortest of each unit, in hours: what the tiles of a delayed, running bucket are cut from. */
const SHORTEST_HOURS: Readonly<Record<CalendarUnit, number>> = {
  hour: 1,
  day: 23,
  week: 7 * 24 - 1,
  month: 28 * 24 - 1,
}

/** The largest power of two of milliseconds that is at most `widthMs / 128`. */
export function tileWidth(widthMs: number): number {
  return widthMs === UNBOUNDED ? UNBOUNDED : powerOfTwoUpTo(widthMs / TILES_PER_WINDOW)
}

const powerOfTwoUpTo = (most: number): number => 2 ** Math.floor(Math.log2(most))

/** What the engine needs to know of a window. */
export interface WindowShape {
  readonly spec: WindowSpec
  /** Its tiles never cross the border of a cell; null when there are no borders. */
  readonly cutter: Cutter | null
  /** The width of its tiles, before they are cut. */
  readonly tileMs: number
  /** How far back from t it can read. */
  readonly reachMs: number
  /** Windows with the same text end at the same time, for every t. */
  readonly endKey: string
  endOf(t: number): number
  /** Its first moment, given its end; for a session, the first at which one that is still told can have been open. */
  startOf(t: number, end: number): number
}

/** Compiles a window. `zones` has the zone of a calendar window. */
export function windowShape(spec: WindowSpec, zones: Readonly<Record<string, ZoneSpec>> = {}): WindowShape {
  const endsNow = { spec, cutter: null, endKey: 't', endOf: (t: number) => t }
  switch (spec.kind) {
    case 'lifetime':
    case 'lastN':
      return { ...endsNow, tileMs: UNBOUNDED, reachMs: UNBOUNDED, startOf: () => -UNBOUNDED }
    case 'sliding':
      return {
        ...endsNow,
        tileMs: tileWidth(spec.widthMs),
        reachMs: spec.widthMs + spec.delayMs,
        endKey: delayedKey(spec.delayMs),
        endOf: (t) => t - spec.delayMs,
        startOf: (_t, end) => end - spec.widthMs,
      }
    case 'tumbling':
      return bucketShape(spec, fixedCutter(spec.widthMs, spec.offsetMs), spec.widthMs)
    case 'calendar': {
      const zone = zones[spec.zone]
      if (zone === undefined) throw new Error(`the view has no time zone ${spec.zone}`)
      const shortest = SHORTEST_HOURS[spec.unit] * 3_600_000
      return bucketShape(spec, calendarCutter(spec.unit, zone, spec.offsetMs, spec.zone), shortest)
    }
    case 'session':
      return {
        ...endsNow,
        // Two rows of one tile are less than the gap apart: a tile is never of two sessions.
        tileMs: powerOfTwoUpTo(spec.gapMs),
        // One gap more than the longest that is told: the row before its first decides whether it is too long.
        reachMs: spec.maxMs + toldMs(spec) + spec.gapMs,
        startOf: (t) => t - toldMs(spec),
      }
    case 'decayed': {
      const cutter = fixedCutter(spec.halfLifeMs, 0)
      return {
        ...endsNow,
        cutter,
        tileMs: UNBOUNDED,
        reachMs: spec.halfLifeMs * (KEPT_HALF_LIVES + 1),
        startOf: (t) => cutter.floor(t) - (KEPT_HALF_LIVES - 1) * spec.halfLifeMs,
      }
    }
  }
}

const delayedKey = (delayMs: number): string => (delayMs > 0 ? `t-${delayMs}` : 't')

/** How long after its last row a session is still told. */
export const toldMs = (spec: WindowSpec & { readonly kind: 'session' }): number =>
  spec.value === 'open' ? spec.gapMs : spec.keepLastMs

function bucketShape(
  spec: WindowSpec & { readonly kind: 'tumbling' | 'calendar' },
  cutter: Cutter,
  shortestMs: number,
): WindowShape {
  const { delayMs } = spec
  if (spec.value === 'running') {
    return {
      spec,
      cutter,
      // Without a delay nothing but t cuts the bucket, and what is near t is in fine tiles.
      tileMs: delayMs > 0 ? tileWidth(shortestMs) : UNBOUNDED,
      reachMs: cutter.longestMs + delayMs,
      endKey: delayedKey(delayMs),
      endOf: (t) => t - delayMs,
      startOf: (_t, end) => cutter.floor(end),
    }
  }
  return {
    spec,
    cutter,
    tileMs: UNBOUNDED,
    reachMs: 2 * cutter.longestMs + delayMs,
    endKey: `closed${delayedKey(delayMs)}`,
    endOf: (t) => cutter.floor(t - delayMs),
    startOf: (_t, end) => cutter.floor(end - 1),
  }
}

/** How far back from t a feature over this window can read, in ms; infinite for what has no end. */
export function reachOf(window: WindowSpec, zones?: Readonly<Record<string, ZoneSpec>>): number {
  return windowShape(window, zones).reachMs
}

/**
 * How many tiles one feature over this window may keep for an entity: those of its reach and the lateness, and the fine ones
 * that rows less than the lateness before the mark are in. None with a tail.
 */
export function tilesNeeded(
  window: WindowSpec,
  allowedLatenessMs: number,
  zones?: Readonly<Record<string, ZoneSpec>>,
): number {
  if (window.tailLimit !== undefined) return 0
  const { tileMs, reachMs, cutter } = windowShape(window, zones)
  const fineMs = tileWidth(allowedLatenessMs)
  const cellMs = cutter === null ? tileMs : Math.min(tileMs, cutter.longestMs)
  const fine = tileMs > fineMs ? Math.ceil(allowedLatenessMs / Math.min(fineMs, cellMs)) : 0
  return fine + (cellMs === UNBOUNDED ? 1 : Math.ceil((reachMs + allowedLatenessMs) / cellMs))
}
