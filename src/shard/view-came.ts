import { type EntityPlan, identityOf, type ViewPlan } from '../engine/index.ts'
import { murmur32 } from '../util/murmur3.ts'
import type { Layouts } from './layouts.ts'
import type { ShardStorage } from './storage.ts'

/** Stands for a view that was there before, was gone and is back: what it has of before is not told apart. */
const CAME_BACK = -1

/**
 * After which commit each view came: it has every row of a later commit and none of an earlier one, so that a backfill up to there makes it
 * whole. 0: it was there from the beginning.
 */
export class ViewCame {
  private readonly came: ReadonlyMap<ViewPlan, number>

  /** `lastSeq`: the newest commit of the shard, before anything is done again. */
  constructor(plan: EntityPlan, storage: ShardStorage, layouts: Layouts, lastSeq: number) {
    const text = storage.readMeta('view came')
    const stored = JSON.parse(text ?? '{}') as Record<string, number>
    const isOld = text === undefined
    this.came = new Map(
      plan.map((view) => {
        const first = layouts.hadBefore(view) ? (isOld ? 0 : CAME_BACK) : lastSeq
        return [view, stored[nameOf(view)] ?? first]
      }),
    )
    const written = JSON.stringify(Object.fromEntries([...this.came].map(([view, seq]) => [nameOf(view), seq])))
    if (written !== text) storage.transaction(() => storage.writeMeta('view came', written))
  }

  /** Whether a view counts a row of this commit. */
  has(view: ViewPlan, seq: number): boolean {
    return seq > (this.came.get(view) ?? 0)
  }

  /** The commit after which it came; null when that cannot be told. */
  of(view: ViewPlan): number | null {
    const seq = this.came.get(view) ?? 0
    return seq === CAME_BACK ? null : seq
  }
}

const nameOf = (view: ViewPlan): string => String(murmur32(identityOf(view)))
