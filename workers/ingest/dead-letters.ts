import { type Context, Hono } from 'hono'
import type { DeadLetters } from '../../durable-objects/dead-letters.ts'
import { learnerOf } from '../../durable-objects/learners.ts'
import { isRefusal } from '../../src/contract/index.ts'
import {
  type DeadLetter,
  type LetterList,
  type Replay,
  type ReplayReport,
  replay,
  type TakenLetters,
} from '../../src/dead-letters/index.ts'
import type { KafkaIntake, SourceSpec } from '../../src/engine/index.ts'
import type { Plan } from '../../src/plan/index.ts'
import { type Problem, problemResponse, readSmallBody } from '../../src/serve/index.ts'
import {
  type BodyReader,
  type Intake,
  parseConnections,
  recordAgain,
  type SchemaLearner,
  takeIn,
} from '../../src/source/index.ts'
import { didYouMean } from '../../src/util/did-you-mean.ts'
import type { IngestBindings } from './app.ts'
import { type DropQuery, type ListQuery, parseDrop, parseList, parseReplay } from './dead-letters-request.ts'

/** The dead letters of one source, as a Worker is bound to them. */
export type DeadLettersStub = {
  readonly [Name in 'list' | 'get' | 'take' | 'takeIds' | 'replayed' | 'drop' | 'dropIds']: (
    ...given: Parameters<DeadLetters[Name]>
  ) => Promise<Awaited<ReturnType<DeadLetters[Name]>>>
} & { add(letters: readonly DeadLetter[]): Promise<void> }

/** The way of a source's events: into the shards here, or to their home. */
export type Way = Intake & { readonly reader: BodyReader }

export interface DeadLetterDoor {
  readonly plan: Plan
  refuse(env: IngestBindings, authorization: string | undefined, scope: string): Problem | undefined
  wayOf(env: IngestBindings, source: string): Way | undefined
}

type Door = Context<{ Bindings: IngestBindings }>

const MAX_REQUEST_BYTES = 256 * 1024
/** Calls of one request, some thousands of letters each: then the asker goes on with the next. */
const DROP_CALLS = 20

/** Reading, replaying and dropping what was refused. Reading needs the scope `dead-letters`, the rest `dead-letters:write`. */
export function deadLetterRoutes({ plan, refuse, wayOf }: DeadLetterDoor) {
  const http = new Hono<{ Bindings: IngestBindings }>()
  const denied = (c: Door, scope: string) => refuse(c.env, c.req.header('authorization'), scope)
  const stubOf = (c: Door, source: string) => c.env.DEAD_LETTERS.getByName(`${c.env.REGION}/${source}`)
  const sourcesOf = (asked: string | undefined): readonly string[] | Problem => {
    const all = [...plan.sources.keys()]
    if (asked === undefined) return all
    return all.includes(asked) ? [asked] : unknownSource(asked, all)
  }

  http.get('/', async (c) => {
    const problem = denied(c, 'dead-letters')
    if (problem) return problemResponse(problem)
    const query = parseList(c.req.query())
    const sources = sourcesOf(c.req.query('source'))
    if ('status' in query) return problemResponse(query)
    if ('status' in sources) return problemResponse(sources)
    const lists = await Promise.all(sources.map((source) => stubOf(c, source).list(query)))
    return c.json(mergeLists(lists, query))
  })

  http.get('/:id', async (c) => {
    const problem = denied(c, 'dead-letters')
    if (problem) return problemResponse(problem)
    const sources = sourcesOf(c.req.query('source'))
    if ('status' in sources) return problemResponse(sources)
    const found = await Promise.all(sources.map((source) => stubOf(c, source).get(c.req.param('id'))))
    const letter = found.find((one) => one !== null)
    return letter ? c.json(letter) : problemResponse(noLetter(c.req.param('id')))
  })

  http.post('/replay', async (c) => {
    const problem = denied(c, 'dead-letters:write')
    if (problem) return problemResponse(problem)
    const text = await readSmallBody(c.req.raw, MAX_REQUEST_BYTES)
    const request = typeof text === 'string' ? parseReplay(text) : text
    if ('status' in request) return problemResponse(request)
    const { source, ...asked } = request
    const way = wayOf(c.env, source)
    const spec = plan.sources.get(source)?.spec
    if (way === undefined || spec === undefined) return problemResponse(unknownSource(source, [...plan.sources.keys()]))
    return replayResponse(await replay(replayOf(stubOf(c, source), way, spec, c.env.CONNECTIONS), asked))
  })

  http.delete('/:id', async (c) => {
    const problem = denied(c, 'dead-letters:write')
    if (problem) return problemResponse(problem)
    const sources = sourcesOf(c.req.query('source'))
    if ('status' in sources) return problemResponse(sources)
    const id = c.req.param('id')
    const counts = await Promise.all(sources.map((source) => stubOf(c, source).dropIds([id])))
    const dropped = counts.reduce((sum, count) => sum + count, 0)
    return dropped > 0 ? c.json({ dropped }) : problemResponse(noLetter(id))
  })

  http.delete('/', async (c) => {
    const problem = denied(c, 'dead-letters:write')
    if (problem) return problemResponse(problem)
    const query = parseDrop(c.req.query())
    if ('status' in query) return problemResponse(query)
    const sources = sourcesOf(query.source)
    if ('status' in sources) return problemResponse(sources)
    return await drop(stubOf(c, query.source), query)
  })

  return http
}

