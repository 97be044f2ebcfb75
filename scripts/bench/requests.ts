/** Requests for vectors, and what one costs workerd. */
import { requestBytes } from './connection.ts'
import { uidOf } from './data.ts'
import { CONNECTIONS, closedLoop, failureNote, repeat } from './load.ts'
import { median } from './measure.ts'
import type { BenchRuntime } from './runtime.ts'

/** `maxStalenessMs`: how old what is read may be; absent: through the shards. */
export function vectorRequest(
  runtime: BenchRuntime,
  service: string,
  entities: readonly number[],
  maxStalenessMs?: number,
): Buffer {
  const rows = entities.map((entity) => ({ uid: uidOf(entity) }))
  const body = { service, entities: rows, ...(maxStalenessMs !== undefined && { maxStalenessMs }) }
  return requestBytes(runtime.lookup, '/v1/features', JSON.stringify(body))
}

/** Rounds that requests of several kinds take turns in: what else the machine does falls on all of them. */
const TURNS = 10

export interface RequestCost {
  /** CPU us of workerd a request. */
  readonly us: number
  /** By wall, as fast as it goes. */
  readonly perSecond: number
  /** Empty when all were answered with 2xx. */
  readonly failed: string
}

/** Costs of several kinds of requests, `requests` of each, a tenth of them at a time. */
export async function inTurns(
  runtime: BenchRuntime,
  requests: number,
  kinds: readonly { readonly url: string; readonly next: (index: number) => Buffer }[],
): Promise<RequestCost[]> {
  const found: RequestCost[][] = kinds.map(() => [])
  const each = Math.ceil(requests / TURNS)
  for (let turn = 0; turn < TURNS; turn++) {
    for (const [at, { url, next }] of kinds.entries()) {
      found[at]?.push(await cost(runtime, url, each, (index) => next(turn * each + index)))
    }
  }
  return found.map((rounds) => ({
    us: rounds.reduce((sum, round) => sum + round.us, 0) / TURNS,
    perSecond: median(rounds.map((round) => round.perSecond)),
    failed: rounds.map((round) => round.failed).find((failed) => failed !== '') ?? '',
  }))
}

/** CPU us of workerd a request, as fast as it goes. */
export async function cost(
  runtime: BenchRuntime,
  url: string,
  requests: number,
  next: (index: number) => Buffer,
): Promise<RequestCost> {
  const { seconds, result } = await runtime.cpuOf(() => closedLoop(url, repeat(requests, next), CONNECTIONS))
  const us = (1e6 * seconds) / requests
  return { us, perSecond: requests / result.wallSeconds, failed: failureNote(result) }
}

export const joined = (...notes: readonly string[]): string => notes.filter((note) => note !== '').join('; ')
