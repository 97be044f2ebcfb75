import type { EntityRuntime, FeatureRef } from '../../plan/index.ts'
import { mergedSince } from '../../serve/index.ts'
import { type CompleteSince, EntityReplay } from '../replay.ts'
import type { Lineage, LogPart } from './lineage.ts'

/** Replays by the shards that a key lives in: each shard tells for itself since when its features are complete. */
export class Replays {
  private readonly entity: EntityRuntime
  private readonly features: readonly FeatureRef[]
  private readonly lineage: Lineage
  private readonly byLeaves = new Map<string, EntityReplay>()

  constructor(entity: EntityRuntime, features: readonly FeatureRef[], lineage: Lineage) {
    this.entity = entity
    this.features = features
    this.lineage = lineage
  }

  /** The replay for a key; not begun. */
  of(key: string): EntityReplay {
    const leaves = this.lineage.leavesOf(key)
    const name = leaves.join()
    let replay = this.byLeaves.get(name)
    if (replay === undefined) {
      const parts = leaves.map((leaf) => this.lineage.parts[leaf] as LogPart)
      replay = new EntityReplay(this.entity, this.features, completeSince(parts))
      this.byLeaves.set(name, replay)
    }
    return replay
  }
}

/**
 * As the shards say it. A feature that they do not know, for it was not deployed yet, is as complete as what its view declares,
 * or as their log: what a backfill would reach.
 */
function completeSince(parts: readonly LogPart[]): CompleteSince {
  return (view, { spec }) => {
    const name = `${view.spec.name}.${spec.name}`
    const histories = parts.map(({ bornMs, since }) => {
      if (name in since) return { bornMs, since }
      const declared = view.spec.since
      return { bornMs, since: { [name]: declared === 'beginning' ? null : (declared ?? bornMs) } }
    })
    if (histories.length === 0) return Number.NEGATIVE_INFINITY
    const wholeMs = Math.max(...parts.map((part) => part.wholeMs ?? Number.NEGATIVE_INFINITY))
    return Math.max(mergedSince(name, histories) ?? Number.NEGATIVE_INFINITY, wholeMs)
  }
}
