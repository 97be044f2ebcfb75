import type { RegistryConnection } from '../contract/index.ts'
import type { StoreConnection } from '../online/index.ts'
import type { KafkaConnection } from './kafka/kafka-http.ts'
import { parseWebhookKey, type WebhookKey } from './webhook/standard.ts'

/** Everything outside that Tidemark is let into, or that is let into Tidemark. */
export interface Connections {
  /** By source: keys that its requests may be signed with. */
  readonly webhooks: Readonly<Record<string, readonly WebhookKey[]>>
  /** By the name that a source gives in `cluster`. */
  readonly kafka: Readonly<Record<string, KafkaConnection>>
  /** By the name that a format gives in `registry`. */
  readonly registries: Readonly<Record<string, RegistryConnection>>
  /** Online stores, by `REGION/NAME` of regions.ts; KV is bound, and not here. */
  readonly stores: Readonly<Record<string, StoreConnection>>
}

const NO_CONNECTIONS: Connections = { webhooks: {}, kafka: {}, registries: {}, stores: {} }
const DIALECTS: readonly KafkaConnection['dialect'][] = ['upstash', 'redpanda', 'strimzi', 'confluent', 'karapace']
const CREDENTIALS = ['token', 'username', 'password']

type Json = Readonly<Record<string, unknown>>

/**
 * Reads the secret CONNECTIONS. Throws an Error that says where it is wrong and never quotes a value: the message ends up in an
 * answer and in logs. Absent, empty and `{}` are no connections.
 *
 * @example parseConnections('{"webhooks": {"flights": ["whsec_..."]}, "kafka": {"main": {"dialect": "redpanda", "url": "https://..."}}}')
 */
export function parseConnections(json: string | undefined): Connections {
  if (json === undefined || json.trim() === '') return NO_CONNECTIONS
  const all = object('', parse(json), ['webhooks', 'kafka', 'registries', 'stores'])
  return {
    webhooks: entries('webhooks', all.webhooks, webhookKeys),
    kafka: entries('kafka', all.kafka, (at, value) => {
      const { dialect, ...rest } = object(at, value, ['dialect', 'url', ...CREDENTIALS])
      const known = DIALECTS.find((one) => one === dialect)
      if (known === undefined) throw wrong(`${at}.dialect`, `is not one of ${DIALECTS.join(', ')}`)
      return { dialect: known, ...address(at, rest) }
    }),
    registries: entries('registries', all.registries, (at, value) =>
      address(at, object(at, value, ['url', ...CREDENTIALS])),
    ),
    stores: entries('stores', all.stores, store),
  }
}

/** Turso prints addresses as `libsql://`, which is HTTPS. */
function store(at: string, value: unknown): StoreConnection {
  const given = object(at, value, ['url', 'token'])
  const url = typeof given.url === 'string' ? given.url.replace(/^libsql:/, 'https:') : given.url
  const { url: href, token } = address(at, { ...given, url })
  return token === undefined ? { url: href } : { url: href, token }
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    throw wrong('', 'is no JSON')
  }
}

function webhookKeys(at: string, value: unknown): readonly WebhookKey[] {
  if (!Array.isArray(value) || value.length === 0) throw wrong(at, 'is not a list of secrets, such as ["whsec_..."]')
  return value.map((text: unknown, i) => {
    const key = typeof text === 'string' ? parseWebhookKey(text) : 'is no text'
    if (typeof key === 'string') throw wrong(`${at}[${i}]`, key)
    return key
  })
}

function address(at: string, given: Json): RegistryConnection {
  const url = typeof given.url === 'string' ? URL.parse(given.url) : null
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:'))
    throw wrong(`${at}.url`, 'is no http or https address')
  if (url.username !== '' || url.password !== '')
    throw wrong(`${at}.url`, 'holds a user or a password: give them as "username" and "password"')
  const texts: { url: string; username?: string; password?: string; token?: string } = {
    url: url.href.replace(/\/$/, ''),
  }
  for (const name of ['token', 'username', 'password'] as const) {
    const value = given[name]
    if (value === undefined) continue
    if (typeof value !== 'string' || value === '') throw wrong(`${at}.${name}`, 'is no text')
    texts[name] = value
  }
  if ((texts.username === undefined) !== (texts.password === undefined))
    throw wrong(at, 'has only one of "username" and "password"')
  if (texts.token !== undefined && texts.username !== undefined) throw wrong(at, 'has a token and a user: one of them')
  return texts
}

function entries<T>(at: string, value: unknown, read: (at: string, value: unknown) => T): Readonly<Record<string, T>> {
  if (value === undefined) return {}
  // No prototype: a source may have any name, and none is there that was not given.
  const all: Record<string, T> = Object.create(null)
  for (const [name, one] of Object.entries(object(at, value))) all[name] = read(`${at}${shownName(name)}`, one)
  return all
}

function object(at: string, value: unknown, known?: readonly string[]): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(at, 'is no object')
  const odd = known && Object.keys(value).find((name) => !known.includes(name))
  if (odd !== undefined) throw wrong(at, `has a member that is not one of ${known?.join(', ')}`)
  return value as Json
}

/** A name may be a secret that stands in the wrong place: only what looks like a name is shown. */
function shownName(name: string): string {
  if (/^[a-z][a-z0-9-]{0,30}\/[a-z][a-z0-9-]{0,30}$/.test(name)) return `["${name}"]`
  return /^[a-z][a-z0-9_]{0,40}$/.test(name) && !name.startsWith('wh') ? `.${name}` : '....'
}

const wrong = (at: string, problem: string): Error =>
  new Error(`The secret CONNECTIONS${at === '' ? '' : `, ${at},`} ${problem}.`)
