/** States of entities as the engine holds them, filled with events in time order. */
import { type EntityPlan, EntityState, type Part, type Value } from '../../src/engine/index.ts'
import { Plan } from '../../src/plan/index.ts'
import { app } from './app/definitions.ts'
import { type BenchEvent, DAY_MS, eventStream, SEED } from './data.ts'

export const MONTH_MS = 30 * DAY_MS
/** Any fixed time: the engine reads no clock. */
export const END_MS = Date.UTC(2026, 10, 1)
const part: Part = { region: 1, epoch: 0, shard: 0 }

/** The plan of an entity of the bench: `user` has 8 features in 5 windows, `account` 50. */
export function entityPlan(entity: 'user' | 'account'): EntityPlan {
  const found = new Plan(app.definitions.spec).entities.get(entity)
  if (found === undefined) throw new Error(`the bench definitions lack ${entity}`)
  return found.plan
}

/** Rows of a view, in the order of its fields. */
export interface Row {
  readonly timeMs: number
  readonly values: readonly Value[]
}

/** Events as rows of the only view of an entity, evenly over a span that ends at `END_MS`. */
export function rowsOf(plan: EntityPlan, events: number, spanMs: number, seed: number): Row[] {
  const options = { seed: SEED + seed, events, entity: () => 0, fromMs: END_MS - spanMs, toMs: END_MS, prefix: '' }
  return Array.from(eventStream(options), (event) => ({ timeMs: event.atMs, values: valuesOf(plan, event) }))
}

export function valuesOf(plan: EntityPlan, event: BenchEvent): Value[] {
  const names = plan[0]?.fields.map((field) => field.name) ?? []
  return names.map((name) => {
    if (name === 'type') return event.type
    if (name === 'amount') return event.amount
    throw new Error(`a view of the bench reads the field ${name}, which its events lack`)
  })
}

/** One event, as a shard gives it to a state that is held decoded. */
export function apply(state: EntityState, { timeMs, values }: Row, seq: number): void {
  state.raiseMark(timeMs, timeMs)
  state.apply(0, timeMs, state.commit(part, seq), seq, values)
}

export function stateOf(plan: EntityPlan, rows: readonly Row[]): EntityState {
  const state = new EntityState(plan)
  rows.forEach((row, index) => {
    apply(state, row, index + 1)
    // A shard settles at every compaction.
    if (index % 64 === 63) state.settle()
  })
  state.settle()
  return state
}
