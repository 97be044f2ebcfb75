import type { Column, Finalised } from './aggregate.ts'
import {
  compileGroups,
  type FeaturePlan,
  NO_FILTER,
  UNBOUNDED,
  type ViewPlan,
  type WindowGroup,
  type WindowPlan,
} from './plan.ts'
import type { Value } from './spec.ts'
import type { ViewState } from './view-state.ts'

/** Of several, the first holds: error, missing, partial, empty, present. (timeout and expired are the server's.) */
export type Status = 'error' | 'timeout' | 'missing' | 'expired' | 'partial' | 'empty' | 'present'

/** One value as read: `reason` says why for `error`. */
export interface FeatureValue {
  readonly value: Value
  readonly status: Status
  /** False when a tile that straddles the window's edge was counted whole, or not at all. */
  readonly exact: boolean
  readonly reason?: 'overflow'
}

/** Where a window ends among the tiles, and whether a tile in doubt was there. */
interface Edge {
  /** Tiles that start at or after it are inside (trailing edge), or outside (leading edge). */
  readonly from: number
  readonly exact: boolean
}

/**
 * Reads features of one view at a request time. One pass from the newest row to the oldest tile serves all windows of a
 * group: a longer window goes on where the shorter one stopped. Reused between reads; it keeps no state of its own.
 */
export class ViewReader {
  readonly plan: ViewPlan
  private readonly features: readonly FeaturePlan[]
  private readonly groups: readonly WindowGroup[]
  private readonly filters: readonly number[]
  private readonly running: readonly Column[]
  private readonly masks: Uint8Array[]
  /** By feature index: its running totals, in the order its aggregate wants. */
  private readonly columnsOf: readonly (readonly Column[])[]

  /** Reads these features of a view, or all of them. */
  constructor(plan: ViewPlan, features: readonly FeaturePlan[] = plan.features) {
    this.plan = plan
    this.features = features
    this.groups = compileGroups(features, plan.fineMs)
    const needed = features.flatMap((f) => f.accumulators.map((i) => plan.accumulators[i]?.filter ?? NO_FILTER))
    this.filters = [...new Set(needed)].filter((filter) => filter !== NO_FILTER)
    this.running = plan.accumulators.map((accumulator) => {
      const column = accumulator.spec.create(accumulator.field)
      column.insert(0)
      return column
    })
    this.columnsOf = plan.features.map((feature) => feature.accumulators.map((i) => this.running[i] as Column))
    this.masks = plan.filters.map(() => new Uint8Array(plan.spec.exactRows))
  }

  /**
   * Its features at `t`, into `out` by feature index. `state` is settled; null for an entity without rows in this view.
   * `since`, by feature index: from when on its history is complete, in ms.
   */
  read(state: ViewState | null, mark: number, t: number, since: ArrayLike<number>, out: FeatureValue[]): void {
    if (state === null) {
      for (const feature of this.features) out[feature.index] = emptyValue(feature, t, since)
      return
    }
    const { rows } = state
    for (const i of this.filters) this.plan.filters[i]?.(rows, 0, rows.length, this.masks[i] as Uint8Array)
    for (const group of this.groups) this.readGroup(group, state, mark, t, since, out)
  }

  private readGroup(
    group: WindowGroup,
    state: ViewState,
    mark: number,
    t: number,
    since: ArrayLike<number>,
    out: FeatureValue[],
  ): void {
    const { rows, levels } = state
    const end = t - group.delayMs
    const lead = leadingEdge(state, mark, end, group.leadTileMs)
    const lengths = levels.map((level) => level.lowerBound(lead.from))
    let upTo = rows.lowerBound(end)
    for (const i of group.windows[0]?.accumulators ?? []) this.running[i]?.clear(0)
    for (const window of group.windows) {
      const start = end - window.widthMs
      const from = rows.lowerBound(start)
      const trail = trailingEdge(state, mark, start, window)
      for (let l = 0; l < levels.length; l++) {
        const level = levels[l]
        const to = lengths[l] as number
        if (level === undefined || to === 0) continue
        const first = level.lowerBound(trail.from)
        if (first >= to) continue
        for (const i of window.accumulators) {
          const column = level.columns[i]
          if (column) this.running[i]?.merge(0, column, first, to)
        }
        lengths[l] = first
      }
      if (from < upTo) {
        for (const i of window.accumulators) {
          const filter = this.plan.accumulators[i]?.filter ?? NO_FILTER
          this.running[i]?.update(0, rows, from, upTo, this.masks[filter] ?? null)
        }
        upTo = from
      }
      const exact = lead.exact && trail.exact
      for (const feature of window.features) {
        out[feature.index] = this.finish(feature, start < (since[feature.index] as number), exact)
      }
    }
  }

