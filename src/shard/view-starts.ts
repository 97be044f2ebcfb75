import { type EntityPlan, identityOf, type ViewPlan } from '../engine/index.ts'
import { murmur32 } from '../util/murmur3.ts'
import { type Positions, sequenceName } from './positions.ts'
import type { ShardStorage } from './storage.ts'

/** Stands for all sequences: no row came before the view. No sequence has no name. */
const EVERY = ''

/** By sequence, the last contribution that came before a view was there. */
type Starts = Readonly<Record<string, number>>

/**
 * Where views over tables began: a row that was put in before it is none of theirs, and must not be taken out of them. A view
 * that was gone for a while begins anew, for it has missed what came between.
 */
export class ViewStarts {
  private readonly starts: Map<ViewPlan, Starts>
  private readonly positions: Positions
  private readonly storage: ShardStorage

  constructor(plan: EntityPlan, storage: ShardStorage, positions: Positions) {
    this.positions = positions
    this.storage = storage
    const text = storage.readMeta('view starts') ?? '{}'
    const stored = JSON.parse(text) as Record<string, Starts>
    const starts = new Map<ViewPlan, Starts>()
    for (const view of plan) {
      if (view.spec.changes !== true) continue
      starts.set(view, stored[nameOf(view)] ?? this.now(view))
    }
    this.starts = starts
    const { written } = this
    if (written !== text) storage.transaction(() => storage.writeMeta('view starts', written))
  }

  private get written(): string {
    return JSON.stringify(Object.fromEntries([...this.starts].map(([view, of]) => [nameOf(view), of])))
  }

  /** From now on a view takes out every row, whenever it was put in: a backfill gives it those from before. Inside a transaction. */
  forget(view: ViewPlan): void {
    const starts = this.starts.get(view)
    if (starts === undefined) return
    this.starts.set(view, { [EVERY]: 0 })
    this.storage.writeMeta('view starts', this.written)
  }

  private now({ spec }: ViewPlan): Starts {
    const sources = [spec.source, ...(spec.inputs ?? []).map((input) => input.source)]
    return Object.assign({}, ...[...new Set(sources)].map((source) => this.positions.all(source)))
  }

  /** Whether a view was there when the row of this number was put in. `first`: of the batch at hand. */
  has(view: ViewPlan, source: string, sequence: string, row: number, first: number): boolean {
    const starts = this.starts.get(view)
    if (starts?.[EVERY] !== undefined) return true
    const start = starts?.[sequenceName(source, sequence)]
    // A sequence that began here later: what it had put in elsewhere before is none of ours either.
    return row > (start ?? (this.positions.of(source, sequence)?.first ?? first) - 1)
  }
}

const nameOf = (view: ViewPlan): string => String(murmur32(identityOf(view)))
