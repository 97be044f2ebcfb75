import type { Cutter } from './cutter.ts'
import type { LevelPlan, TrackPlan, ViewPlan } from './plan.ts'
import type { Rows } from './rows.ts'
import { type FoldMasks, TileLevel, tileEnd, tileStart } from './tiles.ts'
import { UNBOUNDED } from './windows.ts'

/**
 * The folded rows of one view for the features whose windows are cut alike: nested levels of tiles, narrow ones for what is
 * recent. Each row is in exactly one tile.
 */
export class Track {
  readonly plan: TrackPlan
  readonly levels: readonly TileLevel[]
  /** `floors[i]`: level i holds what is at or after it (and before `floors[i - 1]`); older joins the next level. */
  private readonly floors: number[]

  constructor(plan: TrackPlan, view: ViewPlan) {
    this.plan = plan
    this.levels = plan.levels.map((level) => new TileLevel(level, plan.cutter, view))
    this.floors = plan.levels.map(() => -UNBOUNDED)
  }

  get isEmpty(): boolean {
    return this.levels.every((level) => level.length === 0)
  }

  /** Folds the rows `[0, count)`, which are in order. */
  foldRows(rows: Rows, count: number, masks: FoldMasks): void {
    for (let from = 0; from < count; ) {
      const time = rows.times[from] as number
      const i = this.levelAt(time)
      const level = this.levels[i]
      let to = from + 1
      if (level !== undefined) {
        const start = level.startOf(time)
        const end = Math.min(level.endOf(start), i === 0 ? UNBOUNDED : (this.floors[i - 1] as number))
        while (to < count && (rows.times[to] as number) < end) to++
        level.foldRows(level.place(start), rows, from, to, masks)
      }
      from = to
    }
  }

  /** The level that data of this time is kept in; none (-1) when no feature can read it any more. */
  private levelAt(time: number): number {
    for (let i = 0; i < this.floors.length; i++) if (time >= (this.floors[i] as number)) return i
    return -1
  }

  /** Moves tiles on to wider levels, and out, as the mark asks. */
  moveTo(mark: number, latenessMs: number): void {
    let lowest = UNBOUNDED
    for (let i = 0; i < this.levels.length; i++) {
      lowest = Math.min(lowest, levelFloorOf(this.plan.levels[i] as LevelPlan, this.plan.cutter, mark - latenessMs))
      this.floors[i] = lowest
    }
    for (let i = 0; i < this.levels.length; i++) {
      const level = this.levels[i] as TileLevel
      const leaving = level.lowerBound(this.floors[i] as number)
      for (let at = 0; at < leaving; at++) {
        const start = level.starts[at] as number
        const next = this.levels[this.levelAt(start)]
        if (next !== undefined) next.foldTile(next.place(next.startOf(start)), level, at)
      }
      level.dropFirst(leaving)
    }
  }

  /** The mark from which on `moveTo` would move something. */
  nextMark(mark: number, latenessMs: number): number {
    let next = UNBOUNDED
    for (let i = 0; i < this.levels.length; i++) {
      const { widthMs, reachMs } = this.plan.levels[i] as LevelPlan
      if (reachMs === UNBOUNDED) continue
      const end = tileEnd(widthMs, this.plan.cutter, mark - latenessMs - reachMs)
      next = Math.min(next, end + reachMs + latenessMs)
    }
    return next
  }

  /** Takes in the tiles of the same track of another part; both have moved to the same mark. */
  absorb(other: Track): void {
    other.levels.forEach((level, i) => {
      const own = this.levels[i] as TileLevel
      for (let at = 0; at < level.length; at++) own.foldTile(own.place(level.starts[at] as number), level, at)
    })
  }

  /**
   * Takes in the tiles of another definition of the view: `accumulators[i]` is the place there of accumulator i here, or -1. A
   * tile goes where its first row belongs: should its cell now end before its last, an edge there is in doubt, and says so.
   */
  absorbForeign(other: Track, accumulators: readonly number[]): void {
    for (const level of other.levels) {
      const target = this.levels.find((candidate) => candidate.widthMs >= level.widthMs)
      if (target === undefined) continue
      for (let at = 0; at < level.length; at++) {
        const start = target.startOf(level.firsts[at] as number)
        target.foldForeignTile(target.place(start), level, at, accumulators)
      }
    }
  }

  renumber(parts: readonly number[]): void {
    for (const level of this.levels) level.renumber(parts)
  }
}

/** Where a level's reach ends, on its own grid: everything below is wholly out of it. `recent` is the mark less the lateness. */
export function levelFloorOf({ widthMs, reachMs }: LevelPlan, cutter: Cutter | null, recent: number): number {
  return reachMs === UNBOUNDED ? -UNBOUNDED : tileStart(widthMs, cutter, recent - reachMs)
}
