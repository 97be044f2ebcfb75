import { type EntityPlan, type FeaturePlan, identityOf, type ViewPlan } from '../engine/index.ts'
import { canonicalJson } from '../util/canonical-json.ts'
import { murmur32 } from '../util/murmur3.ts'
import type { ShardStorage } from './storage.ts'

/** From when on the history of each feature is complete. A feature that is new or changed is first seen when the shard opens. */
export class Since {
  private readonly storage: ShardStorage
  private readonly firstSeen: Map<string, number>
  /** When the shard was first opened, ms. */
  readonly bornMs: number

  constructor(plan: EntityPlan, storage: ShardStorage, nowMs: number) {
    this.storage = storage
    const text = storage.readMeta('since') ?? '{}'
    const stored = JSON.parse(text) as Record<string, number>
    // Only of what the plan has: a feature that goes and comes back has missed what came between.
    const firstSeen = new Map<string, number>()
    for (const view of plan) {
      for (const feature of view.features) {
        const key = identity(view, feature)
        firstSeen.set(key, stored[key] ?? nowMs)
      }
    }
    // A shard of before this was kept is as old as what it has seen longest.
    const born = storage.readMeta('born')
    this.bornMs = born === undefined ? Math.min(nowMs, ...Object.values(stored)) : Number(born)
    const written = JSON.stringify(Object.fromEntries(firstSeen))
    if (written !== text || born === undefined) {
      storage.transaction(() => {
        storage.writeMeta('since', written)
        storage.writeMeta('born', String(this.bornMs))
      })
    }
    this.firstSeen = firstSeen
  }

  /** The history of a view is complete from a time on: a backfill has reached it. Inside a transaction. */
  reach(view: ViewPlan, sinceMs: number): void {
    for (const feature of view.features) {
      const key = identity(view, feature)
      this.firstSeen.set(key, Math.min(sinceMs, this.firstSeen.get(key) ?? sinceMs))
    }
    this.storage.writeMeta('since', JSON.stringify(Object.fromEntries(this.firstSeen)))
  }

  /** Milliseconds since the epoch; minus infinity when the view declares that its history is complete. */
  readonly of = (view: ViewPlan, feature: FeaturePlan): number => {
    if (view.spec.since === 'beginning') return Number.NEGATIVE_INFINITY
    if (view.spec.since !== undefined) return view.spec.since
    // A backfill that reached the beginning: no event is older, so nothing is missing of a lifetime either.
    const firstSeen = this.firstSeen.get(identity(view, feature)) as number
    return firstSeen <= 0 ? Number.NEGATIVE_INFINITY : firstSeen
  }
}

/** What a feature computes, by its definition and the types it reads: a change of its texts or its default is no change. */
function identity(view: ViewPlan, { spec, accumulators }: FeaturePlan): string {
  const { description, default: ifEmpty, ...what } = spec
  const computed = view.join?.pairs ?? view
  const state = accumulators.map((i) => computed.accumulators[i]?.identity)
  return `${view.spec.name}.${spec.name}#${murmur32(canonicalJson({ view: identityOf(view), what, state }))}`
}
