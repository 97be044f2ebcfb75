import type { Column } from './aggregate.ts'
import type { Cutter } from './cutter.ts'
import type { AccumulatorPlan, LevelPlan, ViewPlan } from './plan.ts'
import type { Rows } from './rows.ts'
import { LEAST_BLOCKS, TileBlocks } from './tile-blocks.ts'
import { UNBOUNDED } from './windows.ts'

/** The start of the tile that `time` belongs to, in tiles of a width that no cell's border crosses. */
export function tileStart(widthMs: number, cutter: Cutter | null, time: number): number {
  const start = widthMs === UNBOUNDED ? -UNBOUNDED : Math.floor(time / widthMs) * widthMs
  return cutter === null ? start : Math.max(start, cutter.floor(time))
}

/** The end of the tile that holds `time`. */
export function tileEnd(widthMs: number, cutter: Cutter | null, time: number): number {
  const end = widthMs === UNBOUNDED ? UNBOUNDED : Math.floor(time / widthMs) * widthMs + widthMs
  return cutter === null ? end : Math.min(end, cutter.next(cutter.floor(time)))
}

/** Filters applied to rows that are being folded, by filter and by what the rows count. */
export interface FoldMasks {
  /** Rows that come in, by filter; the last is for no filter. Null admits all. */
  readonly added: readonly (Uint8Array | null)[]
  /** Rows that are taken out, by accumulator; null when there are none. */
  readonly removed: readonly Uint8Array[] | null
}

/** The tiles of one width, oldest first, as a struct of arrays: start, first and last row time, and a column an accumulator. */
export class TileLevel {
  readonly widthMs: number
  readonly cutter: Cutter | null
  /** The first time that a tile could hold; minus infinity for the one tile of everything. */
  starts: number[] = []
  /** Event times of its first and last row. */
  firsts: number[] = []
  lasts: number[] = []
  /** By accumulator; null where this level keeps none. */
  readonly columns: readonly (Column | null)[]
  /** The accumulators that this level keeps. */
  readonly kept: readonly number[]
  /** Made when a long range is read: most states are written to, or read once. */
  private blocks: TileBlocks | null = null
  private readonly plan: ViewPlan

  constructor(level: LevelPlan, cutter: Cutter | null, plan: ViewPlan) {
    this.widthMs = level.widthMs
    this.cutter = cutter
    this.plan = plan
    this.kept = level.accumulators
    this.columns = plan.accumulators.map((accumulator, i) =>
      level.accumulators.includes(i) ? accumulator.create() : null,
    )
  }

  get length(): number {
    return this.starts.length
  }

  /** The start of the tile that `time` belongs to. */
  startOf(time: number): number {
    return tileStart(this.widthMs, this.cutter, time)
  }

  /** The end of the tile that holds `time`. */
  endOf(time: number): number {
    return tileEnd(this.widthMs, this.cutter, time)
  }

  /** The first place whose tile starts at or after `time`. */
  lowerBound(time: number): number {
    const { starts } = this
    let low = 0
    let high = starts.length
    // Levels hold stretches of time one after another: most of them are wholly before it or wholly after.
    if (high === 0 || (starts[0] as number) >= time) return 0
    if ((starts[high - 1] as number) < time) return high
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((starts[middle] as number) < time) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The place of the tile with this start, made empty if there is none yet. */
  place(start: number): number {
    let at = this.starts.length
    while (at > 0 && (this.starts[at - 1] as number) > start) at--
    if (at > 0 && this.starts[at - 1] === start) return at - 1
    this.starts.splice(at, 0, start)
    this.firsts.splice(at, 0, Number.POSITIVE_INFINITY)
    this.lasts.splice(at, 0, Number.NEGATIVE_INFINITY)
    for (const i of this.kept) (this.columns[i] as Column).insert(at)
    this.blocks?.insert(at, this.starts.length)
    return at
  }

  /** Folds the rows `[from, to)`, all of one tile, into the tile at `at`. */
  foldRows(at: number, rows: Rows, from: number, to: number, { added, removed }: FoldMasks): void {
    this.widen(at, rows.times[from] as number, rows.times[to - 1] as number)
    for (const i of this.kept) {
      const column = this.columns[i] as Column
      const filter = this.plan.foldFilters[i] as number
      column.update(at, rows, from, to, added[filter] as Uint8Array | null)
      if (removed === null) continue
      if (column.retract === undefined) throw new Error('a row is taken back that its feature cannot take back')
      column.retract(at, rows, from, to, removed[i] as Uint8Array)
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
    this.blocks?.touch(at)
    if (first < (this.firsts[at] as number)) this.firsts[at] = first
    if (last > (this.lasts[at] as number)) this.lasts[at] = last
  }

  /** Merges the tiles `[from, to)` of an accumulator, if this level keeps it, into cell 0 of a running column. */
  mergeInto(running: Column, accumulator: number, from: number, to: number): void {
    const column = this.columns[accumulator]
    if (!column) return
    if (to - from >= LEAST_BLOCKS) this.blocks ??= new TileBlocks(this.plan.accumulators.length)
    if (this.blocks === null) {
      running.merge(0, column, from, to)
      return
    }
    const { create } = this.plan.accumulators[accumulator] as AccumulatorPlan
    this.blocks.merge(running, accumulator, column, create, from, to)
  }

  renumber(parts: readonly number[]): void {
    for (const i of this.kept) (this.columns[i] as Column).renumber?.(parts)
    this.blocks = null
  }

  dropFirst(count: number): void {
    if (count === 0) return
    this.blocks?.dropFirst(count)
    this.starts.splice(0, count)
    this.firsts.splice(0, count)
    this.lasts.splice(0, count)
    for (const i of this.kept) (this.columns[i] as Column).dropFirst(count)
  }
}
