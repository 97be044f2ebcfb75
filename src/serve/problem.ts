import type { LookupFailure } from './lookup.ts'
import { MAX_ROWS } from './lookup.ts'

/** An error as RFC 9457 has it; `code` is for programs, `detail` says what was wrong, where, and how to mend it. */
export interface Problem {
  readonly status: number
  readonly code: string
  readonly detail: string
  /** Seconds after which to try again; for 429 and 503. */
  readonly retryAfter?: number
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Unauthorised',
  403: 'Forbidden',
  404: 'Not found',
  405: 'Method not allowed',
  409: 'Conflict',
  413: 'Too large',
  415: 'Unsupported media type',
  422: 'Nothing was accepted',
  429: 'Too many requests',
  500: 'Internal error',
  503: 'Unavailable',
}

/** A problem as an answer; `members` are added to its body. */
export function problemResponse({ status, code, detail, retryAfter }: Problem, members: object = {}): Response {
  const body = { type: 'about:blank', title: TITLES[status] ?? 'Error', status, code, detail, ...members }
  return new Response(JSON.stringify(body), {
    status,
    headers: {
      'content-type': 'application/problem+json',
      ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }),
      ...(status === 401 && { 'www-authenticate': 'Bearer' }),
    },
  })
}

/** The one place where a failed lookup becomes an HTTP answer. */
export function lookupProblem(failure: LookupFailure): Problem {
  switch (failure.failure) {
    case 'bad_key':
      return { status: 400, code: failure.why.reason, detail: `entities[${failure.row}]: ${failure.why.message}` }
    case 'too_many_rows':
      return {
        status: 413,
        code: 'too_many_rows',
        detail: `${failure.rows} rows of entities; at most ${MAX_ROWS} in one request. Send several.`,
      }
    case 'at_too_old': {
      const oldest = new Date(failure.oldestMs).toISOString()
      return {
        status: 400,
        code: 'at_too_old',
        detail: `entities[${failure.row}] can be read at ${oldest} or later: older state is no longer kept, and a wrong value is not given.`,
      }
    }
    case 'commit_not_seen':
      return {
        status: 503,
        code: 'commit_not_seen',
        detail: `Read was ${failure.commit}, which has not seen the commit named in "after".`,
        retryAfter: 1,
      }
    case 'unknown_commit':
      return {
        status: 400,
        code: 'bad_after',
        detail: `"after" names a commit of ${failure.commit}, and no such shard is read here.`,
      }
    case 'unavailable':
      return { status: 503, code: 'unavailable', detail: failure.message, retryAfter: 1 }
  }
}
