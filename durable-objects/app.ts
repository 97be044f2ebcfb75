import type { Definitions } from '../src/define/index.ts'
import type { StoreAdapters } from '../src/online/index.ts'
import { Plan, type Region, type Routing } from '../src/plan/index.ts'

/** What a deployment is made of: the user's definitions and where they run. */
export interface App {
  readonly definitions: Pick<Definitions, 'spec'>
  readonly regions: readonly Region[]
  /** Where the events of each source are kept; default: streams where they come in, tables in the first region. */
  readonly routing?: Routing
  /** The online stores that the regions name, by kind. */
  readonly stores?: StoreAdapters
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
