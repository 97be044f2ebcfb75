import { type Context, Hono } from 'hono'
import { type App, planOf } from '../../durable-objects/app.ts'
import { expectationCounts } from '../../durable-objects/directory.ts'
import { type ForwarderStatus, formatForwarderName } from '../../durable-objects/forwarder.ts'
import { formatPartitionName, type PartitionStatus } from '../../durable-objects/kafka-partition.ts'
import type { HeldStub } from '../../durable-objects/restore.ts'
import type { KafkaIntake } from '../../src/engine/index.ts'
import {
  environmentAround,
  homesOf,
  type Plan,
  type Region,
  regionNamed,
  routingOf,
  type SourceRuntime,
} from '../../src/plan/index.ts'
import { type Problem, problemResponse, readSmallBody } from '../../src/serve/index.ts'
import {
  type Barrier,
  connectKafka,
  type ExpectationStatus,
  expectationStatuses,
  type KafkaFailure,
  parseConnections,
  type ResumeOptions,
} from '../../src/source/index.ts'
import { didYouMean } from '../../src/util/did-you-mean.ts'
import type { IngestBindings } from './app.ts'

/** A partition's puller, as a Worker is bound to it. */
export interface PartitionStub extends HeldStub {
  wake(isLater?: boolean): Promise<PartitionStatus>
  status(): Promise<PartitionStatus>
  resume(options: ResumeOptions): Promise<PartitionStatus>
  handOver(): Promise<Barrier>
  takeOver(barrier: Barrier): Promise<PartitionStatus>
}

export interface SourceDoor {
  readonly plan: Plan
  readonly app: App
  refuse(env: IngestBindings, authorization: string | undefined, scope: string): Problem | undefined
}

/** A source as a person sees it. */
interface SourceStatus {
  readonly source: string
  readonly kind: 'stream' | 'table'
  readonly from: readonly string[]
  readonly topics: readonly TopicStatus[]
  /** What waits here for other regions, which keep it or did before; absent where every event is kept here and nothing waits. */
  readonly forwards?: readonly ForwarderStatus[]
}

/** A source alone, with how it does by its expectations. */
interface SourceDetails extends SourceStatus {
  readonly expectations: readonly ExpectationStatus[]
  /** Why its shards could not be asked. */
  readonly expectationsProblem?: string
}

interface TopicStatus {
  readonly topic: string
  readonly cluster: string
  /** Why the topic's partitions could not be listed. */
  readonly problem?: string
  readonly partitions: readonly ShownPartition[]
}

/** A partition's status with what follows from it. */
type ShownPartition = PartitionStatus & {
  /** Records behind the end of the partition, as last seen. */
  readonly lag: number | null
  /** How one command makes it go on, where it is halted or waits. */
  readonly resume?: string
}

const MAX_REQUEST_BYTES = 16 * 1024

