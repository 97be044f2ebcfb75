import type { ViewPlan } from './plan.ts'
import type { Rows } from './rows.ts'
import type { Value } from './spec.ts'
import { ViewState } from './view-state.ts'

/**
 * Carries a view's state over to a changed definition: what both definitions keep goes on as it was, bit for bit; what is
 * new starts empty (its feature is `partial` until its window has filled), what is gone is dropped. A tile goes to the
 * narrowest level that can hold it whole; where there is none, no feature of the new definition reaches back that far.
 * `commits`: by part, the last commit of the entity that the old definition has taken in.
 */
export function evolveView(old: ViewState, plan: ViewPlan, commits: readonly number[]): ViewState {
  const next = new ViewState(plan)
  const fields = plan.fields.map((field) =>
    old.plan.fields.findIndex((f) => f.name === field.name && f.type === field.type),
  )
  copyRows(old.rows, next.rows, fields)
  const accumulators = plan.accumulators.map((a) => old.plan.accumulators.findIndex((b) => b.identity === a.identity))
  accumulators.forEach((before, i) => {
    const unseen = before < 0 ? [...commits] : old.unseen.get(before)
    if (unseen !== undefined) next.unseen.set(i, unseen)
  })
  for (const track of old.tracks) {
    const same = next.tracks.find((candidate) => candidate.plan.cutter?.name === track.plan.cutter?.name)
    same?.absorbForeign(track, accumulators)
  }
  if (old.tail !== null && next.tail !== null) {
    copyRows(old.tail.rows, next.tail.rows, fields)
    next.tail.letGo = old.tail.letGo
    next.tail.trim()
  }
  return next
}

function copyRows(from: Rows, to: Rows, fields: readonly number[]): void {
  for (let i = 0; i < from.length; i++) {
    const values = mapValues(fields, (field) => from.fields[field]?.[i])
    to.push(from.times[i] as number, from.parts[i] as number, from.seqs[i] as number, values, from.signAt(i))
  }
}

/** Values of a row by the place of each new field among the old ones; null for a field that the old rows lack. */
export function mapValues(fields: readonly number[], valueAt: (field: number) => Value | undefined): Value[] {
  return fields.map((field) => (field < 0 ? null : (valueAt(field) ?? null)))
}
