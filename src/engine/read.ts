import type { Column } from './aggregate.ts'
import { leadingEdge, type StateClock, trailingEdge } from './edges.ts'
import type { JoinPlan } from './join-plan.ts'
import { joinRows } from './join-rows.ts'
import { type FeaturePlan, NO_FILTER, type ViewPlan } from './plan.ts'
import { RowMasks } from './row-masks.ts'
import type { Rows } from './rows.ts'
import { SessionScan, scanStretches } from './session.ts'
import type { Value } from './spec.ts'
import { type TailWindow, tailWindow } from './tail-window.ts'
import type { Track } from './track.ts'
import type { ViewState } from './view-state.ts'
import { compileGroups, compileTailGroups, type TailGroup, type WindowGroup, type WindowPlan } from './window-groups.ts'
import type { WindowShape } from './windows.ts'

/** Of several, the first holds: error, timeout (the server's), missing, expired, partial, empty, present. */
export type Status = 'error' | 'timeout' | 'missing' | 'expired' | 'partial' | 'empty' | 'present'

/** One value as read: `reason` says why for `error`. */
export interface FeatureValue {
  readonly value: Value
  readonly status: Status
  /** False when a tile that straddles the window's edge was counted whole, or not at all, and for an estimate. */
  readonly exact: boolean
  readonly reason?: 'overflow' | 'cap' | 'limit'
}

/** What a window came to: the totals are in the running columns, unless there is nothing to total. */
type Outcome = 'totals' | 'nothing' | 'limit'

/**
 * Reads features of one view at a request time. One pass from the newest row to the oldest tile serves all windows of a
 * group: a longer window goes on where the shorter one stopped. Reused between reads; it keeps no state of its own.
 */
export class ViewReader {
  /** As it was declared. */
  readonly view: ViewPlan
  /** Of a join that of its joined rows. */
  readonly plan: ViewPlan
  private readonly join: JoinPlan | null
  /** How far back from t its features read. */
  private readonly reachMs: number
  private readonly features: readonly FeaturePlan[]
  private readonly groups: readonly WindowGroup[]
  private readonly tailGroups: readonly TailGroup[]
  private readonly running: readonly Column[]
  private readonly masks: RowMasks
  private readonly tailMasks: RowMasks
  /** By feature index: its running totals, in the order its computation wants, and their places. */
  private readonly columnsOf: readonly (readonly Column[])[]
  private readonly placesOf: readonly (readonly number[])[]

  /** Reads these features of a view, or all of them. */
  constructor(view: ViewPlan, features: readonly FeaturePlan[] = view.features) {
    const plan = view.join?.pairs ?? view
    this.view = view
    this.plan = plan
    this.join = view.join
    this.reachMs = Math.max(0, ...features.map((feature) => feature.window.reachMs))
    this.features = features
    this.groups = compileGroups(features, plan.fineMs)
    this.tailGroups = compileTailGroups(features)
    const needed = features.flatMap((f) => f.accumulators.map((i) => plan.accumulators[i]?.filter ?? NO_FILTER))
    const filters = [...new Set(needed)].filter((filter) => filter !== NO_FILTER)
    this.masks = new RowMasks(plan, filters)
    this.tailMasks = new RowMasks(plan, filters)
    this.running = plan.accumulators.map((accumulator) => {
      const column = accumulator.create()
      column.insert(0)
      return column
    })
    this.columnsOf = plan.features.map((feature) => feature.accumulators.map((i) => this.running[i] as Column))
    this.placesOf = plan.features.map((feature) => feature.accumulators.map(() => 0))
  }

  /**
   * Its features at `t`, into `out` by feature index. `state` is settled; null for an entity without rows in this view.
   * `since`, by feature index: from when on its history is complete, in ms.
   */
  read(state: ViewState | null, mark: number, t: number, since: ArrayLike<number>, out: FeatureValue[]): void {
    const { join } = this
    if (join === null) {
      this.readRows(state, mark, t, since, out)
      return
    }
    // What was joined to a row may have come before the window begins.
    const complete = Array.from(since, (ms) => ms + join.lagMs)
    const pairs = state && joinRows(join, state, t, t - this.reachMs).state
    this.readRows(pairs, mark, t, complete, out)
  }

  private readRows(
    state: ViewState | null,
    mark: number,
    t: number,
    since: ArrayLike<number>,
    out: FeatureValue[],
  ): void {
    if (state === null) {
      for (const feature of this.features) {
        const partial = feature.window.startOf(t, feature.window.endOf(t)) < (since[feature.index] as number)
        out[feature.index] = { value: emptyOf(feature), status: partial ? 'partial' : 'empty', exact: true }
      }
      return
    }
    this.masks.apply(state.rows)
    const clock = { mark, latenessMs: this.plan.spec.allowedLatenessMs, fineMs: this.plan.fineMs }
    for (const group of this.groups) this.readGroup(group, state, clock, t, since, out)
    if (this.tailGroups.length === 0) return
    for (const group of this.tailGroups) this.readTail(group, state, t, since, out)
  }

