import type { ViewPlan } from './plan.ts'
import { Rows } from './rows.ts'
import type { Value } from './spec.ts'
import { Tail, tailFloor } from './tail.ts'
import type { FoldMasks } from './tiles.ts'
import { levelFloorOf, Track } from './track.ts'
import { UNBOUNDED } from './windows.ts'

/** Rows beyond R are folded together, this many at a time: folding one by one would move the arrays for each row. */
const FOLD_SLACK = 32

/**
 * The state of one entity in one view: the newest R rows, and tiles of what is older. After `settle` it is a function of
 * the set of applied rows and the mark alone, whatever the order in which they came.
 */
export class ViewState {
  readonly plan: ViewPlan
  readonly rows: Rows
  readonly tracks: readonly Track[]
  readonly tail: Tail | null
  /**
   * For each accumulator that came to the view later, by part: the last commit that it has not seen. A row up to there that
   * is taken back was never counted by it.
   */
  readonly unseen = new Map<number, number[]>()
  /** What is older is read by nothing. */
  private oldest = -UNBOUNDED
  /** The mark at which something moves next. */
  private nextMark = -UNBOUNDED

  constructor(plan: ViewPlan) {
    this.plan = plan
    this.rows = new Rows(plan.fields.length)
    this.tracks = plan.tracks.map((track) => new Track(track, plan))
    this.tail = plan.tail === null ? null : new Tail(plan.tail, plan)
  }

  /** Whether everything it ever had is pruned: then it is the same as a view without a row. */
  get isEmpty(): boolean {
    return (
      this.rows.length === 0 &&
      this.tracks.every((track) => track.isEmpty) &&
      (this.tail === null || (this.tail.rows.length === 0 && this.tail.letGo === -UNBOUNDED))
    )
  }

  /** The newest event time before t that it still knows, or null. A tile that reaches past t is passed over. */
  newestBefore(t: number): number | null {
    const { rows, tail } = this
    const at = rows.lowerBound(t) - 1
    if (at >= 0) return rows.times[at] as number
    const older = tail === null ? -1 : tail.rows.lowerBound(t) - 1
    let newest = older >= 0 ? (tail?.rows.times[older] as number) : -UNBOUNDED
    for (const { levels } of this.tracks) {
      const lasts = levels.flatMap((level) => level.lasts.filter((last) => last < t).slice(-1))
      newest = Math.max(newest, ...lasts)
    }
    return newest === -UNBOUNDED ? null : newest
  }

  /**
   * Takes in one row. The caller has moved the entity's mark; `settle` sees it later. With sign -1 the row of this order key
   * is taken back, with the values that it came with; it may come before the row itself.
   */
  apply(time: number, part: number, seq: number, values: readonly Value[], sign: 1 | -1 = 1): void {
    if (time < this.oldest) return
    this.rows.push(time, part, seq, values, sign)
    if (this.rows.length >= this.plan.spec.exactRows + FOLD_SLACK) this.foldSurplus()
  }

  /** Brings the state to its canonical form for a mark: folds what is beyond R, moves tiles on, prunes. */
  settle(mark: number): void {
    this.rows.sort()
    if (mark >= this.nextMark) this.moveTo(mark)
    this.foldSurplus()
  }

  private foldSurplus(): void {
    if (this.rows.length <= this.plan.spec.exactRows) return
    this.rows.sort()
    const surplus = this.rows.length - this.plan.spec.exactRows
    if (surplus <= 0) return
    const masks = this.masksOf(surplus)
    for (const track of this.tracks) track.foldRows(this.rows, surplus, masks)
    this.tail?.push(this.rows, surplus)
    this.rows.dropFirst(surplus)
  }

  private masksOf(count: number): FoldMasks {
    const { rows, plan } = this
    const admitted = plan.filters.map((filter) => {
      const mask = new Uint8Array(count)
      filter(rows, 0, count, mask)
      return mask
    })
    const signs = rows.signs?.slice(0, count)
    if (signs === undefined || signs.every((sign) => sign === 1)) return { added: [...admitted, null], removed: null }
    const masksOf = (wanted: 1 | -1) => {
      const own = Uint8Array.from(signs, (sign) => (sign === wanted ? 1 : 0))
      return [...admitted.map((mask) => mask.map((bit, i) => bit & (own[i] as number))), own]
    }
    const added = masksOf(1)
    if (!signs.includes(-1)) return { added, removed: null }
    const removed = masksOf(-1)
    return { added, removed: plan.foldFilters.map((filter, i) => this.seenBy(i, removed[filter] as Uint8Array)) }
  }

  /** A mask of the oldest rows without those that an accumulator has never seen. */
  private seenBy(accumulator: number, mask: Uint8Array): Uint8Array {
    const unseen = this.unseen.get(accumulator)
    if (unseen === undefined) return mask
    const { parts, seqs } = this.rows
    return mask.map((bit, i) => ((seqs[i] as number) > (unseen[parts[i] as number] ?? 0) ? bit : 0))
  }

  private moveTo(mark: number): void {
    const { plan } = this
    const { allowedLatenessMs } = plan.spec
    this.oldest = oldestReadable(plan, mark)
    this.nextMark = UNBOUNDED
    for (const track of this.tracks) {
      track.moveTo(mark, allowedLatenessMs)
      this.nextMark = Math.min(this.nextMark, track.nextMark(mark, allowedLatenessMs))
    }
    if (this.tail !== null) {
      this.tail.moveTo(mark - allowedLatenessMs)
      this.nextMark = Math.min(this.nextMark, this.tail.nextMark(allowedLatenessMs))
    }
    this.rows.dropFirst(this.rows.lowerBound(this.oldest))
  }

  /** Takes in the state of the same view from another part; both must be settled at the same mark. */
  absorb(other: ViewState): void {
    other.tracks.forEach((track, i) => {
      ;(this.tracks[i] as Track).absorb(track)
    })
    if (other.tail !== null) this.tail?.absorb(other.tail)
    for (const [accumulator, commits] of other.unseen) {
      const own = this.unseen.get(accumulator) ?? []
      this.unseen.set(
        accumulator,
        Array.from({ length: Math.max(own.length, commits.length) }, (_, part) =>
          Math.max(own[part] ?? 0, commits[part] ?? 0),
        ),
      )
    }
    for (let at = 0; at < other.rows.length; at++) this.rows.pushFrom(other.rows, at)
    this.rows.sort()
    this.foldSurplus()
  }

  /** Renames parts after a change of the entity's part table. */
  renumber(parts: readonly number[]): void {
    for (const rows of [this.rows, this.tail?.rows])
      if (rows) rows.parts = rows.parts.map((part) => parts[part] as number)
    for (const track of this.tracks) track.renumber(parts)
    for (const [accumulator, commits] of this.unseen) {
      const renamed: number[] = []
      for (let part = 0; part < commits.length; part++) renamed[parts[part] as number] = commits[part] as number
      this.unseen.set(
        accumulator,
        Array.from(renamed, (commit) => commit ?? 0),
      )
    }
  }
}

/** Before this time a row is out of every reach and lateness of the view: it would contribute nothing. */
export function oldestReadable(plan: ViewPlan, mark: number): number {
  const recent = mark - plan.spec.allowedLatenessMs
  let oldest = plan.tail === null ? UNBOUNDED : tailFloor(plan.tail, recent)
  for (const track of plan.tracks) {
    for (const level of track.levels) oldest = Math.min(oldest, levelFloorOf(level, track.cutter, recent))
  }
  return oldest
}
