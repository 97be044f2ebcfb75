import { type Problem, Tokens } from '../../src/serve/index.ts'
import { parseConnections, signedHeaders, WebhookVerifier } from '../../src/source/index.ts'

/** Looks at the body of a request that said it is signed. */
export type BodyCheck = (body: Uint8Array) => Promise<Problem | undefined>

/** Who may do what, from the secrets TOKENS and CONNECTIONS. Parsed once an isolate. */
export class Admission {
  readonly tokens: Tokens
  private readonly secrets: readonly (string | undefined)[]
  private readonly verifiers: ReadonlyMap<string, WebhookVerifier>

  /** Throws for a secret that is not what it should be, without a word of it. */
  constructor(tokens: string, connections: string | undefined) {
    this.secrets = [tokens, connections]
    this.tokens = new Tokens(tokens)
    const { webhooks } = parseConnections(connections)
    this.verifiers = new Map(Object.entries(webhooks).map(([source, keys]) => [source, new WebhookVerifier(keys)]))
  }

  /** Whether it was made of these secrets. */
  isOf(tokens: string, connections: string | undefined): boolean {
    return this.secrets[0] === tokens && this.secrets[1] === connections
  }

  /**
   * Whether a request may send to a source, before its body is read: by a bearer token, or by a signature that is still to be
   * checked against the body. A signature counts where the source has keys; then a wrong one is refused whatever the token.
   */
  send(source: string, headers: Headers, nowMs: number): Problem | BodyCheck {
    const verifier = this.verifiers.get(source)
    if (verifier !== undefined && headers.has('webhook-signature')) {
      const signed = signedHeaders((name) => headers.get(name) ?? undefined, nowMs)
      return 'status' in signed ? signed : (body) => verifier.refuse(signed, body)
    }
    const authorization = headers.get('authorization')
    // Whoever gives a source keys means its senders to show one, also where anonymous may send to others.
    if (verifier !== undefined && !authorization) return notSigned(source)
    return this.tokens.refuse(authorization, `ingest:${source}`) ?? noCheck
  }
}

const noCheck: BodyCheck = async () => undefined

const notSigned = (source: string): Problem => ({
  status: 401,
  code: 'no_signature',
  detail: `Requests to ${source} are signed (webhook-id, webhook-timestamp, webhook-signature), or bring a token with the scope ingest:${source}.`,
})
