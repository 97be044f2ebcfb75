/** Cuts time into cells: the buckets of a tumbling window, or the half-lives of a decayed one. */
export interface Cutter {
  /** Equal texts cut alike; part of a stored layout. */
  readonly identity: string
  /** What is cut: the same for one calendar, also when its zone's transitions have become others. */
  readonly name: string
  /** The longest cell, ms. */
  readonly longestMs: number
  /** The start of the cell that holds `time`. */
  floor(time: number): number
  /** The end of the cell that starts at `start`. */
  next(start: number): number
}

/** Cells of equal width, one of which starts `offsetMs` after the epoch. */
export function fixedCutter(widthMs: number, offsetMs: number): Cutter {
  return {
    identity: `${widthMs}+${offsetMs}`,
    name: `${widthMs}+${offsetMs}`,
    longestMs: widthMs,
    floor: (time) => Math.floor((time - offsetMs) / widthMs) * widthMs + offsetMs,
    next: (start) => start + widthMs,
  }
}
