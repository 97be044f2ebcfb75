import type { EntityState } from '../engine/index.ts'
import type { History } from '../shard/index.ts'

const merges = new WeakMap<EntityState, { readonly others: readonly EntityState[]; readonly merged: EntityState }>()

/**
 * The state of all parts together; null when none has any. It is kept as long as the first of the parts is, and must not be
 * changed.
 */
export function mergedState(states: readonly (EntityState | null)[]): EntityState | null {
  const [first, ...others] = states.filter((state) => state !== null)
  if (first === undefined) return null
  if (others.length === 0) return first
  const known = merges.get(first)
  if (known?.others.length === others.length && known.others.every((state, i) => state === others[i]))
    return known.merged
  const merged = first.clone()
  for (const state of others) merged.merge(state)
  merges.set(first, { others, merged })
  return merged
}

/**
 * From when on a feature is complete over several parts, ms: `null` is always. Nothing could be missed before the first part
 * there was; but a part that was there already when the feature came to it has missed what it took in before.
 */
export function mergedSince(feature: string, histories: readonly History[]): number | null {
  let earliest = Number.POSITIVE_INFINITY
  let missed = Number.NEGATIVE_INFINITY
  for (const { bornMs, since } of histories) {
    // A feature that the part does not name is not known to be complete at all.
    const own = feature in since ? (since[feature] ?? Number.NEGATIVE_INFINITY) : Number.POSITIVE_INFINITY
    earliest = Math.min(earliest, own)
    if (own > bornMs) missed = Math.max(missed, own)
  }
  const ms = Math.max(earliest, missed)
  return ms === Number.NEGATIVE_INFINITY ? null : ms
}
