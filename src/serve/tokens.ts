import type { Problem } from './problem.ts'

/** The entry of the tokens that tells what a request without a token may do. */
const ANONYMOUS = 'anonymous'
const utf8 = new TextEncoder()

/**
 * Bearer tokens and their scopes, from the secret `TOKENS`: JSON of token to list of scopes. A scope is `ingest:SOURCE`,
 * `import:SOURCE`, `read:SERVICE`, `dead-letters`, `dead-letters:write`, `sources`, `sources:write`, `admin`, or one of these with `*` for the name; `*` alone is everything. The entry `anonymous`
 * says what a request without a token may do; without it, nothing.
 *
 * @example new Tokens('{"s3cret": ["ingest:flights"], "anonymous": ["read:*"]}')
 */
export class Tokens {
  private readonly entries: readonly { readonly token: Uint8Array; readonly scopes: readonly string[] }[]
  private readonly anonymous: readonly string[]

  constructor(json: string) {
    const parsed = new Map(Object.entries(parseTokens(json)))
    this.anonymous = parsed.get(ANONYMOUS) ?? []
    this.entries = [...parsed]
      .filter(([token]) => token !== ANONYMOUS)
      .map(([token, scopes]) => ({ token: utf8.encode(token), scopes }))
  }

  /** Undefined when the request may do it, else why not. */
  refuse(authorization: string | null | undefined, scope: string): Problem | undefined {
    if (!authorization) {
      if (allows(this.anonymous, scope)) return undefined
      return {
        status: 401,
        code: 'no_token',
        detail: `This needs a token with the scope ${scope}: send "authorization: Bearer TOKEN".`,
      }
    }
    // Debezium Server sends the scheme with a colon.
    const token = /^Bearer:? +(\S+)$/i.exec(authorization)?.[1]
    const scopes = token === undefined ? undefined : this.scopesOf(token)
    if (scopes === undefined)
      return { status: 401, code: 'unknown_token', detail: 'The bearer token is not known here.' }
    if (allows(scopes, scope)) return undefined
    return {
      status: 403,
      code: 'scope_missing',
      detail: `The token is known, but lacks the scope ${scope}; it has: ${scopes.join(', ')}.`,
    }
  }

  private scopesOf(token: string): readonly string[] | undefined {
    const given = utf8.encode(token)
    let found: readonly string[] | undefined
    // All are compared, each in time that depends on lengths only: the time of an answer tells nothing about a token.
    for (const entry of this.entries) if (equalBytes(entry.token, given)) found = entry.scopes
    return found
  }
}

/** Throws without a word of the secret: the message ends up in an answer. JSON.parse would quote it. */
function parseTokens(json: string): Record<string, readonly string[]> {
  let parsed: unknown
  try {
    parsed = JSON.parse(json)
  } catch {
    parsed = undefined
  }
  const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
  if (isObject && Object.values(parsed as object).every(isListOfTexts))
    return parsed as Record<string, readonly string[]>
  throw new Error('The secret TOKENS is not JSON of token to list of scopes, such as {"s3cret": ["ingest:flights"]}.')
}

const isListOfTexts = (value: unknown): boolean =>
  Array.isArray(value) && value.every((item) => typeof item === 'string')

function allows(scopes: readonly string[], wanted: string): boolean {
  const kind = wanted.split(':')[0]
  return scopes.some((scope) => scope === '*' || scope === wanted || scope === `${kind}:*`)
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length
  for (let i = 0; i < b.length; i++) difference |= (a[i % Math.max(1, a.length)] ?? 0) ^ (b[i] as number)
  return difference === 0
}
