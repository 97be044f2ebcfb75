import { Webhook } from 'standardwebhooks'
import { describe, expect, test } from 'vitest'
import {
  parseWebhookKey,
  signedHeaders,
  type WebhookKey,
  WebhookVerifier,
} from '../../../src/source/webhook/standard.ts'
import { type Random, random } from '../../support/random.ts'

const NOW = Date.UTC(2026, 0, 1)
const utf8 = new TextEncoder()
const base64 = (bytes: Uint8Array | ArrayBuffer) => Buffer.from(bytes as Uint8Array).toString('base64')

function key(text: string): WebhookKey {
  const parsed = parseWebhookKey(text)
  if (typeof parsed === 'string') throw new Error(parsed)
  return parsed
}

const bytesOf = (r: Random, length: number) => Uint8Array.from({ length }, () => r.int(0, 255))
const secretOf = (r: Random) => `whsec_${base64(bytesOf(r, r.int(24, 64)))}`

interface Signed {
  readonly 'webhook-id': string
  readonly 'webhook-timestamp': string
  readonly 'webhook-signature': string
}

function sign(secret: string, body: string, id = 'msg_1', atMs = NOW): Signed {
  const at = new Date(atMs)
  const timestamp = String(Math.floor(atMs / 1_000))
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': new Webhook(secret).sign(id, at, body),
  }
}

/** The code of the problem, or 'fits'. */
async function judge(keys: readonly string[], headers: Partial<Signed>, body: string | Uint8Array, nowMs = NOW) {
  const signed = signedHeaders((name) => headers[name as keyof Signed], nowMs)
  if ('status' in signed) return signed.code
  const bytes = typeof body === 'string' ? utf8.encode(body) : body
  const problem = await new WebhookVerifier(keys.map(key)).refuse(signed, bytes)
  return problem?.code ?? 'fits'
}

async function forSeedsAsync(count: number, property: (r: Random) => Promise<void>) {
  for (let seed = 1; seed <= count; seed++) {
    await property(random(seed)).catch((cause: unknown) => {
      throw new Error(`seed ${seed}: ${String(cause)}`, { cause })
    })
  }
}

const BODIES = ['', '{}', '[1,"é😀"]', '{"id":1}\n{"id":2}\n', ' \t', '\ufeff{}', '.', '1795231267.{}']

describe('against the reference library', () => {
  test('what it signs fits, and what is signed as we check fits it', async () => {
    await forSeedsAsync(100, async (r) => {
      const secret = secretOf(r)
      const body = r.pick(BODIES) + (r.chance(0.3) ? 'x'.repeat(r.int(0, 5_000)) : '')
      const id = `msg_${r.int(0, 1e9).toString(36)}`
      const nowMs = NOW + r.int(-250_000, 250_000)
      expect(await judge([secret], sign(secret, body, id, nowMs), body, NOW)).toBe('fits')

      const now = Date.now()
      const seconds = Math.floor(now / 1_000)
      const hmac = await crypto.subtle.importKey('raw', key(secret).bytes, { name: 'HMAC', hash: 'SHA-256' }, false, [
        'sign',
      ])
      const signature = await crypto.subtle.sign('HMAC', hmac, utf8.encode(`${id}.${seconds}.${body}`))
      const headers = {
        'webhook-id': id,
        'webhook-timestamp': String(seconds),
        'webhook-signature': `v1,${base64(signature)}`,
      }
      expect(await judge([secret], headers, body, now)).toBe('fits')
      expect(() => new Webhook(secret).verify(body, headers, { jsonParse: false })).not.toThrow()
    })
  })

  test('both refuse the same: a flipped bit of the body, the id, the time or the signature, and another key', async () => {
    await forSeedsAsync(150, async (r) => {
      const secret = secretOf(r)
      const now = Date.now()
      const body = JSON.stringify({ id: r.int(0, 1e6), text: 'x'.repeat(r.int(0, 50)) })
      const headers: { -readonly [Name in keyof Signed]: string } = { ...sign(secret, body, 'msg_abc', now) }
      const flip = (text: string) => {
        const at = r.int(0, text.length - 1)
        return text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ 1) + text.slice(at + 1)
      }
      const what = r.pick(['body', 'webhook-id', 'webhook-timestamp', 'webhook-signature'] as const)
      const sent = what === 'body' ? flip(body) : body
      if (what !== 'body') headers[what] = flip(headers[what])
      const code = await judge([secret], headers, sent, now)
      expect(['bad_signature', 'expired_signature']).toContain(code)
      expect(() => new Webhook(secret).verify(sent, headers, { jsonParse: false })).toThrow()
      expect(await judge([secretOf(r)], sign(secret, body, 'msg_abc', now), body, now)).toBe('bad_signature')
    })
  })
})

