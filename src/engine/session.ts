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
    this.first = first
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

/** Adds rows `[from, to)`, newest first, that count for the bounds: all but such as were taken back before they came. */
export function scanRows(scan: SessionScan, rows: Rows, from: number, to: number): boolean {
  for (let at = to - 1; at >= from; at--) {
    const time = rows.times[at] as number
    if (rows.signAt(at) === 1 && !scan.add(time, time)) return false
  }
  return true
}

/** Adds the tiles before a place of each level, newest first. */
export function scanTiles(scan: SessionScan, levels: readonly TileLevel[], ends: readonly number[]): void {
  for (let l = 0; l < levels.length; l++) {
    const level = levels[l] as TileLevel
    for (let at = (ends[l] as number) - 1; at >= 0; at--) {
      if (!scan.add(level.firsts[at] as number, level.lasts[at] as number)) return
    }
  }
}
