import type { LetterFilter, ReplayCursor } from '../../src/dead-letters/index.ts'
import type { Problem } from '../../src/serve/index.ts'
import { parseRfc3339 } from '../../src/util/rfc3339.ts'

export interface ListQuery extends LetterFilter {
  readonly position?: string
  readonly limit: number
  readonly before?: number
}

export interface DropQuery extends LetterFilter {
  readonly source: string
  readonly confirm: number
  readonly upTo?: number
}

export interface ReplayQuery extends LetterFilter {
  readonly source: string
  readonly position?: string
  readonly ids?: readonly string[]
  readonly limit: number
  readonly cursor?: ReplayCursor
}

type Query = Readonly<Record<string, unknown>>

const FILTER = ['source', 'reason', 'field', 'since', 'until']
const LISTED = 100
const MAX_LISTED = 1_000
const REPLAYED = 1_000
const MAX_REPLAYED = 5_000
const MAX_IDS = 1_000

/** What `GET /v1/dead-letters?...` asks for. */
export function parseList(query: Query): ListQuery | Problem {
  const filter = parseFilter(query, [...FILTER, 'position', 'limit', 'cursor'])
  if ('status' in filter) return filter
  const limit = wholeNumber(query, 'limit', LISTED, 0, MAX_LISTED)
  const before = wholeNumber(query, 'cursor', undefined, 0, Number.MAX_SAFE_INTEGER)
  if (typeof limit === 'object') return limit
  if (typeof before === 'object') return before
  if (before !== undefined && query.source === undefined)
    return bad('bad_cursor', '"cursor" goes on with the letters of one source: name it in "source".')
  return { ...filter, ...position(query), limit, ...(before !== undefined && { before }) }
}

/** What `DELETE /v1/dead-letters?...` asks for: never without a source and the number of letters to lose. */
export function parseDrop(query: Query): DropQuery | Problem {
  const filter = parseFilter(query, [...FILTER, 'confirm', 'cursor'])
  if ('status' in filter) return filter
  const { source } = query
  if (typeof source !== 'string')
    return bad('missing_source', '"source" is missing: letters are dropped of one source at a time.')
  const confirm = wholeNumber(query, 'confirm', undefined, 0, Number.MAX_SAFE_INTEGER)
  if (typeof confirm === 'object') return confirm
  if (confirm === undefined) {
    const how = 'as GET /v1/dead-letters with the same filter tells in "matching"'
    return bad('missing_confirm', `"confirm" is missing: the number of letters that are to be dropped, ${how}.`)
  }
  const upTo = wholeNumber(query, 'cursor', undefined, 0, Number.MAX_SAFE_INTEGER)
  if (typeof upTo === 'object') return upTo
  return { ...filter, source, confirm, ...(upTo !== undefined && { upTo }) }
}

/** What the body of `POST /v1/dead-letters/replay` asks for. */
export function parseReplay(text: string): ReplayQuery | Problem {
  const how = 'expected an object such as {"source": "flights", "reason": "wrong_type"}'
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    return bad('bad_json', `The body is no JSON; ${how}.`)
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    return bad('bad_request', `The body is no object; ${how}.`)
  const query = body as Query
  const filter = parseFilter(query, [...FILTER, 'position', 'ids', 'limit', 'cursor'])
  if ('status' in filter) return filter
  const { source, ids } = query
  if (typeof source !== 'string') return bad('missing_source', `"source" is missing; ${how}.`)
  const limit = wholeNumber(query, 'limit', REPLAYED, 1, MAX_REPLAYED)
  if (typeof limit === 'object') return limit
  const cursor = query.cursor === undefined ? undefined : /^(\d{1,15})-(\d{1,15})$/.exec(String(query.cursor))
  if (cursor === null) return bad('bad_cursor', '"cursor" is not what an answer gave as "next".')
  const [, after, upTo] = cursor ?? []
  const where = { ...filter, source, ...position(query), limit }
  if (ids === undefined) return { ...where, ...(cursor && { cursor: { after: Number(after), upTo: Number(upTo) } }) }
  if (!Array.isArray(ids) || ids.length > MAX_IDS || !ids.every((id) => typeof id === 'string'))
    return bad('bad_ids', `"ids" is not a list of at most ${MAX_IDS} texts.`)
  return { ...where, ids, limit: ids.length }
}

function parseFilter(query: Query, known: readonly string[]): LetterFilter | Problem {
  for (const [name, value] of Object.entries(query)) {
    if (!known.includes(name))
      return bad('unknown_parameter', `"${name}" is not known here; there are: ${known.join(', ')}.`)
    if (FILTER.includes(name) && typeof value !== 'string')
      return bad('bad_parameter', `"${name}" is ${JSON.stringify(value)}; expected a text.`)
  }
  const sinceMs = time(query, 'since')
  const untilMs = time(query, 'until')
  if (typeof sinceMs === 'object') return sinceMs
  if (typeof untilMs === 'object') return untilMs
  return {
    ...(typeof query.reason === 'string' && { reason: query.reason }),
    ...(typeof query.field === 'string' && { field: query.field }),
    ...(sinceMs !== undefined && { sinceMs }),
    ...(untilMs !== undefined && { untilMs }),
  }
}

function position({ position: asked }: Query): { readonly position?: string } {
  return typeof asked === 'string' && asked !== '' ? { position: asked } : {}
}

function time(query: Query, name: string): number | undefined | Problem {
  const text = query[name]
  if (typeof text !== 'string') return undefined
  const ms = parseRfc3339(text)
  if (typeof ms === 'number') return ms
  return bad('bad_time', `"${name}" is ${JSON.stringify(text.slice(0, 64))}, which is no time: ${ms}.`)
}

function wholeNumber<Preset extends number | undefined>(
  query: Query,
  name: string,
  preset: Preset,
  least: number,
  most: number,
): number | Preset | Problem {
  const given = query[name]
  if (given === undefined) return preset
  const value = typeof given === 'string' && /^\d+$/.test(given) ? Number(given) : given
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return value as number
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least} on` : `from ${least} to ${most}`
  return bad(`bad_${name}`, `"${name}" is ${String(given).slice(0, 64)}; expected a whole number ${range}.`)
}

const bad = (code: string, detail: string): Problem => ({ status: 400, code, detail })
