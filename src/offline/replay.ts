import { encodeKey } from '../contract/index.ts'
import {
  EntityState,
  type Explanation,
  explain,
  type FeatureValue,
  type Part,
  stateBytes,
  type Value,
  type ViewPlan,
  ViewReader,
} from '../engine/index.ts'
import type { EntityRuntime, FeatureRef, Route, SourceRuntime } from '../plan/index.ts'

/** One logged row, as replaying wants it. */
export interface ReplayRow {
  readonly timeMs: number
  /** When it could be known: of imported history by the rule of its import, or as the mode of a training set says. */
  readonly availableAtMs: number
  /** The shard that accepted it and its commit; of a table's row the order key that the row was put in under. */
  readonly part: Part
  readonly seq: number
  readonly sign: 1 | -1
  /** By the fields of the source as it is declared now. */
  readonly values: readonly Value[]
}

/** A source's routes to one entity. */
interface Feed {
  readonly route: Route
  /** Views that are read, by their place in the entity's plan. */
  readonly views: Route['views']
}

/** One view that is read, and where its features go in the vector. */
interface ReadView {
  readonly view: number
  readonly reader: ViewReader
  readonly since: Float64Array
  readonly out: FeatureValue[]
}

/** From when on the history of a feature is complete, ms; minus infinity: always. */
export type CompleteSince = (view: ViewPlan, feature: FeatureRef['feature']) => number

export const ALWAYS: CompleteSince = () => Number.NEGATIVE_INFINITY

/**
 * Computes what shards computed, from their log: one entity after the other, rows as they were accepted, and reads between
 * them. The same engine and the same order keys, so a read sees the very bits that a shard would have given after the same
 * rows.
 *
 * @example
 * const replay = new EntityReplay(entity, features)
 * replay.begin('u1')
 * for (const row of rows) replay.row(source, row)
 * replay.read(t) // [{ value: 3, status: 'present', exact: true }]
 */
export class EntityReplay {
  private readonly entity: EntityRuntime
  private readonly parts: readonly ReadView[]
  private readonly slots: readonly { readonly part: ReadView; readonly index: number }[]
  private readonly feeds = new Map<SourceRuntime, readonly Feed[]>()
  private key = ''
  private state: EntityState

  /** `features`: all of this entity, in the order in which they are read. */
  constructor(entity: EntityRuntime, features: readonly FeatureRef[], completeSince: CompleteSince = ALWAYS) {
    this.entity = entity
    this.state = new EntityState(entity.plan)
    const views = [...new Set(features.map(({ view }) => view))]
    this.parts = views.map((view) => {
      const plan = entity.plan[view] as ViewPlan
      const wanted = features.filter((f) => f.view === view).map(({ feature }) => feature)
      const since = Float64Array.from(plan.features, (feature) => completeSince(plan, feature))
      return { view, reader: new ViewReader(plan, wanted), since, out: [] }
    })
    this.slots = features.map(({ view, feature }) => ({
      part: this.parts[views.indexOf(view)] as ReadView,
      index: feature.index,
    }))
  }

  /** Begins an entity: with no rows. */
  begin(key: string): void {
    this.key = key
    this.state = new EntityState(this.entity.plan)
  }

  /** Takes in one row of the entity. Every row raises the mark, also of a source that none of the features is over. */
  row(source: SourceRuntime, { timeMs, availableAtMs, part, seq, sign, values }: ReplayRow): void {
    const { state } = this
    state.raiseMark(timeMs, availableAtMs)
    for (const { route, views } of this.feedsOf(source)) {
      if (views.length === 0 || !this.isFedBy(route, values)) continue
      const at = state.commit(part, seq)
      for (const { view, rowOf } of views) {
        if (sign === 1) state.apply(view, timeMs, at, seq, rowOf(values))
        else state.retract(view, timeMs, at, seq, rowOf(values))
      }
    }
  }

  private feedsOf(source: SourceRuntime): readonly Feed[] {
    let feeds = this.feeds.get(source)
    if (feeds === undefined) {
      const read = new Set(this.parts.map(({ view }) => view))
      feeds = source.routes
        .filter(({ entity }) => entity === this.entity)
        .map((route) => ({ route, views: route.views.filter(({ view }) => read.has(view)) }))
      this.feeds.set(source, feeds)
    }
    return feeds
  }

  /** Whether a route leads a row to the entity at hand: an event may feed another one by another field. */
  private isFedBy({ keyFields, keyTypes }: Route, values: readonly Value[]): boolean {
    const parts = keyFields.map((field) => values[field] ?? null)
    return !parts.includes(null) && encodeKey(parts, keyTypes) === this.key
  }

  /** The greatest `min(event time, known at)` of its rows, ms; 0 before the first. */
  get mark(): number {
    return this.state.mark
  }

  /** The canonical state of the views that are read, as a shard would have it after the same rows. */
  encode(): Uint8Array {
    return stateBytes(this.state)
  }

  /** The features at t, in their order. The array is good until the next read. Of an entity without rows each has its empty value and the status `missing`. */
  read(t: number): readonly FeatureValue[] {
    const { state } = this
    const isMissing = state.mark === 0
    state.settle()
    for (const { view, reader, since, out } of this.parts)
      reader.read(state.views[view] ?? null, state.mark, t, since, out)
    return this.slots.map(({ part, index }) => {
      const value = part.out[index] as FeatureValue
      return isMissing ? { ...value, status: 'missing' } : value
    })
  }

  /** Why a feature has its value at t. `place`: among the features. */
  explain(place: number, t: number): Explanation | undefined {
    const slot = this.slots[place]
    if (slot === undefined) return undefined
    const { part, index } = slot
    return explain(this.state, part.view, index, t, part.since[index] as number)
  }
}