test('every single flipped bit of a body or a signature is refused', async () => {
  const secret = secretOf(random(1))
  const body = utf8.encode('{"id":7,"at":"2026-01-01T00:00:00Z"}')
  const headers = sign(secret, new TextDecoder().decode(body))
  for (let bit = 0; bit < body.length * 8; bit++) {
    const changed = body.slice()
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    expect(await judge([secret], headers, changed), `bit ${bit}`).toBe('bad_signature')
  }
  const signature = Buffer.from(headers['webhook-signature'].slice(3), 'base64')
  for (let bit = 0; bit < signature.length * 8; bit++) {
    const changed = Uint8Array.from(signature)
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    expect(await judge([secret], { ...headers, 'webhook-signature': `v1,${base64(changed)}` }, body)).toBe(
      'bad_signature',
    )
  }
  expect(await judge([secret], headers, body)).toBe('fits')
})

test('a body is its bytes: a byte order mark, and bytes that are no text', async () => {
  const secret = secretOf(random(2))
  const bytes = new Uint8Array([0xef, 0xbb, 0xbf, 0xff, 0x00])
  const hmac = await crypto.subtle.importKey('raw', key(secret).bytes, { name: 'HMAC', hash: 'SHA-256' }, false, [
    'sign',
  ])
  const seconds = NOW / 1_000
  const signature = await crypto.subtle.sign('HMAC', hmac, Buffer.concat([utf8.encode(`m.${seconds}.`), bytes]))
  const headers = {
    'webhook-id': 'm',
    'webhook-timestamp': String(seconds),
    'webhook-signature': `v1,${base64(signature)}`,
  }
  expect(await judge([secret], headers, bytes)).toBe('fits')
  expect(await judge([secret], headers, bytes.slice(3))).toBe('bad_signature')
})

describe('rotation', () => {
  const [old, young, other] = [3, 4, 5].map((seed) => secretOf(random(seed))) as [string, string, string]
  const body = '{}'
  const both = (...secrets: string[]) => ({
    ...sign(old, body),
    'webhook-signature': secrets.map((secret) => sign(secret, body)['webhook-signature']).join(' '),
  })

  test('one of several keys and one of several signatures is enough', async () => {
    expect(await judge([old, young], both(old), body)).toBe('fits')
    expect(await judge([old, young], both(young), body)).toBe('fits')
    expect(await judge([young], both(old, young), body)).toBe('fits')
    expect(await judge([young], both(old, other), body)).toBe('bad_signature')
  })

  test('schemes that are not known are passed over, and not every number of signatures is tried', async () => {
    const { 'webhook-signature': right } = both(old)
    for (const [signature, code] of [
      [`v2,AAAA ${right}`, 'fits'],
      [` ${right}  v1,!!`, 'fits'],
      [right.replace('v1,', 'v1a,'), 'bad_signature'],
      [right.replace('v1,', ''), 'bad_signature'],
      [right.slice(0, -1), 'bad_signature'],
      [right.replace(/.=$/, (end) => `${String.fromCharCode(end.charCodeAt(0) + 1)}=`), 'bad_signature'],
      [`${'v1,AAAA '.repeat(16)}${right}`, 'bad_signature'],
    ] as const) {
      expect(await judge([old], { ...both(old), 'webhook-signature': signature }, body), signature).toBe(code)
    }
  })
})

