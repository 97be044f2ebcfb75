import { Hono } from 'hono'
import { isRefusal } from '../../src/contract/index.ts'
import type { Plan, Route, SourceRuntime } from '../../src/plan/index.ts'
import { bodyText, type Problem, problemResponse, readBytes } from '../../src/serve/index.ts'
import { deliver, importBatch, type Receipt, Router, takeIn } from '../../src/source/index.ts'
import { didYouMean } from '../../src/util/did-you-mean.ts'
import type { IngestBindings } from './app.ts'
import type { Way } from './dead-letters.ts'
import { unavailable, unreadable } from './problems.ts'

export interface ImportDoor {
  readonly plan: Plan
  refuse(env: IngestBindings, authorization: string | undefined, scope: string): Problem | undefined
  wayOf(env: IngestBindings, source: string): Way | undefined
  /** Has a body in memory while there is room for it. */
  withRoom(request: Request, work: () => Promise<Response>): Promise<Response>
}

/**
 * Imported history: `POST /v1/imports/{source}`, a line that says of which file and lines the events are and when they could be
 * known, then an event a line. With `?entity=` they are for the shards of one entity alone, with `&view=` by the keys of that view: `npx tidemark backfill`. Needs the scope `import:{source}`: whoever may send events may not say when they were known.
 */
export function importRoutes({ plan, refuse, wayOf, withRoom }: ImportDoor) {
  const http = new Hono<{ Bindings: IngestBindings }>()

  http.post('/:source', async (c) => {
    const name = c.req.param('source')
    const problem = refuse(c.env, c.req.header('authorization'), `import:${name}`)
    if (problem) return problemResponse(problem)
    const source = plan.sources.get(name)
    const way = wayOf(c.env, name)
    if (source === undefined || way === undefined) {
      const detail = `There is no source "${name}".${didYouMean(name, [...plan.sources.keys()])}`
      return problemResponse({ status: 404, code: 'unknown_source', detail })
    }
    if (source.table !== null) return problemResponse(isTable(name))
    const entity = c.req.query('entity')
    if (entity !== undefined && !source.routes.some((route) => route.entity.spec.name === entity)) {
      const known = source.routes.map((route) => route.entity.spec.name)
      const detail = `Source ${name} feeds no entity "${entity}".${didYouMean(entity, known)}`
      return problemResponse({ status: 404, code: 'unknown_entity', detail })
    }
    const view = c.req.query('view')
    if (view !== undefined && !plan.spec.views.some((one) => one.name === view && one.entity === entity)) {
      const detail = `The entity ${entity} has no view "${view}".${didYouMean(
        view,
        plan.spec.views.map((one) => one.name),
      )}`
      return problemResponse({ status: 404, code: 'unknown_view', detail })
    }
    return await withRoom(c.req.raw, async () => {
      const body = await readBytes(c.req.raw)
      if ('status' in body) return problemResponse(body)
      const text = bodyText(body)
      if (typeof text !== 'string') return problemResponse(text)
      const batch = importBatch(text, source.spec, Date.now())
      if (isRefusal(batch)) return unreadable(batch)
      // What one entity lacks is what the shards of this region have told: it stays here, also where the source is at home elsewhere.
      const receipt =
        entity === undefined ? await takeIn(way, batch) : await deliver(onlyFor(way, plan, source, entity, view), batch)
      if (isRefusal(receipt)) return unreadable(receipt)
      return 'unavailable' in receipt ? unavailable(receipt) : Response.json(receipt satisfies Receipt, { status: 202 })
    })
  })

  return http
}

/** The way to the shards of one entity alone, by all keys or by those of one view. */
function onlyFor(way: Way, plan: Plan, source: SourceRuntime, entity: string, view: string | undefined): Way {
  const has = ({ entity: of, views }: Route) => views.some((one) => of.plan[one.view]?.spec.name === view)
  const routes = source.routes.filter(
    (route) => route.entity.spec.name === entity && (view === undefined || has(route)),
  )
  return { ...way, router: new Router(plan.hash, { ...source, routes }, way.directory.shardsOf) }
}

/** Its rows change: what a row was at a time, and in which order, only its database says. */
const isTable = (name: string): Problem => ({
  status: 422,
  code: 'is_table',
  detail:
    `${name} is a table: its rows come from its database, in the order of its changes, and are not imported. ` +
    'Let Debezium take a snapshot (snapshot.mode=initial; docs/cdc.md), or import the history into a streamSource(...).',
})
