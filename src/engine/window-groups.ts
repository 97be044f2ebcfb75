import type { FeaturePlan } from './plan.ts'
import type { WindowShape } from './windows.ts'

/** Features whose windows begin and end alike; read together. */
export interface WindowPlan {
  readonly shape: WindowShape
  readonly features: readonly FeaturePlan[]
  /** Accumulators that this window or a longer one of its group reads. */
  readonly accumulators: readonly number[]
}

/** Windows of one track that share their leading edge and how tiles are cut there; shortest first, each a prefix of the next. */
export interface WindowGroup {
  readonly track: number
  readonly leadTileMs: number
  readonly windows: readonly WindowPlan[]
}

const union = (lists: readonly (readonly number[])[]): number[] => [...new Set(lists.flat())].sort((a, b) => a - b)

/** Groups features that read tiles by how they are read; a subset of a view's features gives a cheaper read. */
export function compileGroups(features: readonly FeaturePlan[], fineMs: number): WindowGroup[] {
  const groups = new Map<string, FeaturePlan[]>()
  for (const feature of features) {
    if (feature.track < 0) continue
    const { endKey, spec } = feature.window
    // Where a session begins depends on the rows: it is no prefix of anything.
    const alone = spec.kind === 'session' ? JSON.stringify(spec) : ''
    const key = `${feature.track}/${endKey}/${leadTileOf(feature.window, fineMs)}/${alone}`
    const group = groups.get(key)
    if (group) group.push(feature)
    else groups.set(key, [feature])
  }
  return [...groups.values()].map((members) => {
    const [{ track, window }] = members as [FeaturePlan]
    const reaches = [...new Set(members.map((f) => f.window.reachMs))].sort((a, b) => a - b)
    return {
      track,
      leadTileMs: leadTileOf(window, fineMs),
      // With one end and one track, equal reach is an equal beginning.
      windows: reaches.map((reach) => {
        const own = members.filter((f) => f.window.reachMs === reach)
        return {
          shape: (own[0] as FeaturePlan).window,
          features: own,
          accumulators: union(members.filter((f) => f.window.reachMs >= reach).map((f) => f.accumulators)),
        }
      }),
    }
  })
}

/** What ends at t ends among fine tiles: there, wider ones are still fine. */
function leadTileOf({ endKey, tileMs }: WindowShape, fineMs: number): number {
  return endKey === 't' ? Math.min(tileMs, fineMs) : tileMs
}

/** Features with `tail: 'exact'` of one window; read from kept rows alone. */
export interface TailGroup {
  readonly shape: WindowShape
  readonly limit: number
  readonly features: readonly FeaturePlan[]
  readonly accumulators: readonly number[]
}

export function compileTailGroups(features: readonly FeaturePlan[]): TailGroup[] {
  const groups = new Map<string, FeaturePlan[]>()
  for (const feature of features) {
    if (feature.track >= 0) continue
    const key = JSON.stringify(feature.spec.window)
    groups.set(key, [...(groups.get(key) ?? []), feature])
  }
  return [...groups.values()].map((members) => {
    const [{ window }] = members as [FeaturePlan]
    return {
      shape: window,
      limit: window.spec.tailLimit as number,
      features: members,
      accumulators: union(members.map((f) => f.accumulators)),
    }
  })
}
