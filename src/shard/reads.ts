import type { Part } from '../engine/index.ts'
import { type EntityRuntime, hashKey, type Plan } from '../plan/index.ts'
import type { Layouts } from './layouts.ts'
import type { ReadAnswer, ReadMessage } from './messages.ts'
import type { OpenCells } from './open-cells.ts'
import type { Pages } from './pages.ts'
import { VectorReader } from './reader.ts'
import type { Since } from './since.ts'

/** Compiled readers that are held: one a service or list of features. */
const READERS = 64

/** What a read needs of its shard. */
export interface ReadState {
  readonly plan: Plan
  readonly entity: EntityRuntime
  readonly part: Part
  readonly layouts: Layouts
  readonly pages: Pages
  readonly since: Since
  readonly open: OpenCells
}

/** The reads of one shard. Touches no storage but pages that are not in memory. */
export class Reads {
  private readonly state: ReadState
  private readonly readers = new Map<string, VectorReader>()

  constructor(state: ReadState) {
    this.state = state
  }

  /** Entities at a request time; `seq` is the commit that the answer sees. */
  read({ run, keys, t, after }: ReadMessage, seq: number): ReadAnswer {
    const { pages, layouts, part, open } = this.state
    if (after !== undefined && after > seq) return { notYet: { seq } }
    const reader = this.readerFor(run)
    const rows = []
    for (let row = 0; row < keys.length; row++) {
      const key = keys[row] as string
      const cell = pages.find(key, hashKey(key))
      if (cell === undefined) {
        rows.push(reader.row(null, t))
        continue
      }
      const oldestMs = reader.oldest(cell.mark)
      if (t < oldestMs) return { tooOld: { row, oldestMs } }
      rows.push(reader.row(cell.open(layouts, part), t))
      open.hold(cell)
      pages.shrink()
    }
    return { rows, seq }
  }

  private readerFor(run: string): VectorReader {
    const known = this.readers.get(run)
    if (known) return known
    const { plan, entity, since } = this.state
    const features = plan.featuresOf(run)
    if (features === undefined) throw new Error(`no features ${run}: the door checks names before it asks a shard`)
    const made = new VectorReader(entity, features, since.of)
    if (this.readers.size >= READERS) this.readers.clear()
    this.readers.set(run, made)
    return made
  }
}
