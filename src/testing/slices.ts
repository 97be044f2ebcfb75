import { type EntityState, type Explanation, explain, stateBytes, type ViewPlan } from '../engine/index.ts'
import type { FeatureRef } from '../plan/index.ts'
import type { Shard } from '../shard/index.ts'

/** One entity from all shards that have a slice of it; null when none has. */
function wholeOf(shards: readonly Shard[], key: string): EntityState | null {
  let whole: EntityState | null = null
  for (const shard of shards) {
    const slice = shard.copy(key, ({ state }) => state.clone())
    if (whole === null) whole = slice ?? null
    else if (slice !== undefined) whole.merge(slice)
  }
  whole?.settle()
  return whole
}

/** Why a feature of an entity that is spread has its value at t; null for an entity that was never seen. */
export function explainWhole(
  shards: readonly Shard[],
  { entity, view, feature }: FeatureRef,
  key: string,
  t: number,
): Explanation | null {
  const whole = wholeOf(shards, key)
  if (whole === null) return null
  const plan = entity.plan[view] as ViewPlan
  const since = Math.max(...shards.map((shard) => shard.sinceOf(plan, feature)))
  return explain(whole, view, feature.index, t, since)
}

/** The canonical bytes of an entity from all of its slices. */
export function canonicalWhole(shards: readonly Shard[], key: string): Uint8Array | null {
  const whole = wholeOf(shards, key)
  return whole && stateBytes(whole)
}
