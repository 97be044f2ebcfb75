import type { Rows } from './rows.ts'
import type { SessionWindow } from './spec.ts'
import type { TileLevel } from './tiles.ts'
import { toldMs, UNBOUNDED } from './windows.ts'

/** The session that is told at a time: its first moment, or why there is none. */
export type Session =
  | { readonly kind: 'session'; readonly first: number }
  | { readonly kind: 'none' }
  /** Longer than its `max`, or longer than the rows that are kept. */
  | { readonly kind: 'limit' }

/**
 * Goes back from the newest to the oldest stretch of rows (a row, or a tile whose rows are within the gap of each other)
 * while they are at most the gap apart.
 */
export class SessionScan {
  private readonly spec: SessionWindow
  private first = UNBOUNDED
  private last = -UNBOUNDED
  private isWhole = false

  constructor(spec: SessionWindow) {
    this.spec = spec
  }

  /** Takes in the next older stretch; false when nothing older matters. */
  add(first: number, last: number): boolean {
    if (this.last === -UNBOUNDED) this.last = last
    else if (this.first - last > this.spec.gapMs) {
      this.isWhole = true
      return false
    }
    // A tile may reach further back than one whose last row is older.
    this.first = Math.min(this.first, first)
    return this.last - this.first <= this.spec.maxMs
  }

  /** What was found; `letGo` is the time of the newest row that is kept nowhere, minus infinity when none is missing. */
  end(t: number, letGo = -UNBOUNDED): Session {
    const { first, last, spec } = this
    if (last === -UNBOUNDED) return letGo >= t - toldMs(spec) ? { kind: 'limit' } : { kind: 'none' }
    if (t - last > toldMs(spec)) return { kind: 'none' }
    const reachesMissing = !this.isWhole && first - letGo <= spec.gapMs
    return last - first > spec.maxMs || reachesMissing ? { kind: 'limit' } : { kind: 'session', first }
  }
}

/** Adds rows `[from, to)`, newest first; those that were taken back make no bounds. */
export function scanRows(scan: SessionScan, rows: Rows, from: number, to: number): boolean {
  for (let at = to - 1; at >= from; at--) {
    const time = rows.times[at] as number
    if (rows.signAt(at) === 1 && !scan.add(time, time)) return false
  }
  return true
}

/**
 * Adds the rows before `rowsEnd` and the tiles before a place of each level, always the newest that is left. Levels and rows
 * follow one another in time, until a definition is changed: then late rows come to lie beside older tiles. A tile wider than
 * the session's own is from before its feature was there, and may hold more than one session: it is no part of any.
 */
export function scanStretches(
  scan: SessionScan,
  tileMs: number,
  rows: Rows,
  rowsEnd: number,
  levels: readonly TileLevel[],
  ends: readonly number[],
): void {
  let row = rowsEnd - 1
  const places = levels.map((level, l) => (level.widthMs > tileMs ? -1 : (ends[l] as number) - 1))
  for (;;) {
    let newest = -1
    let last = row >= 0 ? (rows.times[row] as number) : -UNBOUNDED
    for (let l = 0; l < levels.length; l++) {
      const place = places[l] as number
      if (place < 0 || (levels[l]?.lasts[place] as number) <= last) continue
      newest = l
      last = levels[l]?.lasts[place] as number
    }
    if (last === -UNBOUNDED) return
    const place = newest < 0 ? row-- : (places[newest] as number)
    if (newest >= 0) places[newest] = place - 1
    else if (rows.signAt(place) !== 1) continue
    if (!scan.add(newest < 0 ? last : (levels[newest]?.firsts[place] as number), last)) return
  }
}
