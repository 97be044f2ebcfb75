import { regionNamed } from '../src/plan/index.ts'
import type { DeadLetter } from '../src/shard/index.ts'
import { type Delivery, Enricher, Router } from '../src/source/index.ts'
import { type App, planOf } from './app.ts'
import { directoryOf, type ShardNamespace, type TableNamespace, tableDirectory } from './directory.ts'
import type { LetterBoxes } from './letter-box.ts'

/** What it takes to bring events into shards. */
export interface DeliveryBindings {
  readonly REGION: string
  readonly SHARDS: ShardNamespace
  readonly TABLES: TableNamespace
  readonly DEAD_LETTERS: LetterBoxes
}

/** The way of a source's events into the shards of a region; undefined for a source that is not in the plan. */
export function deliveriesOf(app: App): (env: DeliveryBindings, source: string) => Delivery | undefined {
  const plan = planOf(app)
  const routers = new Map<string, Router>()
  const enrichers = new Map([...plan.sources].map(([name, source]) => [name, Enricher.of(plan, source)]))
  return (env, name) => {
    const source = plan.sources.get(name)
    if (source === undefined) return undefined
    const directory = directoryOf(app.regions, env.REGION, env.SHARDS)
    const tables = tableDirectory(regionNamed(app.regions, env.REGION), env.TABLES)
    let router = routers.get(name)
    if (router === undefined) {
      router = new Router(plan.hash, source, source.table === null ? directory.shardsOf : () => tables.shards)
      routers.set(name, router)
    }
    const keep = (letters: readonly DeadLetter[]) =>
      env.DEAD_LETTERS.getByName(`${directory.region}/${name}`).add(letters)
    const enricher = enrichers.get(name)
    return { router, directory, tables, source: name, keep, ...(enricher && { enricher }) }
  }
}
