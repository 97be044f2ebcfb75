import type { Definitions } from '../src/define/index.ts'
import type { StoreAdapters } from '../src/online/index.ts'
import { deploymentHash, epochProblems, Plan, type Region, type Routing } from '../src/plan/index.ts'

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

/**
 * The app's definitions, compiled once in an isolate. Throws when they and the regions do not fit: such a Worker would lose or
 * misread what is stored.
 */
export function planOf(app: App): Plan {
  let plan = plans.get(app)
  if (plan === undefined) {
    plan = new Plan(app.definitions.spec)
    const problems = epochProblems(app.regions, plan)
    if (problems.length > 0) throw new Error(`regions.ts: ${problems.join(' ')}`)
    plans.set(app, plan)
  }
  return plan
}

const deployments = new WeakMap<App, string>()

/** The hash of definitions, regions and routing: what a deployment waits for. */
export function deploymentOf(app: App): string {
  let hash = deployments.get(app)
  if (hash === undefined) {
    hash = deploymentHash(planOf(app), app.regions, app.routing)
    deployments.set(app, hash)
  }
  return hash
}
