import { type Context, Hono } from 'hono'
import type { EpochStatus } from '../../durable-objects/opening.ts'
import type { EpochStub } from '../../durable-objects/parents.ts'
import {
  countIn,
  epochsFrom,
  formatShardName,
  type Plan,
  type Region,
  regionNamed,
  type ShardEpoch,
  type ShardKind,
} from '../../src/plan/index.ts'
import { type Problem, problemResponse } from '../../src/serve/index.ts'
import { didYouMean } from '../../src/util/did-you-mean.ts'
import type { IngestBindings } from './app.ts'

export interface EpochDoor {
  readonly plan: Plan
  readonly regions: readonly Region[]
  refuse(env: IngestBindings, authorization: string | undefined, scope: string): Problem | undefined
}

/** One epoch as this deployment knows it: shard counts by name. */
interface EpochCounts {
  readonly epoch: number
  readonly entities: Readonly<Record<string, number>>
  readonly tables: Readonly<Record<string, number>>
}

const SCOPE = 'admin'
const NUMBER = /^\d{1,9}$/

/** The shards of every epoch of a region: how they stand, and what makes them take over. Needs the scope `admin`. */
export function epochRoutes({ plan, regions, refuse }: EpochDoor) {
  const http = new Hono<{ Bindings: IngestBindings }>()
  type Door = Context<{ Bindings: IngestBindings }>
  const names: Readonly<Record<ShardKind, readonly string[]>> = {
    entity: [...plan.entities.keys()],
    table: [...plan.sources.values()].filter(({ table }) => table !== null).map(({ spec }) => spec.name),
  }
  const countsOf = (epoch: ShardEpoch): EpochCounts => {
    const counts = (kind: ShardKind) =>
      Object.fromEntries(names[kind].map((name) => [name, countIn(epoch, kind, name)]))
    return { epoch: epoch.epoch, entities: counts('entity'), tables: counts('table') }
  }

  /** The epoch and the thing that a path names, and its shards. */
  const found = (c: Door): Problem | { readonly stubs: readonly EpochStub[] } => {
    const problem = refuse(c.env, c.req.header('authorization'), SCOPE)
    if (problem) return problem
    const region = regionNamed(regions, c.env.REGION)
    const { epoch: number = '', kind = '', name = '' } = c.req.param()
    const epochs = [...(region.next ? [region.next] : []), ...epochsFrom(region)]
    const epoch = epochs.find((one) => String(one.epoch) === number)
    if (epoch === undefined) {
      const known = epochs.map((one) => one.epoch).join(', ')
      return notFound(
        'unknown_epoch',
        `This deployment knows no epoch ${number} of region ${region.name}; it knows ${known}.`,
      )
    }
    if (kind !== 'entity' && kind !== 'table')
      return notFound('unknown_kind', `Shards are of an entity or of a table, not of "${kind}".`)
    if (!names[kind].includes(name))
      return notFound(`unknown_${kind}`, `There is no ${kind} "${name}".${didYouMean(name, names[kind])}`)
    const shards = countIn(epoch, kind, name)
    const stubs = Array.from({ length: shards }, (_, shard): EpochStub => {
      const object = formatShardName({ region: region.name, entity: name, epoch: epoch.epoch, shards, shard })
      const { SHARDS, TABLES } = c.env
      return kind === 'entity' ? SHARDS.get(SHARDS.idFromName(object)) : TABLES.getByName(object)
    })
    return { stubs }
  }

  http.get('/', (c) => {
    const problem = refuse(c.env, c.req.header('authorization'), SCOPE)
    if (problem) return problemResponse(problem)
    const region = regionNamed(regions, c.env.REGION)
    const { next, previous } = region
    return c.json({
      region: region.name,
      current: countsOf(region),
      next: next ? countsOf(next) : null,
      previous: previous ? countsOf(previous) : null,
    })
  })

  http.get('/:epoch/:kind/:name', async (c) => {
    const place = found(c)
    if ('detail' in place) return problemResponse(place)
    return c.json({ shards: await Promise.all(place.stubs.map((stub) => stub.epochStatus())) })
  })

  const act = (action: string, work: (stub: EpochStub) => Promise<{ done: boolean; status: EpochStatus }>) =>
    http.post(`/:epoch/:kind/:name/:shard/${action}`, async (c) => {
      const place = found(c)
      if ('detail' in place) return problemResponse(place)
      const shard = c.req.param('shard') ?? ''
      const stub = NUMBER.test(shard) ? place.stubs[Number(shard)] : undefined
      if (stub === undefined)
        return problemResponse(
          notFound('unknown_shard', `There is no shard ${shard}; there are ${place.stubs.length}.`),
        )
      return c.json(await work(stub))
    })
  act('prepare', async (stub) => ({ done: await stub.prepareEpoch(), status: await stub.epochStatus() }))
  // What is long is done in pieces, so that no request lasts as long as the copying of a large shard.
  act('open', async (stub) => {
    const status = (await stub.prepareEpoch()) ? await stub.openEpoch() : await stub.epochStatus()
    return { done: status.state !== 'copying', status }
  })
  return http
}

const notFound = (code: string, detail: string): Problem => ({ status: 404, code, detail })