/** Lets events go the way of all events, and takes out of the letters what was counted. */
function replayOf(stub: DeadLettersStub, way: Way, source: SourceSpec, connections: string | undefined): Replay {
  const learners = new Map<string, SchemaLearner>()
  return {
    countsEach: source.idempotency === 'none',
    decode: async ({ payload, position }) => {
      const topic = position?.split('/')[0] ?? ''
      const intake = source.from.find((way): way is KafkaIntake => way.kind === 'kafka' && way.topic === topic)
      if (intake === undefined) return way.reader.readAgain(payload)
      const learner = learners.get(topic) ?? learnerOf(source, intake, 0, parseConnections(connections))
      learners.set(topic, learner)
      return await recordAgain(learner, payload)
    },
    take: async (request): Promise<TakenLetters> => await stub.take(request),
    takeIds: async (ids) => await stub.takeIds(ids),
    replayed: async (ids) => await stub.replayed(ids),
    deliver: async (batch) => {
      const receipt = await takeIn(way, { ...batch, arrivalMs: Date.now() })
      return isRefusal(receipt) ? { unavailable: receipt.reason, message: receipt.message } : receipt
    },
  }
}

function replayResponse({ cursor, failure, ...counts }: ReplayReport): Response {
  const report = { ...counts, ...(cursor && { next: `${cursor.after}-${cursor.upTo}` }) }
  if (failure === undefined) return Response.json(report)
  const detail = `${failure.message}. What was replayed before is done; ask again to go on: nothing will be counted twice.`
  return problemResponse({ status: 503, code: failure.unavailable, detail, retryAfter: 1 }, report)
}

async function drop(stub: DeadLettersStub, { source, confirm, ...query }: DropQuery): Promise<Response> {
  let dropped = 0
  let answer = await stub.drop({ ...query, confirm })
  for (let calls = 1; ; calls++) {
    if ('count' in answer) return problemResponse(otherCount(source, confirm, answer.count), { count: answer.count })
    dropped += answer.dropped
    const { remaining, upTo } = answer
    if (remaining === 0 || calls === DROP_CALLS) {
      return Response.json({ dropped, remaining, ...(remaining > 0 && { next: upTo }) })
    }
    answer = await stub.drop({ ...query, upTo })
  }
}

/** Without a source, the newest of all of them. A list of several cannot be gone on with. */
function mergeLists(lists: readonly LetterList[], { limit }: ListQuery): LetterList {
  const [only] = lists
  if (lists.length === 1 && only) return only
  const sum = (of: (list: LetterList) => number) => lists.reduce((total, list) => total + of(list), 0)
  const byReason: Record<string, number> = {}
  for (const list of lists) {
    for (const [reason, count] of Object.entries(list.byReason)) byReason[reason] = (byReason[reason] ?? 0) + count
  }
  const oldest = lists.flatMap(({ oldestKeptMs }) => oldestKeptMs ?? [])
  const letters = lists.flatMap((list) => list.letters).sort((a, b) => b.keptMs - a.keptMs)
  return {
    count: sum((list) => list.count),
    byReason,
    totals: {
      kept: sum((list) => list.totals.kept),
      replayed: sum((list) => list.totals.replayed),
      dropped: sum((list) => list.totals.dropped),
      expired: sum((list) => list.totals.expired),
      overflowed: sum((list) => list.totals.overflowed),
    },
    oldestKeptMs: oldest.length > 0 ? Math.min(...oldest) : null,
    matching: sum((list) => list.matching),
    letters: letters.slice(0, limit),
  }
}

const unknownSource = (name: string, known: readonly string[]): Problem => ({
  status: 404,
  code: 'unknown_source',
  detail: `There is no source "${name}".${didYouMean(name, known)}`,
})

const noLetter = (id: string): Problem => ({
  status: 404,
  code: 'unknown_letter',
  detail: `There is no dead letter ${JSON.stringify(id.slice(0, 64))}: it was replayed, dropped or let go, or never was.`,
})

const otherCount = (source: string, confirm: number, count: number): Problem => ({
  status: 409,
  code: 'other_count',
  detail: `${count} dead letters of ${source} fit, not ${confirm}: nothing was dropped. Look again, then send confirm=${count}.`,
})