test('Ed25519: a signature by the private key fits the public one, and neither does for HMAC', async () => {
  const pair = (await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])) as {
    readonly publicKey: Parameters<typeof crypto.subtle.exportKey>[1]
    readonly privateKey: Parameters<typeof crypto.subtle.exportKey>[1]
  }
  const publicKey = `whpk_${base64(await crypto.subtle.exportKey('raw', pair.publicKey))}`
  const signature = await crypto.subtle.sign('Ed25519', pair.privateKey, utf8.encode(`msg_1.${NOW / 1_000}.{}`))
  const headers = { ...sign(secretOf(random(6)), '{}'), 'webhook-signature': `v1a,${base64(signature)}` }
  expect(await judge([publicKey], headers, '{}')).toBe('fits')
  expect(await judge([secretOf(random(6)), publicKey], headers, '{}')).toBe('fits')
  expect(await judge([publicKey], headers, '{ }')).toBe('bad_signature')
  expect(await judge([publicKey], { ...headers, 'webhook-signature': `v1,${base64(signature)}` }, '{}')).toBe(
    'bad_signature',
  )
  // Whoever knows the public key must not be able to sign with it as if it were a shared secret.
  const hmac = await crypto.subtle.importKey('raw', key(publicKey).bytes, { name: 'HMAC', hash: 'SHA-256' }, false, [
    'sign',
  ])
  const forged = base64(await crypto.subtle.sign('HMAC', hmac, utf8.encode(`msg_1.${NOW / 1_000}.{}`)))
  expect(await judge([publicKey], { ...headers, 'webhook-signature': `v1,${forged}` }, '{}')).toBe('bad_signature')
})

describe('before the body is read', () => {
  const secret = secretOf(random(7))

  test.each([
    [299, 'fits'],
    [300, 'fits'],
    [301, 'expired_signature'],
    [-300, 'fits'],
    [-301, 'expired_signature'],
    [86_400 * 365, 'expired_signature'],
  ])('%i s after it was signed it %s', async (seconds, code) => {
    expect(await judge([secret], sign(secret, '{}'), '{}', NOW + seconds * 1_000)).toBe(code)
  })

  test('the skew is told, and which header is missing', () => {
    const headers: Partial<Signed> = { ...sign(secret, '{}') }
    const read = (given: Partial<Signed>, nowMs = NOW) => signedHeaders((name) => given[name as keyof Signed], nowMs)
    expect(read(headers, NOW + 412_000)).toMatchObject({ status: 401, detail: expect.stringContaining('412 s behind') })
    for (const name of ['webhook-id', 'webhook-timestamp', 'webhook-signature'] as const) {
      const { [name]: _, ...rest } = headers
      expect(read(rest)).toMatchObject({ status: 401, code: 'bad_signature', detail: expect.stringContaining(name) })
    }
  })

  test.each(['1767225600.0', ' 1767225600', '0x695', '-1767225600', 'now', '1e9', '17672256000000000'])(
    'a timestamp %j is refused',
    async (timestamp) => {
      expect(await judge([secret], { ...sign(secret, '{}'), 'webhook-timestamp': timestamp }, '{}')).toBe(
        'bad_signature',
      )
    },
  )

  test('an id with a full stop is refused: the signature of one request would fit another', async () => {
    const seconds = String(NOW / 1_000)
    const signed = sign(secret, `${seconds}.[{"id":1}]`)
    // The very same bytes are signed.
    const forged = { ...signed, 'webhook-id': `msg_1.${seconds}` }
    expect(new Webhook(secret).sign(forged['webhook-id'], new Date(NOW), '[{"id":1}]')).toBe(
      signed['webhook-signature'],
    )
    expect(await judge([secret], forged, '[{"id":1}]')).toBe('bad_signature')
  })
})

test.each([
  'whsec_',
  'whsec_AAAA',
  `whsec_${base64(new Uint8Array(23))}`,
  `whsec_${base64(new Uint8Array(65))}`,
  `whsec_${base64(new Uint8Array(24)).slice(1)}`,
  `whpk_${base64(new Uint8Array(31))}`,
  `whsk_${base64(new Uint8Array(64))}`,
  base64(new Uint8Array(32)),
  'hunter2',
])('%s is no key, and is not repeated', (text) => {
  const problem = parseWebhookKey(text)
  if (typeof problem !== 'string') throw new Error('it was taken')
  if (text.length > 6) expect(problem).not.toContain(text.slice(6))
})
