import { NO_FILTER, type ViewPlan } from './plan.ts'
import type { Rows } from './rows.ts'

/** The filters of some features over kept rows, applied once a read. Reused between reads; it grows with the rows. */
export class RowMasks {
  private readonly plan: ViewPlan
  private readonly filters: readonly number[]
  private readonly masks: Uint8Array[]
  private live = new Uint8Array(0)
  private hasTombstones = false

  /** `filters`: the places of those that will be asked for. */
  constructor(plan: ViewPlan, filters: readonly number[]) {
    this.plan = plan
    this.filters = filters
    this.masks = plan.filters.map(() => new Uint8Array(0))
  }

  /** Applies the filters to the rows `[from, to)`; of others the masks say nothing. */
  apply(rows: Rows, from = 0, to = rows.length): void {
    const { length, signs } = rows
    this.hasTombstones = signs !== null
    if (signs !== null) this.live = Uint8Array.from(signs, (sign) => (sign === 1 ? 1 : 0))
    for (const i of this.filters) {
      if ((this.masks[i] as Uint8Array).length < length) this.masks[i] = new Uint8Array(length)
      const mask = this.masks[i] as Uint8Array
      this.plan.filters[i]?.(rows, from, to, mask)
      if (signs !== null) for (let at = from; at < to; at++) if (signs[at] !== 1) mask[at] = 0
    }
  }

  /** What an accumulator with this filter takes in; null for all rows. */
  of(filter: number): Uint8Array | null {
    if (filter !== NO_FILTER) return this.masks[filter] as Uint8Array
    return this.hasTombstones ? this.live : null
  }
}
