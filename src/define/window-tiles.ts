import {
  type Computation,
  NUMBERS_BYTES,
  TILES_PER_WINDOW,
  tilesNeeded,
  tileWidth,
  type WindowSpec,
} from '../engine/index.ts'
import { formatDuration } from '../util/duration.ts'
import { DefinitionError } from './definition-error.ts'
import { zonesOf } from './time-zones.ts'

/** Tiles are cut at whole milliseconds, so a window of 128 of them is at least this wide. */
export const MIN_WINDOW_MS = TILES_PER_WINDOW
/** What one feature of one entity may keep; more is a window too narrow for how late events may come. */
const MAX_TILES = 16_384

/** What the state of one feature of one entity may come to; every page and every decoded entity has to carry it. */
const MAX_STATE_BYTES = 16_000_000

/** Throws when a feature's tiles could come to more bytes than they may. */
export function checkStateBytes(
  where: string,
  window: WindowSpec,
  allowedLatenessMs: number,
  { accumulators }: Computation,
): void {
  const tileBytes = accumulators.reduce((sum, { cellBytes = NUMBERS_BYTES }) => sum + cellBytes, 0)
  const tiles = tilesNeeded(window, allowedLatenessMs, zonesOf([window]))
  if (tiles * tileBytes <= MAX_STATE_BYTES) return
  const [size, most] = [tiles * tileBytes, MAX_STATE_BYTES].map((bytes) => `${Math.ceil(bytes / 1_000_000)} MB`)
  throw new DefinitionError(
    'too_much_state',
    where,
    `its ${tiles} tiles of up to ${(tileBytes / 1_000).toFixed(1)} KB could come to ${size} for one entity, more than ${most}: ` +
      `lower its n, k or max, shorten the allowedLateness, or keep rows with tail: 'exact' and a limit.`,
  )
}

/** Throws when a feature over this window would keep more tiles of an entity than it may, and says how to mend it. */
export function checkTiles(where: string, window: WindowSpec, allowedLatenessMs: number): void {
  // One tile, and at most 256 fine ones.
  if (window.kind === 'lifetime' || window.kind === 'lastN') return
  const zones = zonesOf([window])
  const needed = (latenessMs: number) => tilesNeeded(window, latenessMs, zones)
  const tiles = needed(allowedLatenessMs)
  if (tiles <= MAX_TILES) return
  const { subject, tile, reach, widen, shorten } = wordsOf(window)
  const room = mostLateness(needed, allowedLatenessMs)
  const mend = room === undefined ? shorten : `or give the view an allowedLateness of at most ${room}ms`
  const lateness = formatDuration(allowedLatenessMs)
  const sum = `with ${reach} and the allowedLateness of ${lateness} that is ${tiles} tiles an entity, more than ${MAX_TILES}`
  throw new DefinitionError('too_many_tiles', where, `${subject} has tiles of ${tile}; ${sum}: ${widen}, ${mend}.`)
}

/** The longest lateness below one that is too long, or undefined when none is short enough. */
function mostLateness(needed: (latenessMs: number) => number, tooLongMs: number): number | undefined {
  let fits = MIN_WINDOW_MS
  if (needed(fits) > MAX_TILES) return undefined
  let tooLong = tooLongMs
  while (tooLong - fits > 1) {
    const middle = Math.floor((fits + tooLong) / 2)
    if (needed(middle) <= MAX_TILES) fits = middle
    else tooLong = middle
  }
  return fits
}

interface Words {
  readonly subject: string
  readonly tile: string
  /** What is kept beside the lateness. */
  readonly reach: string
  /** How to get wider tiles. */
  readonly widen: string
  /** How to get fewer of them, when the lateness is not to blame. */
  readonly shorten: string
}

function wordsOf(window: Exclude<WindowSpec, { readonly kind: 'lifetime' | 'lastN' }>): Words {
  const delay = { reach: 'its delay', shorten: 'or shorten its delay' }
  switch (window.kind) {
    case 'sliding':
      return { ...windowWords(window.widthMs, tileWidth(window.widthMs)), ...delay }
    case 'tumbling': {
      const isWhole = window.value === 'closed' || window.delayMs === 0
      return { ...windowWords(window.widthMs, isWhole ? window.widthMs : tileWidth(window.widthMs)), ...delay }
    }
    case 'calendar':
      return { subject: `tumbling('${window.unit}')`, tile: `1 ${window.unit}`, widen: 'take a longer unit', ...delay }
    case 'session':
      return {
        subject: `a session with a gap of ${formatDuration(window.gapMs)}`,
        // A tile is at most a gap wide, so that it is never of two sessions.
        tile: `${tileWidth(window.gapMs * TILES_PER_WINDOW)}ms`,
        reach: 'its max and keepLast',
        widen: 'widen the gap',
        shorten: 'or shorten max and keepLast',
      }
    case 'decayed': {
      const tile = formatDuration(window.halfLifeMs)
      const subject = `a half-life of ${tile}`
      return { subject, tile, reach: 'its 65 half-lives', widen: 'lengthen the half-life', shorten: 'many times' }
    }
  }
}

const windowWords = (widthMs: number, tileMs: number) => ({
  subject: `a window of ${formatDuration(widthMs)}`,
  tile: `${tileMs}ms`,
  widen: 'widen the window',
})