  private readGroup(
    group: WindowGroup,
    { rows, tracks }: ViewState,
    clock: StateClock,
    t: number,
    since: ArrayLike<number>,
    out: FeatureValue[],
  ): void {
    const track = tracks[group.track] as Track
    const { levels } = track
    const [shortest] = group.windows as [WindowPlan]
    const end = shortest.shape.endOf(t)
    const lead = leadingEdge(track, clock, end, group.leadTileMs)
    const ends = levels.map((level) => level.lowerBound(lead.from))
    let upTo = rows.lowerBound(end)
    for (const i of shortest.accumulators) this.running[i]?.clear(0)
    for (const window of group.windows) {
      const { shape } = window
      let start = shape.startOf(t, end)
      let complete = start
      if (shape.spec.kind === 'session') {
        const scan = new SessionScan(shape.spec)
        scanStretches(scan, shape.tileMs, rows, upTo, levels, ends)
        const session = scan.end(t)
        if (session.kind !== 'session') {
          const outcome = session.kind === 'none' ? 'nothing' : 'limit'
          this.finishAll(window.features, outcome, t, start, lead.exact, since, out)
          continue
        }
        start = session.first
        complete = start - shape.spec.gapMs
      }
      const from = rows.lowerBound(start)
      const trail = trailingEdge(track, clock, start, shape.tileMs)
      for (let l = 0; l < levels.length; l++) {
        const level = levels[l]
        const to = ends[l] as number
        if (level === undefined || to === 0) continue
        const first = level.lowerBound(trail.from)
        if (first >= to) continue
        for (const i of window.accumulators) level.mergeInto(this.running[i] as Column, i, first, to)
        ends[l] = first
      }
      this.takeRows(window.accumulators, rows, this.masks, from, upTo)
      upTo = Math.min(upTo, from)
      this.finishAll(window.features, 'totals', t, complete, lead.exact && trail.exact, since, out)
    }
  }

  private takeRows(accumulators: readonly number[], rows: Rows, masks: RowMasks, from: number, to: number): void {
    if (from >= to) return
    for (const i of accumulators) {
      this.running[i]?.update(0, rows, from, to, masks.of(this.plan.accumulators[i]?.filter ?? NO_FILTER))
    }
  }

  private readTail(
    { shape, limit, features, accumulators }: TailGroup,
    state: ViewState,
    t: number,
    since: ArrayLike<number>,
    out: FeatureValue[],
  ): void {
    const found = tailWindow(state, shape, limit, t)
    if (found.kind !== 'window') {
      this.finishAll(features, found.kind, t, found.complete, true, since, out)
      return
    }
    for (const i of accumulators) this.running[i]?.clear(0)
    if (state.tail) this.tailMasks.apply(state.tail.rows, ...found.tail)
    if (state.tail) this.takeRows(accumulators, state.tail.rows, this.tailMasks, ...found.tail)
    this.takeRows(accumulators, state.rows, this.masks, ...found.rows)
    for (const feature of features) {
      const lacks = found.mayLack && this.admitted(feature, state, found) < lastRows(shape)
      this.finishAll([feature], lacks ? 'limit' : 'totals', t, found.complete, true, since, out)
    }
  }

  /** How many kept rows of a window a feature's filter admits. */
  private admitted(feature: FeaturePlan, { rows, tail }: ViewState, found: TailWindow & { kind: 'window' }): number {
    const ofRows = admittedRows(rows, this.masks.of(feature.filter), ...found.rows)
    return tail === null ? ofRows : ofRows + admittedRows(tail.rows, this.tailMasks.of(feature.filter), ...found.tail)
  }

  /** `complete`: from when on the history must be complete for the value not to be partial. */
  private finishAll(
    features: readonly FeaturePlan[],
    outcome: Outcome,
    t: number,
    complete: number,
    exact: boolean,
    since: ArrayLike<number>,
    out: FeatureValue[],
  ): void {
    for (const feature of features) {
      const partial = complete < (since[feature.index] as number)
      out[feature.index] = this.finish(feature, outcome, t, partial, exact)
    }
  }

  private finish(feature: FeaturePlan, outcome: Outcome, t: number, partial: boolean, exact: boolean): FeatureValue {
    if (outcome === 'limit') return failed(feature, 'limit', exact)
    if (outcome === 'nothing') return { value: emptyOf(feature), status: partial ? 'partial' : 'empty', exact }
    const columns = this.columnsOf[feature.index] as readonly Column[]
    const result = feature.computation.finalise(columns, this.placesOf[feature.index] as readonly number[], { t })
    if ('error' in result) return failed(feature, result.error, exact)
    if (result.isEmpty) return { value: emptyOf(feature), status: partial ? 'partial' : 'empty', exact }
    if (isExpired(feature, result.timeMs, t)) return { value: emptyOf(feature), status: 'expired', exact }
    const status = partial ? 'partial' : 'present'
    return { value: result.value, status, exact: exact && result.isApproximate !== true }
  }
}

/** As a window of that width would begin: what is just as old still counts. */
const isExpired = ({ spec }: FeaturePlan, timeMs: number | undefined, t: number): boolean =>
  spec.ttlMs !== undefined && timeMs !== undefined && timeMs < t - spec.ttlMs

const lastRows = ({ spec }: WindowShape): number => (spec.kind === 'lastN' ? spec.rows : 0)

function admittedRows(rows: Rows, mask: Uint8Array | null, from: number, to: number): number {
  let count = 0
  for (let at = from; at < to; at++) count += mask === null ? rows.signAt(at) : (mask[at] as number)
  return count
}

function failed(feature: FeaturePlan, reason: 'overflow' | 'cap' | 'limit', exact: boolean): FeatureValue {
  return { value: feature.spec.default ?? null, status: 'error', exact, reason }
}

/** What a feature gives for an empty window: its default, else the empty value of its aggregate. */
export function emptyOf(feature: FeaturePlan): Value {
  return feature.spec.default ?? feature.computation.empty
}
