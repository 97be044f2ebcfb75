import {
  type EntityState,
  emptyOf,
  type FeaturePlan,
  type FeatureValue,
  jsonText,
  type ViewPlan,
  ViewReader,
} from '../engine/index.ts'
import type { EntityRuntime } from '../plan/index.ts'
import { LETTER_OF, type RowText } from './messages.ts'

interface ViewPart {
  readonly name: string
  readonly view: number
  readonly reader: ViewReader
  readonly since: Float64Array
  /** What holds for the row at hand. */
  complete: Float64Array
  readonly out: FeatureValue[]
}

/** For each view that a reader reads, from when on each of its features is complete, ms. */
export type SinceTable = readonly Float64Array[]

/** A list of features of one entity, compiled for reading many entities. */
export class VectorReader {
  private readonly parts: readonly ViewPart[]
  private readonly slots: readonly { readonly part: ViewPart; readonly feature: FeaturePlan }[]
  private readonly missing: RowText

  /** `sinceOf`: from when on a feature's history is complete, ms. */
  constructor(
    entity: EntityRuntime,
    features: readonly { readonly view: number; readonly feature: FeaturePlan }[],
    sinceOf: (view: ViewPlan, feature: FeaturePlan) => number,
  ) {
    const views = [...new Set(features.map(({ view }) => view))]
    this.parts = views.map((view) => {
      const plan = entity.plan[view] as ViewPlan
      const wanted = features.filter((f) => f.view === view).map((f) => f.feature)
      const since = Float64Array.from(plan.features, (feature) => sinceOf(plan, feature))
      return { name: plan.spec.name, view, reader: new ViewReader(plan, wanted), since, complete: since, out: [] }
    })
    this.slots = features.map(({ view, feature }) => ({
      part: this.parts[views.indexOf(view)] as ViewPart,
      feature,
    }))
    this.missing = this.missingRow()
  }

  /** The earliest t that can be answered for an entity with this mark. */
  oldest(mark: number): number {
    let oldest = 0
    for (const { reader } of this.parts) oldest = Math.max(oldest, mark - reader.plan.spec.allowedLatenessMs)
    return oldest
  }

  /** From when on each feature is complete, by another rule than the reader's own: for {@link row}. `null`: always. */
  sinceTable(sinceOf: (feature: string) => number | null): SinceTable {
    return this.parts.map(({ name, reader }) =>
      Float64Array.from(
        reader.view.features,
        ({ spec }) => sinceOf(`${name}.${spec.name}`) ?? Number.NEGATIVE_INFINITY,
      ),
    )
  }

  /** One entity's row at t; null for an entity that was never seen. `sinces`: what {@link sinceTable} gave. */
  row(state: EntityState | null, t: number, sinces?: SinceTable): RowText {
    if (state === null) return this.missing
    let eventTimeMs: number | null = null
    for (let i = 0; i < this.parts.length; i++) {
      const part = this.parts[i] as ViewPart
      part.complete = sinces?.[i] ?? part.since
      const view = state.views[part.view] ?? null
      part.reader.read(view, state.mark, t, part.complete, part.out)
      const newest = view?.newestBefore(t) ?? null
      if (newest !== null && (eventTimeMs === null || newest > eventTimeMs)) eventTimeMs = newest
    }
    let values = ''
    let statuses = ''
    let exact = ''
    let since: (number | null)[] | undefined
    let reasons: (string | null)[] | undefined
    for (let i = 0; i < this.slots.length; i++) {
      const { part, feature } = this.slots[i] as { part: ViewPart; feature: FeaturePlan }
      const found = part.out[feature.index] as FeatureValue
      const comma = i === 0 ? '' : ','
      values += comma + jsonText(found.value, feature.resultType)
      statuses += LETTER_OF[found.status]
      exact += found.exact ? '1' : '0'
      if (found.status === 'partial') {
        since ??= this.slots.map(() => null)
        const ms = part.complete[feature.index] as number
        // Not known at all: the value is partial, and nobody can say since when.
        since[i] = ms === Number.POSITIVE_INFINITY ? null : ms
      }
      if (found.reason !== undefined) {
        reasons ??= this.slots.map(() => null)
        reasons[i] = found.reason
      }
    }
    return { values, statuses, exact, eventTimeMs, ...(since && { since }), ...(reasons && { reasons }) }
  }

  /** One entity's values at t as a JSON object by `view.feature`, for people and readers of SQL. */
  valuesJson(state: EntityState, t: number): string {
    for (const part of this.parts) {
      part.reader.read(state.views[part.view] ?? null, state.mark, t, part.since, part.out)
    }
    const members = this.slots.map(({ part, feature }) => {
      const { value } = part.out[feature.index] as FeatureValue
      return `${JSON.stringify(`${part.name}.${feature.spec.name}`)}:${jsonText(value, feature.resultType)}`
    })
    return `{${members.join()}}`
  }

  /** The row of an entity whose stored bytes are damaged: defaults, and never a value. */
  damaged(): RowText {
    const count = this.slots.length
    return {
      values: this.slots.map(({ feature }) => jsonText(feature.spec.default ?? null, feature.resultType)).join(),
      statuses: LETTER_OF.error.repeat(count),
      exact: '0'.repeat(count),
      eventTimeMs: null,
      reasons: this.slots.map(() => 'damaged'),
    }
  }

  private missingRow(): RowText {
    return {
      values: this.slots.map(({ feature }) => jsonText(emptyOf(feature), feature.resultType)).join(),
      statuses: LETTER_OF.missing.repeat(this.slots.length),
      exact: '1'.repeat(this.slots.length),
      eventTimeMs: null,
    }
  }
}
