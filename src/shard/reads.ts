import { type EntityState, type Explanation, explain, type Part, stateBytes, type ViewPlan } from '../engine/index.ts'
import { type EntityRuntime, type FeatureRef, hashKey, type Plan } from '../plan/index.ts'
import { CorruptBytes } from '../util/byte-reader.ts'
import type { Cell } from './cell.ts'
import type { CopyBytes, History } from './copies.ts'
import type { Layouts } from './layouts.ts'
import type { ReadAnswer, ReadMessage, RowText } from './messages.ts'
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
  /** Tells a person what is wrong with what is stored. */
  readonly report?: (problem: string) => void
}

/** An entity as it is copied elsewhere. */
export interface CopiedEntity {
  /** Settled. */
  readonly state: EntityState
  /** The last commit that touched it. */
  readonly seq: number
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
    const { pages, open } = this.state
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
      rows.push(this.rowOf(reader, cell, t))
      open.hold(cell)
      pages.shrink()
    }
    return { rows, seq }
  }

  /** Throws for damaged bytes. Leaves what is held decoded as it was: whoever copies everything would push it all out. */
  copy<T>(key: string, make: (entity: CopiedEntity) => T): T | undefined {
    const { pages, layouts, part } = this.state
    const cell = pages.find(key, hashKey(key))
    if (cell === undefined) return undefined
    const { isOpen } = cell
    try {
      return make({ state: cell.open(layouts, part), seq: cell.seq })
    } finally {
      if (!isOpen) cell.close()
      pages.shrink()
    }
  }

  /** @see Shard.orderOf */
  orderOf(key: string): { readonly mark: number; readonly seq: number } | undefined {
    return this.state.pages.find(key, hashKey(key))
  }

  /** Entities as bytes, null for one that was never seen; damaged ones are named. */
  copies(keys: readonly string[]): (CopyBytes | null)[] {
    return keys.map((key) => {
      try {
        const copied = this.copy(key, ({ state, seq }) => ({ mark: state.mark, seq, state: stateBytes(state) }))
        return copied ?? null
      } catch (error) {
        if (!(error instanceof CorruptBytes)) throw error
        this.state.report?.(`The stored state cannot be read: ${error.message}.`)
        return { ...(this.orderOf(key) ?? { mark: 0, seq: 0 }), state: null }
      }
    })
  }

  get history(): History {
    const { entity, since } = this.state
    const complete: Record<string, number | null> = {}
    for (const view of entity.plan) {
      for (const feature of view.features) {
        const ms = since.of(view, feature)
        complete[`${view.spec.name}.${feature.spec.name}`] = ms === Number.NEGATIVE_INFINITY ? null : ms
      }
    }
    return { bornMs: since.bornMs, since: complete }
  }

  get sinceOf(): Since['of'] {
    return this.state.since.of
  }

  /** Damaged bytes are an error of their entity, and leave the others of the read alone. */
  private rowOf(reader: VectorReader, cell: Cell, t: number): RowText {
    const { layouts, part, report } = this.state
    try {
      return reader.row(cell.open(layouts, part), t)
    } catch (error) {
      if (!(error instanceof CorruptBytes)) throw error
      report?.(`The stored state cannot be read: ${error.message}.`)
      return reader.damaged()
    }
  }

  /** Why a feature of an entity has its value at t; null for an entity that was never seen. Throws for damaged bytes. */
  explain(feature: FeatureRef, key: string, t: number): Explanation | null {
    const { pages, layouts, part, since, entity } = this.state
    const cell = pages.find(key, hashKey(key))
    if (cell === undefined) return null
    const view = entity.plan[feature.view] as ViewPlan
    return explain(cell.open(layouts, part), feature.view, feature.feature.index, t, since.of(view, feature.feature))
  }

  /** Readers are made anew: from when on features are complete has changed. */
  forgetReaders(): void {
    this.readers.clear()
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