/** How sources do, and what a person may do about it. Reading needs the scope `sources`, the rest `sources:write`. */
export function sourceRoutes({ plan, app, refuse }: SourceDoor) {
  const http = new Hono<{ Bindings: IngestBindings }>()
  type Door = Context<{ Bindings: IngestBindings }>
  const denied = (c: Door, scope: string) => refuse(c.env, c.req.header('authorization'), scope)

  http.get('/', async (c) => {
    const problem = denied(c, 'sources')
    if (problem) return problemResponse(problem)
    const sources = await Promise.all(
      [...plan.sources.values()].map((source) => statusOf(source, app, c.env, 'status')),
    )
    return c.json({ region: c.env.REGION, sources })
  })

  http.get('/:source', async (c) => {
    const problem = denied(c, 'sources')
    if (problem) return problemResponse(problem)
    const source = plan.sources.get(c.req.param('source'))
    if (source === undefined) return problemResponse(unknownSource(c.req.param('source'), plan))
    return c.json(await detailsOf(source, app, c.env))
  })

  http.post('/wake', async (c) => {
    const problem = denied(c, 'sources:write')
    if (problem) return problemResponse(problem)
    return c.json({ region: c.env.REGION, sources: await wakeAll(app, c.env) })
  })

  const partitionRoute = (
    action: string,
    act: (
      stub: PartitionStub,
      body: Readonly<Record<string, unknown>>,
      source: SourceRuntime,
      region: string,
    ) => Promise<unknown> | Problem,
  ) =>
    http.post(`/:source/partitions/:topic/:partition/${action}`, async (c) => {
      const problem = denied(c, 'sources:write')
      if (problem) return problemResponse(problem)
      const { source, topic, partition } = c.req.param() as Record<'source' | 'topic' | 'partition', string>
      const runtime = plan.sources.get(source)
      if (runtime === undefined) return problemResponse(unknownSource(source, plan))
      const topics = topicsOf(runtime).map((intake) => intake.topic)
      if (!topics.includes(topic) || !/^\d{1,6}$/.test(partition)) {
        const detail = `Source ${source} does not read ${topic}/${partition}; it reads ${topics.join(', ') || 'no topic'}.`
        return problemResponse({ status: 404, code: 'unknown_partition', detail })
      }
      const text = await readSmallBody(c.req.raw, MAX_REQUEST_BYTES)
      if (typeof text !== 'string') return problemResponse(text)
      const body = parseObject(text)
      if (body === undefined) {
        return problemResponse({ status: 400, code: 'bad_json', detail: 'The body is a JSON object, or empty.' })
      }
      const name = formatPartitionName({ region: c.env.REGION, source, topic, partition: Number(partition) })
      const answer = await act(c.env.KAFKA_PARTITIONS.getByName(name), body, runtime, c.env.REGION)
      return isProblem(answer) ? problemResponse(answer) : c.json(answer as object)
    })

  http.post('/:source/forwards/:home/skip', async (c) => {
    const problem = denied(c, 'sources:write')
    if (problem) return problemResponse(problem)
    const { source, home } = c.req.param()
    if (!plan.sources.has(source)) return problemResponse(unknownSource(source, plan))
    const region = regionNamed(app.regions, c.env.REGION)
    const others = environmentAround(app.regions, region).filter((one) => one !== region)
    if (!others.some(({ name }) => name === home)) {
      const names = others.map(({ name }) => name)
      const detail = `There is no other region "${home}" around ${region.name}.${didYouMean(home, names)}`
      return problemResponse({ status: 404, code: 'unknown_region', detail })
    }
    const answer = await c.env.FORWARDERS.getByName(formatForwarderName({ region: region.name, source, home })).skip()
    if ('refused' in answer) return problemResponse({ status: 409, code: 'not_stuck', detail: answer.refused })
    return c.json(answer)
  })

  partitionRoute('resume', (stub, { skip, offset }) => {
    if (skip !== undefined && typeof skip !== 'boolean') return badField('skip', 'true or false')
    if (offset !== undefined && !isOffset(offset)) return badField('offset', 'a whole number')
    return stub.resume({ ...(skip === true && { skip }), ...(offset !== undefined && { offset }) })
  })
  partitionRoute('hand-over', (stub) => stub.handOver())
  partitionRoute('take-over', (stub, { topicId, incarnation, offset, generation }, source, name) => {
    const elsewhere = livesElsewhere(source, regionNamed(app.regions, name))
    if (elsewhere) return elsewhere
    if (topicId !== null && typeof topicId !== 'string') return badField('topicId', 'a text or null')
    if (!isOffset(incarnation)) return badField('incarnation', 'a whole number')
    if (offset !== -1 && !isOffset(offset)) return badField('offset', 'a whole number')
    if (!isOffset(generation)) return badField('generation', 'a whole number')
    return stub.takeOver({ topicId, incarnation, offset, generation })
  })
  return http

  /** A source that has a home is pulled there: records are not forwarded. */
  function livesElsewhere(source: SourceRuntime, region: Region): Problem | undefined {
    if (routingOf(app.routing, app.regions, region, source) === 'local') return undefined
    const homes = homesOf(app.routing, app.regions, region, source)
    if (homes.includes(region)) return undefined
    const { name } = source.spec
    const detail = `Source ${name} lives in ${homes[0]?.name}, and is pulled there: change its routing in regions.ts first (and name the region of before as "before"), and deploy every region.`
    return { status: 409, code: 'not_home', detail }
  }
}

/** Wakes the pullers of every source: harmless as often as that. */
export async function wakeAll(app: App, env: IngestBindings): Promise<SourceStatus[]> {
  const sources = [...planOf(app).sources.values()].filter((source) => topicsOf(source).length > 0)
  return await Promise.all(sources.map((source) => statusOf(source, app, env, 'wake')))
}

export const topicsOf = ({ spec }: SourceRuntime): KafkaIntake[] =>
  spec.from.filter((way): way is KafkaIntake => way.kind === 'kafka')

async function statusOf(
  source: SourceRuntime,
  app: App,
  env: IngestBindings,
  ask: 'status' | 'wake',
): Promise<SourceStatus> {
  const [topics, forwards] = await Promise.all([
    Promise.all(topicsOf(source).map((intake) => topicStatus(source.spec.name, intake, env, ask))),
    forwardsOf(source, app, env, ask),
  ])
  return {
    source: source.spec.name,
    kind: source.table === null ? 'stream' : 'table',
    from: source.spec.from.map(({ kind }) => kind),
    topics,
    ...(forwards.length > 0 && { forwards }),
  }
}

/**
 * The queues of a source in this region: those for regions that keep its events now, and any other in which something waits, such as
 * for a home of before. A cron looks at the first alone.
 */
