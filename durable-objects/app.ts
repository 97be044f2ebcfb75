import type { Definitions } from '../src/define/index.ts'
import { Plan, type Region } from '../src/plan/index.ts'

/** What a deployment is made of: the user's definitions and where they run. */
export interface App {
  readonly definitions: Pick<Definitions, 'spec'>
  readonly regions: readonly Region[]
}

const plans = new WeakMap<App, Plan>()

/** The app's definitions, compiled once in an isolate. */
export function planOf(app: App): Plan {
  let plan = plans.get(app)
  if (plan === undefined) {
    plan = new Plan(app.definitions.spec)
    plans.set(app, plan)
  }
  return plan
}
