import type { ViewPlan } from './plan.ts'
import type { Value } from './spec.ts'
import { ViewState } from './view-state.ts'

/** A shard at an epoch in a region: where commit numbers are counted. Parts are ordered by these three numbers. */
export interface Part {
  readonly region: number
  readonly epoch: number
  readonly shard: number
}

/** A part whose commits an entity has seen, and the last of them. */
export interface PartCommit extends Part {
  readonly seq: number
}

/** The views of one entity, in the order of the plan. A change of a definition is a new list. */
export type EntityPlan = readonly ViewPlan[]

export const comparePart = (a: Part, b: Part): number => a.region - b.region || a.epoch - b.epoch || a.shard - b.shard

/** The whole state of one entity: its mark, the commits it holds, and its state in each view. Mergeable. */
export class EntityState {
  readonly plan: EntityPlan
  /** Greatest `min(event time, arrival)` accepted, in ms; 0 before the first event. */
  mark = 0
  /** Sorted, so that a part's index orders like the part itself. */
  parts: PartCommit[] = []
  /** Null until the first row: most entities of a wide plan have rows in few views. */
  readonly views: (ViewState | null)[]

  constructor(plan: EntityPlan) {
    this.plan = plan
    this.views = plan.map(() => null)
  }

  /** Raises the mark by one accepted event. Before or after `apply`; also for an event that no view keeps. */
  raiseMark(time: number, availableAt: number): void {
    const candidate = Math.min(time, availableAt)
    if (candidate > this.mark) this.mark = candidate
  }

  /** Records a commit of a part and gives the part's index. */
  commit(part: Part, seq: number): number {
    let at = this.parts.findIndex((known) => comparePart(known, part) === 0)
    if (at < 0) at = this.addPart({ ...part, seq })
    if (seq > (this.parts[at] as PartCommit).seq) this.parts[at] = { ...(this.parts[at] as PartCommit), seq }
    return at
  }

  private addPart(part: PartCommit): number {
    const at = this.parts.filter((known) => comparePart(known, part) < 0).length
    const renamed = this.parts.map((_, i) => (i < at ? i : i + 1))
    this.parts.splice(at, 0, part)
    if (at < renamed.length) for (const view of this.views) view?.renumber(renamed)
    return at
  }

  /** One row of one view. `part` is what `commit` gave for its part. */
  apply(view: number, time: number, part: number, seq: number, values: readonly Value[]): void {
    this.openView(view).apply(time, part, seq, values)
  }

  /**
   * Takes one row of one view back. `time`, `part` and `seq` are its order key, `values` what it came with. The row may
   * come later. Its aggregates can take rows back, or the definition would have been refused.
   */
  retract(view: number, time: number, part: number, seq: number, values: readonly Value[]): void {
    this.openView(view).apply(time, part, seq, values, -1)
  }

  /** The state in a view, made empty if there is none. */
  openView(view: number): ViewState {
    const known = this.views[view]
    if (known) return known
    const created = new ViewState(this.plan[view] as ViewPlan)
    this.views[view] = created
    return created
  }

  /** Brings every view to its canonical form. Reads and encoding want this first. */
  settle(): void {
    for (const view of this.views) view?.settle(this.mark)
  }

  /**
   * Takes in another part's state of the same entity: afterwards this is the state of the union of both sets of events.
   * Commutative and associative; `other` is settled by it and otherwise unchanged.
   */
  merge(other: EntityState): void {
    const copy = other.clone()
    this.mark = Math.max(this.mark, copy.mark)
    copy.mark = this.mark
    for (const part of other.parts) this.commit(part, part.seq)
    for (const part of this.parts) copy.commit(part, 0)
    this.settle()
    copy.settle()
    copy.views.forEach((view, i) => {
      if (view === null) return
      const own = this.openView(i)
      own.settle(this.mark)
      own.absorb(view)
    })
  }

  clone(): EntityState {
    const copy = new EntityState(this.plan)
    copy.mark = this.mark
    copy.parts = [...this.parts]
    this.settle()
    this.views.forEach((view, i) => {
      if (!view) return
      const target = copy.openView(i)
      target.settle(this.mark)
      target.absorb(view)
    })
    return copy
  }
}
