import { type EntityPlan, identityOf, type ViewPlan } from '../engine/index.ts'
import { murmur32 } from '../util/murmur3.ts'
import { type Positions, sequenceName } from './positions.ts'
import type { ShardStorage } from './storage.ts'

/** By sequence, the last contribution that came before a view was there. */
type Starts = Readonly<Record<string, number>>

/**
 * Where views over tables began: a row that was put in before it is none of theirs, and must not be taken out of them. A view
 * that was gone for a while begins anew, for it has missed what came between.
 */
export class ViewStarts {
  private readonly starts: ReadonlyMap<ViewPlan, Starts>
  private readonly positions: Positions

  constructor(plan: EntityPlan, storage: ShardStorage, positions: Positions) {
    this.positions = positions
    const text = storage.readMeta('view starts') ?? '{}'
    const stored = JSON.parse(text) as Record<string, Starts>
    const starts = new Map<ViewPlan, Starts>()
    for (const view of plan) {
      if (view.spec.changes !== true) continue
      starts.set(view, stored[nameOf(view)] ?? this.now(view))
    }
    this.starts = starts
    const written = JSON.stringify(Object.fromEntries([...starts].map(([view, of]) => [nameOf(view), of])))
    if (written !== text) storage.transaction(() => storage.writeMeta('view starts', written))
  }

  private now({ spec }: ViewPlan): Starts {
    const sources = [spec.source, ...(spec.inputs ?? []).map((input) => input.source)]
    return Object.assign({}, ...[...new Set(sources)].map((source) => this.positions.all(source)))
  }

  /** Whether a view was there when the row of this number was put in. `first`: of the batch at hand. */
  has(view: ViewPlan, source: string, sequence: string, row: number, first: number): boolean {
    const start = this.starts.get(view)?.[sequenceName(source, sequence)]
    // A sequence that began here later: what it had put in elsewhere before is none of ours either.
    return row > (start ?? (this.positions.of(source, sequence)?.first ?? first) - 1)
  }
}

const nameOf = (view: ViewPlan): string => String(murmur32(identityOf(view)))
