import type { ViewPlan } from './plan.ts'
import type { Value } from './spec.ts'
import { ViewState } from './view-state.ts'

/**
 * Carries a view's state over to a changed definition: what both definitions keep goes on as it was, bit for bit; what is
 * new starts empty (its feature is `partial` until its window has filled), what is gone is dropped. A tile goes to the
 * narrowest level that can hold it whole; where there is none, no feature of the new definition reaches back that far.
 */
export function evolveView(old: ViewState, plan: ViewPlan): ViewState {
  const next = new ViewState(plan)
  const fields = plan.fields.map((field) =>
    old.plan.fields.findIndex((f) => f.name === field.name && f.type === field.type),
  )
  for (let i = 0; i < old.rows.length; i++) {
    const values = mapValues(fields, (field) => old.rows.fields[field]?.[i])
    next.rows.push(old.rows.times[i] as number, old.rows.parts[i] as number, old.rows.seqs[i] as number, values)
  }
  const accumulators = plan.accumulators.map((a) => old.plan.accumulators.findIndex((b) => b.identity === a.identity))
  for (const level of old.levels) {
    const target = next.levels.find((candidate) => candidate.widthMs >= level.widthMs)
    if (target === undefined) continue
    for (let at = 0; at < level.length; at++) {
      target.foldForeignTile(target.place(target.indexOf(level.startOf(at))), level, at, accumulators)
    }
  }
  return next
}

/** Values of a row by the place of each new field among the old ones; null for a field that the old rows lack. */
export function mapValues(fields: readonly number[], valueAt: (field: number) => Value | undefined): Value[] {
  return fields.map((field) => (field < 0 ? null : (valueAt(field) ?? null)))
}