async function forwardsOf(
  source: SourceRuntime,
  app: App,
  env: IngestBindings,
  ask: 'status' | 'wake',
): Promise<ForwarderStatus[]> {
  const region = regionNamed(app.regions, env.REGION)
  const isLocal = routingOf(app.routing, app.regions, region, source) === 'local'
  const homes = isLocal ? [] : homesOf(app.routing, app.regions, region, source)
  const asked = (ask === 'wake' ? homes : environmentAround(app.regions, region)).filter((home) => home !== region)
  const queues = await Promise.all(
    asked.map(async (home) => {
      const name = formatForwarderName({ region: region.name, source: source.spec.name, home: home.name })
      return { home, status: await env.FORWARDERS.getByName(name).status() }
    }),
  )
  return queues.filter(({ home, status }) => homes.includes(home) || status.events > 0).map(({ status }) => status)
}

async function detailsOf(source: SourceRuntime, app: App, env: IngestBindings): Promise<SourceDetails> {
  const [status, counts] = await Promise.all([
    statusOf(source, app, env, 'status'),
    expectationCounts(regionNamed(app.regions, env.REGION), source, { shards: env.SHARDS, tables: env.TABLES }).catch(
      (cause: unknown) => (cause instanceof Error ? cause.message : String(cause)),
    ),
  ])
  // A part of the counts would pass for all of them.
  if (typeof counts === 'string')
    return { ...status, expectations: [], expectationsProblem: `A shard did not answer: ${counts}` }
  return { ...status, expectations: expectationStatuses(source.spec, counts, Date.now()) }
}

async function topicStatus(
  source: string,
  { topic, cluster }: KafkaIntake,
  env: IngestBindings,
  ask: 'status' | 'wake',
): Promise<TopicStatus> {
  const count = await partitionCount(topic, cluster, env)
  if (typeof count !== 'number') return { topic, cluster, problem: count.message, partitions: [] }
  const stubOf = (partition: number) =>
    env.KAFKA_PARTITIONS.getByName(formatPartitionName({ region: env.REGION, source, topic, partition }))
  // The first partition remembers how many there were: those behind are new, and read from their beginning.
  const { firstPartitions } = await stubOf(0).status()
  const isLater = (partition: number) => firstPartitions > 0 && partition >= firstPartitions
  const partitions = await Promise.all(
    Array.from({ length: count }, async (_, partition) => {
      const stub = stubOf(partition)
      const status = ask === 'wake' ? await stub.wake(isLater(partition)) : await stub.status()
      return shownPartition(source, status)
    }),
  )
  return { topic, cluster, partitions }
}

export async function partitionCount(
  topic: string,
  cluster: string,
  env: IngestBindings,
): Promise<number | KafkaFailure> {
  const connection = parseConnections(env.CONNECTIONS).kafka[cluster]
  if (connection === undefined) {
    return { kind: 'failed', transient: false, message: `The secret CONNECTIONS has no Kafka cluster "${cluster}".` }
  }
  const [now, random] = [() => Date.now(), () => Math.random()]
  const name = `tidemark-${env.REGION}-watchdog`
  const kafka = connectKafka(connection, { fetch: (url, init) => fetch(url, init), now, random, name })
  const info = await kafka.topic(topic)
  return info.kind === 'failed' ? info : info.partitions
}

function shownPartition(source: string, status: PartitionStatus): ShownPartition {
  const { phase, offset, end, topic, partition, halt } = status
  const lag = end < 0 || offset < 0 ? null : Math.max(0, end - offset)
  if (phase === 'waiting') {
    const resume = `npx tidemark sources move ${source} --partition ${topic}/${partition} --from-url OLD-HOME --to-url NEW-HOME`
    return { ...status, lag, resume }
  }
  if (phase !== 'halted') return { ...status, lag }
  const how = halt?.reason === 'beyond_end' ? ' --offset 0' : halt?.reason === 'poison' ? ' --skip' : ''
  return { ...status, lag, resume: `npx tidemark sources resume ${source} --partition ${topic}/${partition}${how}` }
}

function unknownSource(name: string, plan: Plan): Problem {
  const detail = `There is no source "${name}".${didYouMean(name, [...plan.sources.keys()])}`
  return { status: 404, code: 'unknown_source', detail }
}

const badField = (name: string, expected: string): Problem => ({
  status: 400,
  code: 'bad_request',
  detail: `"${name}" is ${expected}.`,
})
const isProblem = (answer: unknown): answer is Problem =>
  typeof answer === 'object' && answer !== null && 'detail' in answer
const isOffset = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  if (text.trim() === '') return {}
  try {
    const parsed = JSON.parse(text) as unknown
    const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
    return isObject ? (parsed as Readonly<Record<string, unknown>>) : undefined
  } catch {
    return undefined
  }
}
