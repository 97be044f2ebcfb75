/** Whether what was deployed answers, over HTTP as everybody reaches it. */
import type { WorkerName } from '../lib/workers.ts'
import type { DeployPlan } from './plan.ts'

export type Fetch = (url: string, init: RequestInit) => Promise<Response>

/** A request that is not answered within this is asked again. */
const TIMEOUT_MS = 30_000

interface ShardsAnswer {
  readonly shards: readonly ShardAnswer[]
  readonly next?: number
}

interface ShardAnswer {
  readonly entity: string
  readonly shard: number
  readonly plan?: string
  readonly problem?: string
}

/** How far the shards are: all of them run the plan, or why not yet. `denied`: it is of no use to ask again. */
export type ShardsState =
  | { readonly kind: 'ready'; readonly shards: number }
  | { readonly kind: 'waiting'; readonly why: string }
  | { readonly kind: 'denied'; readonly why: string }

/** Asks every shard of a region which plan it runs. */
export async function shardsState(fetch: Fetch, url: string, token: string, plan: string): Promise<ShardsState> {
  const all: ShardAnswer[] = []
  let cursor: number | undefined = 0
  try {
    while (cursor !== undefined) {
      const response: Response = await get(fetch, `${url}/v1/shards?cursor=${cursor}`, token)
      const text = await response.text()
      if (response.status === 401 || response.status === 403) {
        const why = `${url}/v1/shards answered ${response.status}: ${shortly(text)}`
        return { kind: 'denied', why: `${why}. TIDEMARK_TOKEN is a token of the region with the scope admin` }
      }
      if (!response.ok)
        return { kind: 'waiting', why: `${url}/v1/shards answered ${response.status}: ${shortly(text)}` }
      const answer = JSON.parse(text) as ShardsAnswer
      all.push(...answer.shards)
      cursor = answer.next
    }
  } catch (error) {
    return { kind: 'waiting', why: `${url} did not answer: ${error instanceof Error ? error.message : String(error)}` }
  }
  const late = all.filter((shard) => shard.plan !== plan)
  if (late.length === 0) return { kind: 'ready', shards: all.length }
  const [first] = late
  const what = first?.problem ?? `it runs the plan ${first?.plan}`
  return {
    kind: 'waiting',
    why: `${all.length - late.length} of ${all.length} shards run the new plan; ${first?.entity}/${first?.shard}: ${what}`,
  }
}

/** What a smoke test found; `isOpening`: shards are taking over from those of the epoch before, which takes what it takes. */
export interface SmokeProblem {
  readonly why: string
  readonly isOpening: boolean
}

/** Answers of shards that are taking over, and of those that have handed over while a Worker still knew them as served. */
const OPENING = ['opening', 'sealed']

/** What is wrong with one deployed Worker, or undefined when it is well. */
export async function smokeTest(
  fetch: Fetch,
  worker: WorkerName,
  url: string,
  token: string | undefined,
  { region, plan, vector }: Pick<DeployPlan, 'region' | 'plan' | 'vector'>,
): Promise<SmokeProblem | undefined> {
  try {
    const response = await get(fetch, `${url}/v1/health`)
    const text = await response.text()
    if (!response.ok) return broken(`${url}/v1/health answered ${response.status}: ${shortly(text)}`)
    const health = JSON.parse(text) as { readonly region?: string; readonly plan?: string }
    if (health.region !== undefined && health.region !== region)
      return broken(`${url} answers as the region ${health.region}, not ${region}`)
    if (health.plan !== undefined && health.plan !== plan)
      return broken(`${url} runs the plan ${health.plan}, not ${plan}`)
    return worker === 'lookup' && vector !== null && token !== undefined
      ? await vectorProblem(fetch, url, token, vector)
      : undefined
  } catch (error) {
    return broken(`${url} did not answer: ${error instanceof Error ? error.message : String(error)}`)
  }
}

const broken = (why: string): SmokeProblem => ({ why, isOpening: false })

/** A vector of somebody who is not there: it goes the whole way of a read. */
async function vectorProblem(
  fetch: Fetch,
  url: string,
  token: string,
  { service, entity }: NonNullable<DeployPlan['vector']>,
): Promise<SmokeProblem | undefined> {
  const response = await fetch(`${url}/v1/features`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ service, entities: [entity] }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  const text = await response.text()
  if (!response.ok) {
    const why = `a vector of ${service} was answered ${response.status}: ${shortly(text)}`
    return { why, isOpening: response.status === 503 && OPENING.includes(codeOf(text)) }
  }
  const { rows } = JSON.parse(text) as { readonly rows?: readonly unknown[] }
  return rows?.length === 1 ? undefined : broken(`a vector of ${service} came with ${rows?.length ?? 'no'} rows`)
}

/** The code of a problem; empty when the text is no problem. */
function codeOf(text: string): string {
  try {
    const { code } = JSON.parse(text) as { readonly code?: unknown }
    return typeof code === 'string' ? code : ''
  } catch {
    return ''
  }
}

async function get(fetch: Fetch, url: string, token?: string): Promise<Response> {
  return await fetch(url, {
    method: 'GET',
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
}

/** The beginning of an answer, in one line. */
export const shortly = (text: string): string => text.replaceAll(/\s+/g, ' ').slice(0, 300)
