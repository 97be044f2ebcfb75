import type { Problem } from '../../serve/index.ts'
import { fromBase64 } from '../../util/base64.ts'

/** How far a request's timestamp may be from this clock, either way. */
const TOLERANCE_S = 5 * 60
/** More signatures than a sender has keys in rotation are somebody's try. */
const MOST_SIGNATURES = 16
/** What the specification asks of a symmetric secret, in bytes. */
const SECRET_BYTES = [24, 64] as const
const ED25519_BYTES = 32

/** A key that requests of a source may be signed with. */
export interface WebhookKey {
  readonly scheme: 'v1' | 'v1a'
  readonly bytes: Uint8Array<ArrayBuffer>
}

type ImportedKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>

/** The three headers of a signed request. */
export interface SignedHeaders {
  readonly id: string
  readonly timestamp: string
  readonly signature: string
}

/**
 * A key from its text: `whsec_` and base64 of 24 to 64 bytes for HMAC-SHA256, `whpk_` and base64 of an Ed25519 public key.
 * Otherwise why not, without a character of it.
 */
export function parseWebhookKey(text: string): WebhookKey | string {
  const [, prefix, base64 = ''] = /^(whsec_|whpk_)(.*)$/s.exec(text) ?? []
  const bytes = fromBase64(base64)
  if (prefix === 'whsec_') {
    const [least, most] = SECRET_BYTES
    if (bytes !== undefined && bytes.length >= least && bytes.length <= most) return { scheme: 'v1', bytes }
    return `is not whsec_ and base64 of ${least} to ${most} bytes`
  }
  if (prefix === 'whpk_') {
    if (bytes?.length === ED25519_BYTES) return { scheme: 'v1a', bytes }
    return `is not whpk_ and base64 of an Ed25519 public key of ${ED25519_BYTES} bytes`
  }
  return 'begins with neither whsec_ nor whpk_'
}

/**
 * What a request must have before its body is worth reading: the three headers, and a timestamp of about now. A problem tells
 * nothing of the keys.
 */
export function signedHeaders(header: (name: string) => string | undefined, nowMs: number): SignedHeaders | Problem {
  const id = header('webhook-id') ?? ''
  const timestamp = header('webhook-timestamp') ?? ''
  const signature = header('webhook-signature') ?? ''
  const missing = Object.entries({ 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature })
    .filter(([, value]) => value === '')
    .map(([name]) => name)
  if (missing.length > 0) return refused('bad_signature', `The signed request lacks ${missing.join(' and ')}.`)
  // Between id and timestamp stands a full stop: with another in the id, one signature would fit two requests.
  if (id.includes('.')) return refused('bad_signature', 'The webhook-id of a signed request holds no full stop.')
  if (!/^\d{1,12}$/.test(timestamp))
    return refused('bad_signature', 'The webhook-timestamp is not a whole number of seconds since 1970.')
  const skew = Number(timestamp) - Math.floor(nowMs / 1_000)
  if (Math.abs(skew) > TOLERANCE_S) {
    const where = `${Math.abs(skew)} s ${skew < 0 ? 'behind' : 'ahead of'} the clock here`
    const how = 'sign each attempt anew, and have the clock set'
    return refused(
      'expired_signature',
      `The webhook-timestamp is ${where}; at most ${TOLERANCE_S} s are allowed: ${how}.`,
    )
  }
  return { id, timestamp, signature }
}

/**
 * Checks signatures by Standard Webhooks (https://www.standardwebhooks.com) with the keys of one source. Several keys and several
 * signatures are for rotation: one pair that fits is enough. What is signed is `id.timestamp.body`, the body as its bytes
 * are after decompression. Comparing is the crypto library's, in constant time.
 *
 * @example
 * const headers = signedHeaders((name) => request.headers.get(name) ?? undefined, Date.now())
 * const problem = 'status' in headers ? headers : await new WebhookVerifier(keys).refuse(headers, body)
 */
export class WebhookVerifier {
  private readonly keys: readonly WebhookKey[]
  private imported: Promise<readonly ImportedKey[]> | undefined

  constructor(keys: readonly WebhookKey[]) {
    this.keys = keys
  }

  /** Undefined when one of the signatures is by one of the keys, else the problem. */
  async refuse({ id, timestamp, signature }: SignedHeaders, body: Uint8Array): Promise<Problem | undefined> {
    const signatures = signature.split(' ').filter((part) => part !== '')
    if (signatures.length > MOST_SIGNATURES)
      return refused('bad_signature', `${signatures.length} signatures; at most ${MOST_SIGNATURES} are looked at.`)
    this.imported ??= Promise.all(this.keys.map(importKey))
    const keys = await this.imported
    const head = utf8.encode(`${id}.${timestamp}.`)
    const signed = new Uint8Array(head.length + body.length)
    signed.set(head)
    signed.set(body, head.length)
    for (const one of signatures) {
      const comma = one.indexOf(',')
      const bytes = comma < 0 ? undefined : signatureBytes(one.slice(comma + 1))
      if (bytes === undefined) continue
      for (const [k, { scheme }] of this.keys.entries()) {
        const key = keys[k] as ImportedKey
        if (scheme === one.slice(0, comma) && (await crypto.subtle.verify(key.algorithm.name, key, bytes, signed)))
          return undefined
      }
    }
    return refused('bad_signature', 'No signature of the request fits a key of this source and these bytes.')
  }
}

/** One text a signature: base64 would let its last bits be anything. */
function signatureBytes(text: string): Uint8Array<ArrayBuffer> | undefined {
  const bytes = fromBase64(text)
  return bytes && btoa(String.fromCharCode(...bytes)) === text ? bytes : undefined
}

async function importKey({ scheme, bytes }: WebhookKey): Promise<ImportedKey> {
  const algorithm = scheme === 'v1' ? { name: 'HMAC', hash: 'SHA-256' } : { name: 'Ed25519' }
  return await crypto.subtle.importKey('raw', bytes, algorithm, false, ['verify'])
}

const refused = (code: string, detail: string): Problem => ({ status: 401, code, detail })
const utf8 = new TextEncoder()
