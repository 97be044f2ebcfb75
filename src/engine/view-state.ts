import type { Column } from './aggregate.ts'
import { UNBOUNDED, type ViewPlan } from './plan.ts'
import { Rows } from './rows.ts'
import type { Value } from './spec.ts'
import { TileLevel } from './tiles.ts'

/** Rows beyond R are folded together, this many at a time: folding one by one would move the arrays for each row. */
const FOLD_SLACK = 32

/**
 * The state of one entity in one view: the newest R rows, and tiles of what is older. After `settle` it is a function of
 * the set of applied rows and the mark alone, whatever the order in which they came.
 */
export class ViewState {
  readonly plan: ViewPlan
  readonly rows: Rows
  readonly levels: readonly TileLevel[]
  /** `floors[i]`: level i holds what is at or after it (and before `floors[i - 1]`); older joins the next level. */
  readonly floors: number[]
  /** The mark at which some floor moves next. */
  private nextMark = Number.NEGATIVE_INFINITY

  constructor(plan: ViewPlan) {
    this.plan = plan
    this.rows = new Rows(plan.fields.length)
    this.levels = plan.levels.map((level) => new TileLevel(level, plan))
    this.floors = plan.levels.map(() => Number.NEGATIVE_INFINITY)
  }

  /** Whether everything it ever had is pruned: then it is the same as a view without a row. */
  get isEmpty(): boolean {
    return this.rows.length === 0 && this.levels.every((level) => level.length === 0)
  }

  /** The newest event time before t that it still knows, or null. A tile that reaches past t is passed over. */
  newestBefore(t: number): number | null {
    const at = this.rows.lowerBound(t) - 1
    if (at >= 0) return this.rows.times[at] as number
    for (const level of this.levels) {
      for (let i = level.length - 1; i >= 0; i--) if ((level.lasts[i] as number) < t) return level.lasts[i] as number
    }
    return null
  }

  /** Takes in one row. The caller has moved the entity's mark; `settle` sees it later. */
  apply(time: number, part: number, seq: number, values: readonly Value[]): void {
    if (time < (this.floors[this.floors.length - 1] as number)) return
    this.rows.push(time, part, seq, values)
    if (this.rows.length >= this.plan.spec.exactRows + FOLD_SLACK) this.foldSurplus()
  }

  /** Brings the state to its canonical form for a mark: folds what is beyond R, moves tiles on, prunes. */
  settle(mark: number): void {
    this.rows.sort()
    if (mark >= this.nextMark) this.moveFloors(mark)
    this.foldSurplus()
  }

  private foldSurplus(): void {
    const surplus = this.rows.length - this.plan.spec.exactRows
    if (surplus <= 0) return
    this.rows.sort()
    this.foldRows(surplus)
    this.rows.dropFirst(surplus)
  }

  private foldRows(count: number): void {
    const { rows, plan } = this
    const masks = plan.filters.map((filter) => {
      const mask = new Uint8Array(count)
      filter(rows, 0, count, mask)
      return mask
    })
    for (let from = 0; from < count; ) {
      const time = rows.times[from] as number
      const level = this.levelOf(time)
      let to = from + 1
      if (level === undefined) {
        from = to
        continue
      }
      const index = level.indexOf(time)
      const ceiling = this.ceilingOf(level)
      while (to < count && level.indexOf(rows.times[to] as number) === index && (rows.times[to] as number) < ceiling)
        to++
      level.foldRows(level.place(index), rows, from, to, plan, masks)
      from = to
    }
  }

  /** The level that data of this time is kept in; undefined when no feature can read it any more. */
  private levelOf(time: number): TileLevel | undefined {
    for (let i = 0; i < this.floors.length; i++) if (time >= (this.floors[i] as number)) return this.levels[i]
    return undefined
  }

  private ceilingOf(level: TileLevel): number {
    const i = this.levels.indexOf(level)
    return i === 0 ? UNBOUNDED : (this.floors[i - 1] as number)
  }

  private moveFloors(mark: number): void {
    const oldest = floorsAt(this.plan, mark, this.floors)
    this.nextMark = nextMarkAfter(this.plan, mark)
    for (let i = 0; i < this.levels.length; i++) {
      const level = this.levels[i] as TileLevel
      const leaving = level.lowerBound(this.floors[i] as number)
      for (let at = 0; at < leaving; at++) {
        const start = level.startOf(at)
        const next = this.levelOf(start)
        if (next !== undefined) next.foldTile(next.place(next.indexOf(start)), level, at)
      }
      level.dropFirst(leaving)
    }
    this.rows.dropFirst(this.rows.lowerBound(oldest))
  }

  /** Takes in the state of the same view from another part; both must be settled at the same mark. */
  absorb(other: ViewState): void {
    other.levels.forEach((level, i) => {
      const own = this.levels[i] as TileLevel
      for (let at = 0; at < level.length; at++) own.foldTile(own.place(level.indexes[at] as number), level, at)
    })
    const { rows } = other
    for (let i = 0; i < rows.length; i++) {
      this.rows.push(rows.times[i] as number, rows.parts[i] as number, rows.seqs[i] as number, rows.valuesAt(i))
    }
    this.rows.sort()
    this.foldSurplus()
  }

  /** Renames parts after a change of the entity's part table. */
  renumber(parts: readonly number[]): void {
    this.rows.parts = this.rows.parts.map((part) => parts[part] as number)
    for (const level of this.levels) for (const i of level.kept) (level.columns[i] as Column).renumber?.(parts)
  }
}

/** Where a level's reach ends, on its own grid: everything below is wholly out of it. */
function ownFloor(plan: ViewPlan, i: number, mark: number): number {
  const level = plan.levels[i]
  if (level === undefined || level.widthMs === UNBOUNDED) return Number.NEGATIVE_INFINITY
  return Math.floor((mark - plan.spec.allowedLatenessMs - level.reachMs) / level.widthMs) * level.widthMs
}

/** Fills `floors` for a mark, and returns the lowest: what is older is read by nothing. */
function floorsAt(plan: ViewPlan, mark: number, floors: number[]): number {
  let lowest = UNBOUNDED
  for (let i = 0; i < plan.levels.length; i++) {
    lowest = Math.min(lowest, ownFloor(plan, i, mark))
    floors[i] = lowest
  }
  return lowest
}

/** Before this time a row is out of every reach and lateness of the view: it would contribute nothing. */
export function oldestReadable(plan: ViewPlan, mark: number): number {
  let lowest = UNBOUNDED
  for (let i = 0; i < plan.levels.length; i++) lowest = Math.min(lowest, ownFloor(plan, i, mark))
  return lowest
}

function nextMarkAfter(plan: ViewPlan, mark: number): number {
  let next = UNBOUNDED
  for (let i = 0; i < plan.levels.length; i++) {
    const level = plan.levels[i]
    const floor = ownFloor(plan, i, mark)
    if (level === undefined || floor === Number.NEGATIVE_INFINITY) continue
    next = Math.min(next, floor + level.widthMs + level.reachMs + plan.spec.allowedLatenessMs)
  }
  return next
}
