import type { Column } from './aggregate.ts'
import { type LevelPlan, NO_FILTER, type ViewPlan } from './plan.ts'
import type { Rows } from './rows.ts'

/** The tiles of one width, oldest first, as a struct of arrays: index, first and last row time, and a column an accumulator. */
export class TileLevel {
  readonly widthMs: number
  /** Tile i covers `[index * width, (index + 1) * width)`; the one tile of an unbounded level has index 0. */
  indexes: number[] = []
  /** Event times of its first and last row. */
  firsts: number[] = []
  lasts: number[] = []
  /** By accumulator; null where this level keeps none. */
  readonly columns: readonly (Column | null)[]
  /** The accumulators that this level keeps. */
  readonly kept: readonly number[]

  constructor(level: LevelPlan, plan: ViewPlan) {
    this.widthMs = level.widthMs
    this.kept = level.accumulators
    this.columns = plan.accumulators.map((accumulator, i) =>
      level.accumulators.includes(i) ? accumulator.spec.create(accumulator.field) : null,
    )
  }

  get length(): number {
    return this.indexes.length
  }

  indexOf(time: number): number {
    return this.widthMs === Number.POSITIVE_INFINITY ? 0 : Math.floor(time / this.widthMs)
  }

  /** The first time that the tile at `at` could hold. */
  startOf(at: number): number {
    return this.widthMs === Number.POSITIVE_INFINITY
      ? Number.NEGATIVE_INFINITY
      : (this.indexes[at] as number) * this.widthMs
  }

  /** The first place whose tile starts at or after `time`. */
  lowerBound(time: number): number {
    let low = 0
    let high = this.indexes.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.startOf(middle) < time) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The place of the tile with this index, made empty if there is none yet. */
  place(index: number): number {
    let at = this.indexes.length
    while (at > 0 && (this.indexes[at - 1] as number) > index) at--
    if (at > 0 && this.indexes[at - 1] === index) return at - 1
    this.indexes.splice(at, 0, index)
    this.firsts.splice(at, 0, Number.POSITIVE_INFINITY)
    this.lasts.splice(at, 0, Number.NEGATIVE_INFINITY)
    for (const i of this.kept) (this.columns[i] as Column).insert(at)
    return at
  }

  /** Folds the rows `[from, to)`, all of one tile, into the tile at `at`. */
  foldRows(at: number, rows: Rows, from: number, to: number, plan: ViewPlan, masks: readonly Uint8Array[]): void {
    this.widen(at, rows.times[from] as number, rows.times[to - 1] as number)
    for (const i of this.kept) {
      const filter = plan.accumulators[i]?.filter ?? NO_FILTER
      ;(this.columns[i] as Column).update(at, rows, from, to, masks[filter] ?? null)
    }
  }

  /** Merges a tile of a narrower (or equal) level into the tile at `at`. */
  foldTile(at: number, other: TileLevel, from: number): void {
    this.widen(at, other.firsts[from] as number, other.lasts[from] as number)
    for (const i of this.kept) (this.columns[i] as Column).merge(at, other.columns[i] as Column, from, from + 1)
  }

  /** Merges a tile of another definition of the view: `accumulators[i]` is the place there of accumulator i here, or -1. */
  foldForeignTile(at: number, other: TileLevel, from: number, accumulators: readonly number[]): void {
    this.widen(at, other.firsts[from] as number, other.lasts[from] as number)
    for (const i of this.kept) {
      const column = other.columns[accumulators[i] ?? -1]
      if (column) (this.columns[i] as Column).merge(at, column, from, from + 1)
    }
  }

  private widen(at: number, first: number, last: number): void {
    if (first < (this.firsts[at] as number)) this.firsts[at] = first
    if (last > (this.lasts[at] as number)) this.lasts[at] = last
  }

  dropFirst(count: number): void {
    if (count === 0) return
    this.indexes.splice(0, count)
    this.firsts.splice(0, count)
    this.lasts.splice(0, count)
    for (const i of this.kept) (this.columns[i] as Column).dropFirst(count)
  }
}
