import type { EntityPlan, FeaturePlan, ViewPlan } from '../engine/index.ts'
import { canonicalJson } from '../util/canonical-json.ts'
import { murmur32 } from '../util/murmur3.ts'
import type { ShardStorage } from './storage.ts'

/** From when on the history of each feature is complete. A feature that is new or changed is first seen when the shard opens. */
export class Since {
  private readonly firstSeen: Map<string, number>

  constructor(plan: EntityPlan, storage: ShardStorage, nowMs: number) {
    const stored = JSON.parse(storage.readMeta('since') ?? '{}') as Record<string, number>
    const firstSeen = new Map(Object.entries(stored))
    for (const view of plan) {
      for (const feature of view.features) {
        const key = identity(view, feature)
        if (!firstSeen.has(key)) firstSeen.set(key, nowMs)
      }
    }
    if (firstSeen.size > Object.keys(stored).length) {
      storage.transaction(() => storage.writeMeta('since', JSON.stringify(Object.fromEntries(firstSeen))))
    }
    this.firstSeen = firstSeen
  }

  /** Milliseconds since the epoch; minus infinity when the view declares that its history is complete. */
  readonly of = (view: ViewPlan, feature: FeaturePlan): number => {
    if (view.spec.since === 'beginning') return Number.NEGATIVE_INFINITY
    return view.spec.since ?? (this.firstSeen.get(identity(view, feature)) as number)
  }
}

/** What a feature computes: a change of its texts or its default is no change. */
function identity(view: ViewPlan, { spec }: FeaturePlan): string {
  const { description, default: ifEmpty, ...what } = spec
  return `${view.spec.name}.${spec.name}#${murmur32(canonicalJson({ source: view.spec.source, key: view.spec.key, what }))}`
}
