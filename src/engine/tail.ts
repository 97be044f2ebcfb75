import type { TailPlan, ViewPlan } from './plan.ts'
import { Rows } from './rows.ts'
import { UNBOUNDED } from './windows.ts'

/**
 * The rows that are folded into tiles but kept as rows all the same, for features with `tail: 'exact'`: with the newest R
 * they are the newest `limit` of the view.
 */
export class Tail {
  readonly rows: Rows
  /** Time of the newest row that is kept nowhere because there were too many; minus infinity when there is none in reach. */
  letGo = -UNBOUNDED
  private floor = -UNBOUNDED
  private readonly plan: TailPlan
  private readonly most: number

  constructor(plan: TailPlan, view: ViewPlan) {
    this.plan = plan
    this.rows = new Rows(view.fields.length)
    this.most = Math.max(0, plan.rows - view.spec.exactRows)
  }

  /** Takes in the rows `[0, count)` that are being folded. */
  push(rows: Rows, count: number): void {
    for (let at = rows.lowerBound(this.floor); at < count; at++) this.rows.pushFrom(rows, at)
    this.trim()
  }

  /** Lets go of what is more than the newest `limit` less R. */
  trim(): void {
    this.rows.sort()
    const surplus = this.rows.length - this.most
    if (surplus <= 0) return
    this.letGo = Math.max(this.letGo, this.rows.times[surplus - 1] as number)
    this.rows.dropFirst(surplus)
  }

  /** Forgets what is out of reach; `recent` is the mark less the lateness. */
  moveTo(recent: number): void {
    this.floor = tailFloor(this.plan, recent)
    this.rows.sort()
    this.rows.dropFirst(this.rows.lowerBound(this.floor))
    if (this.letGo < this.floor) this.letGo = -UNBOUNDED
  }

  /** The mark from which on `moveTo` would move something. */
  nextMark(latenessMs: number): number {
    const { reachMs, stepMs } = this.plan
    return reachMs === UNBOUNDED ? UNBOUNDED : this.floor + stepMs + reachMs + latenessMs
  }

  /** Takes in the tail of the same view from another part. */
  absorb(other: Tail): void {
    this.letGo = Math.max(this.letGo, other.letGo)
    this.push(other.rows, other.rows.length)
  }
}

/** Before it, a row is out of reach of every feature that reads kept rows. */
export function tailFloor({ reachMs, stepMs }: TailPlan, recent: number): number {
  return reachMs === UNBOUNDED ? -UNBOUNDED : Math.floor((recent - reachMs) / stepMs) * stepMs
}
