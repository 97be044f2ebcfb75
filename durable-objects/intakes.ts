import { regionNamed, routingOf } from '../src/plan/index.ts'
import { Homes, type Intake, writeRows } from '../src/source/index.ts'
import { type App, planOf } from './app.ts'
import { type DeliveryBindings, deliveriesOf } from './deliveries.ts'
import { type ForwarderNamespace, formatForwarderName } from './forwarder.ts'

const utf8 = new TextEncoder()

/** What it takes to take in events: shards of this region, and queues for those of others. */
export interface IntakeBindings extends DeliveryBindings {
  readonly FORWARDERS: ForwarderNamespace
}

/** The way of a source's events in a region; undefined for a source that is not in the plan. */
export function intakesOf(app: App): (env: IntakeBindings, source: string) => Intake | undefined {
  const plan = planOf(app)
  const deliveryOf = deliveriesOf(app)
  const homesOf = new Map<string, Homes | undefined>()
  return (env, name) => {
    const delivery = deliveryOf(env, name)
    const source = plan.sources.get(name)
    if (delivery === undefined || source === undefined) return undefined
    const region = env.REGION
    const key = `${region}/${name}`
    if (!homesOf.has(key)) {
      const routing = routingOf(app.routing, app.regions, regionNamed(app.regions, region), source)
      homesOf.set(key, Homes.of(source, routing, region))
    }
    const homes = homesOf.get(key)
    const queueFor = (home: string) => env.FORWARDERS.getByName(formatForwarderName({ region, source: name, home }))
    return {
      ...delivery,
      ...(homes && { homes }),
      forward: (home, rows) => queueFor(home).add(writeRows(rows)),
      full: (home, rows) => queueFor(home).full(utf8.encode(writeRows(rows)).length),
    }
  }
}
