import type { EntityRuntime, FeatureRef, SourceRuntime } from '../plan/index.ts'
import { EntityReplay, type ReplayRow } from './replay.ts'

/**
 * What one view lacks of an entity: its rows up to the commit after which the view came, and of these none that was taken out before the
 * view began to take them out itself. Rows are given in the order of commits.
 */
export class ViewHistory {
  private readonly replay: EntityReplay
  private readonly cut: number
  /** Of a view over tables: the rows that were put in, by their order keys. */
  private readonly putIn = new Set<string>()
  private rows = 0

  /** `features`: all of one view. `cut`: the commit after which the view came. */
  constructor(entity: EntityRuntime, features: readonly FeatureRef[], cut: number) {
    this.replay = new EntityReplay(entity, features)
    this.cut = cut
  }

  begin(key: string): void {
    this.replay.begin(key)
    this.putIn.clear()
    this.rows = 0
  }

  /** `commit`: of the shard that has the log; rows of the shards before it have lesser ones. */
  row(source: SourceRuntime, row: ReplayRow, commit: number): void {
    if (source.table !== null) {
      const { region, epoch, shard } = row.part
      const name = `${region}/${epoch}/${shard}/${row.seq}`
      if (row.sign === 1) {
        if (commit <= this.cut) this.putIn.add(name)
      } else if (commit > this.cut && !this.putIn.has(name)) return
      if (row.sign === 1 && commit > this.cut) return
    } else if (commit > this.cut) return
    this.replay.row(source, row)
    this.rows++
  }

  /** The state; null of an entity that has no such rows. */
  finish(): Uint8Array | null {
    return this.rows === 0 ? null : this.replay.encode()
  }
}