  private finish(feature: FeaturePlan, partial: boolean, exact: boolean): FeatureValue {
    const result: Finalised = feature.aggregate.finalise(this.columnsOf[feature.index] as Column[], feature.fieldType)
    if ('error' in result) return { value: feature.spec.default ?? null, status: 'error', exact, reason: result.error }
    if (result.isEmpty) return { value: emptyOf(feature), status: partial ? 'partial' : 'empty', exact }
    return { value: result.value, status: partial ? 'partial' : 'present', exact }
  }
}

function emptyValue(feature: FeaturePlan, t: number, since: ArrayLike<number>): FeatureValue {
  const { window } = feature.spec
  const start = window.kind === 'lifetime' ? -UNBOUNDED : t - window.delayMs - window.widthMs
  const partial = start < (since[feature.index] as number)
  return { value: emptyOf(feature), status: partial ? 'partial' : 'empty', exact: true }
}

/** What a feature gives for an empty window: its default, else the aggregate's empty value. */
export function emptyOf(feature: FeaturePlan): Value {
  return feature.spec.default ?? feature.aggregate.empty
}

/** The first and last time of the rows folded into the tile of width `tileMs` that holds `time`, and its bounds. */
function tileAround(state: ViewState, mark: number, time: number, tileMs: number) {
  const { fineMs, spec } = state.plan
  const recent = mark - spec.allowedLatenessMs
  const fineStart = Math.floor(time / fineMs) * fineMs
  let from: number
  let to: number
  if (tileMs <= fineMs) {
    from = Math.floor(time / tileMs) * tileMs
    to = from + tileMs
  } else if (fineStart + fineMs > recent) {
    from = fineStart
    to = fineStart + fineMs
  } else {
    // The rows of a wide tile that are not yet wholly older than the lateness are still in fine tiles of their own.
    from = tileMs === UNBOUNDED ? -UNBOUNDED : Math.floor(time / tileMs) * tileMs
    to = Math.min(from + tileMs, Math.floor(recent / fineMs) * fineMs)
  }
  let first = UNBOUNDED
  let last = -UNBOUNDED
  for (const level of state.levels) {
    if (level.length === 0) continue
    let low = level.lowerBound(from)
    const high = level.lowerBound(to)
    // A tile that is wider than this definition would have it, from before the view was changed: it is cut as a whole.
    if (low > 0 && (level.lasts[low - 1] as number) >= time) from = Math.min(from, level.startOf(--low))
    if (low >= high) continue
    first = Math.min(first, level.firsts[low] as number)
    last = Math.max(last, level.lasts[high - 1] as number)
  }
  return { from, to, first, last }
}

/** At the trailing edge a tile in doubt counts whole. */
function trailingEdge(state: ViewState, mark: number, start: number, window: WindowPlan): Edge {
  if (start === -UNBOUNDED) return { from: start, exact: true }
  const tile = tileAround(state, mark, start, window.tileMs)
  if (tile.last < start) return { from: tile.to, exact: true }
  return { from: tile.from, exact: tile.first >= start }
}

/** At the leading edge a tile in doubt does not count: an event at or after the end never does. */
function leadingEdge(state: ViewState, mark: number, end: number, tileMs: number): Edge {
  const tile = tileAround(state, mark, end, tileMs)
  if (tile.last < end) return { from: tile.to, exact: true }
  return { from: tile.from, exact: tile.first >= end }
}
