import { tileEnd, tileStart } from './tiles.ts'
import type { Track } from './track.ts'
import { UNBOUNDED } from './windows.ts'

/** The clock of a state: its mark, how far behind it a read may ask, and the width of tiles within that. */
export interface StateClock {
  readonly mark: number
  readonly latenessMs: number
  readonly fineMs: number
}

/** Where a window begins or ends among the tiles, and whether a tile in doubt was there. */
export interface Edge {
  /** Tiles that start at or after it are inside (trailing edge), or outside (leading edge). */
  readonly from: number
  readonly exact: boolean
}

/** A tile as a feature sees it: its bounds, and the first and last time of the rows folded into it. */
interface Around {
  readonly from: number
  readonly to: number
  readonly first: number
  readonly last: number
  /** A tile wider than the feature's own has rows on this side of the edge or beyond. */
  readonly isCrossed: boolean
}

/**
 * The tile of width `tileMs` that holds `time`. The tiles that are kept may be narrower; what is within the lateness is in fine
 * ones. After a change of the definition some may be wider than a feature's own: from before it was there, or of another
 * lateness.
 */
function tileAround(track: Track, { mark, latenessMs, fineMs }: StateClock, time: number, tileMs: number): Around {
  const { levels, plan } = track
  const { cutter } = plan
  const recent = mark - latenessMs
  const isFine = tileMs > fineMs && tileEnd(fineMs, cutter, time) > recent
  const widthMs = isFine ? fineMs : tileMs
  let from = tileStart(widthMs, cutter, time)
  let to = tileEnd(widthMs, cutter, time)
  // The rows of a wide tile that are not yet wholly older than the lateness are still in fine tiles of their own.
  if (tileMs > fineMs && !isFine) to = Math.min(to, tileStart(fineMs, cutter, recent))
  let first = UNBOUNDED
  let last = -UNBOUNDED
  let isCrossed = false
  for (const level of levels) {
    if (level.length === 0) continue
    let low = level.lowerBound(from)
    const high = level.lowerBound(to)
    if (low > 0 && (level.lasts[low - 1] as number) >= time) {
      // Up to the feature's own width it is cut as a whole, and keeps to the bound of the error.
      if (level.widthMs > tileMs) isCrossed = true
      else from = Math.min(from, level.starts[--low] as number)
    }
    if (low >= high) continue
    first = Math.min(first, level.firsts[low] as number)
    last = Math.max(last, level.lasts[high - 1] as number)
  }
  return { from, to, first, last, isCrossed }
}

/** At the trailing edge a tile in doubt counts whole; one that is wider than the feature's own not at all. */
export function trailingEdge(track: Track, clock: StateClock, start: number, tileMs: number): Edge {
  if (start === -UNBOUNDED) return { from: start, exact: true }
  const tile = tileAround(track, clock, start, tileMs)
  if (tile.last < start) return { from: tile.to, exact: !tile.isCrossed }
  return { from: tile.from, exact: tile.first >= start && !tile.isCrossed }
}

/** At the leading edge a tile in doubt does not count: an event at or after the end never does. */
export function leadingEdge(track: Track, clock: StateClock, end: number, tileMs: number): Edge {
  const tile = tileAround(track, clock, end, tileMs)
  const from = tile.last < end ? tile.to : tile.from
  if (!tile.isCrossed) return { from, exact: tile.last < end || tile.first >= end }
  // Wide tiles before the edge that reach beyond it are left out too: from the first of them on nothing counts.
  const crossing = track.levels.flatMap((level) => {
    const at = level.lowerBound(from) - 1
    return at >= 0 && (level.lasts[at] as number) >= end ? [level.starts[at] as number] : []
  })
  return { from: Math.min(from, ...crossing), exact: false }
}
