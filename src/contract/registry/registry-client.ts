import { toBase64 } from '../../util/base64.ts'
import type { RegisteredSchema } from './registered-schema.ts'

/** Where a schema registry is, from the secret CONNECTIONS. */
export interface RegistryConnection {
  /** Of the Confluent-compatible API, without a slash at the end: what `/subjects` follows. */
  readonly url: string
  /** A bearer token. */
  readonly token?: string
  readonly username?: string
  readonly password?: string
}

/** Nothing was read. `transient`: trying again later makes sense. */
export interface RegistryFailure {
  readonly kind: 'failed'
  readonly transient: boolean
  /** For a person: which request, what came. */
  readonly message: string
}

/** The registry answers that there is no such thing. */
export interface NotRegistered {
  readonly kind: 'unknown'
  readonly message: string
}

export type SchemaAnswer =
  | { readonly kind: 'schema'; readonly schema: RegisteredSchema }
  | NotRegistered
  | RegistryFailure

export type VersionAnswer =
  | {
      readonly kind: 'version'
      readonly subject: string
      readonly version: number
      readonly id: number
      readonly schema: RegisteredSchema
    }
  | NotRegistered
  | RegistryFailure

/** Fetches like the host's own, and gives up by itself when that takes too long. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>

type Json = Readonly<Record<string, unknown>>
type Answer = { readonly kind: 'json'; readonly json: unknown } | NotRegistered | RegistryFailure

const MEDIA_TYPE = 'application/vnd.schemaregistry.v1+json'
/** Registries that imitate the API answer with plain JSON. */
const ACCEPT = `${MEDIA_TYPE}, application/json`
/** The longest answer that is read, bytes. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024
const MOST_REFERENCES = 64
/** Subject, version, schema not found; a 404 without one of these comes from something else than a registry. */
const NOT_FOUND_CODES: readonly unknown[] = [40401, 40402, 40403]

/**
 * Reads a schema registry that speaks Confluent's API (Confluent, Apicurio, Karapace, Redpanda). Failures are values, and
 * nothing throws; what was read under an id is kept for ever, for ids are immutable.
 *
 * @example
 * const client = new RegistryClient({ url: 'http://127.0.0.1:8081' }, fetch)
 * const answer = await client.schemaById(7)
 * if (answer.kind === 'schema') schemas.add('default', 7, answer.schema)
 */
export class RegistryClient {
  private readonly connection: RegistryConnection
  private readonly fetch: Fetch
  private readonly byId = new Map<number, RegisteredSchema>()

  /** `fetch` must end in time by itself, and follow no redirect that it is told not to. */
  constructor(connection: RegistryConnection, fetch: Fetch) {
    this.connection = { ...connection, url: connection.url.replace(/\/+$/, '') }
    this.fetch = fetch
  }

  /** The schema under an id, with the texts of what it refers to. */
  async schemaById(id: number): Promise<SchemaAnswer> {
    const known = this.byId.get(id)
    if (known !== undefined) return { kind: 'schema', schema: known }
    const answer = await this.get(`/schemas/ids/${id}`)
    if (answer.kind !== 'json') return answer
    const loaded = await this.complete(answer.json)
    if (loaded.kind === 'schema') this.byId.set(id, loaded.schema)
    return loaded
  }

  /** The newest version of a subject. */
  latest(subject: string): Promise<VersionAnswer> {
    return this.version(subject, 'latest')
  }

  async version(subject: string, version: number | 'latest'): Promise<VersionAnswer> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions/${version}`
    const answer = await this.get(path)
    if (answer.kind !== 'json') return answer
    const { version: found, id } = isObject(answer.json) ? answer.json : {}
    if (typeof found !== 'number' || typeof id !== 'number') return unexpected(path)
    const loaded = await this.complete(answer.json)
    return loaded.kind === 'schema' ? { kind: 'version', subject, version: found, id, schema: loaded.schema } : loaded
  }

  /** Under which subjects an id is registered, and as which version; empty where the registry does not tell. */
  async placesOf(id: number): Promise<readonly { readonly subject: string; readonly version: number }[]> {
    const answer = await this.get(`/schemas/ids/${id}/versions`)
    if (answer.kind !== 'json' || !Array.isArray(answer.json)) return []
    return answer.json.flatMap((place) => {
      const { subject, version } = isObject(place) ? place : {}
      return typeof subject === 'string' && typeof version === 'number' ? [{ subject, version }] : []
    })
  }

  /** The numbers of a subject's versions, rising. */
  async versions(
    subject: string,
  ): Promise<{ readonly kind: 'versions'; readonly versions: readonly number[] } | NotRegistered | RegistryFailure> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions`
    const answer = await this.get(path)
    if (answer.kind !== 'json') return answer
    const { json } = answer
    const areNumbers = Array.isArray(json) && json.every((version): version is number => typeof version === 'number')
    return areNumbers ? { kind: 'versions', versions: json.toSorted((a, b) => a - b) } : unexpected(path)
  }

  /** Whether the registry itself would take a schema as the subject's next version, by its own rule of compatibility. */
  async isCompatible(
    subject: string,
    { schemaType, schema }: Pick<RegisteredSchema, 'schemaType' | 'schema'>,
  ): Promise<{ readonly kind: 'answer'; readonly isCompatible: boolean } | NotRegistered | RegistryFailure> {
    const path = `/compatibility/subjects/${encodeURIComponent(subject)}/versions/latest`
    const body = JSON.stringify({ schema, ...(schemaType !== 'AVRO' && { schemaType }) })
    const answer = await this.ask('POST', path, body)
    if (answer.kind !== 'json') return answer
    const isCompatible = isObject(answer.json) ? answer.json.is_compatible : undefined
    return typeof isCompatible === 'boolean' ? { kind: 'answer', isCompatible } : unexpected(path)
  }

  /** Adds to a schema what it refers to. */
  private async complete(json: unknown): Promise<SchemaAnswer> {
    const references = new Map<string, string>()
    const problem = await this.collect(json, references)
    if (problem !== undefined) return problem
    const { schema, schemaType = 'AVRO' } = isObject(json) ? json : {}
    if (typeof schema !== 'string' || !isSchemaType(schemaType)) return unexpected('a schema')
    return { kind: 'schema', schema: { schemaType, schema, references: [...references.values()] } }
  }

  /** Depth first: each text comes after those that it needs. */
  private async collect(
    json: unknown,
    found: Map<string, string>,
    open: readonly string[] = [],
  ): Promise<NotRegistered | RegistryFailure | undefined> {
    const references = isObject(json) && Array.isArray(json.references) ? (json.references as readonly unknown[]) : []
    for (const reference of references) {
      const { subject, version } = isObject(reference) ? reference : {}
      if (typeof subject !== 'string' || typeof version !== 'number') return unexpected('a reference')
      const key = `${version} ${subject}`
      if (found.has(key) || open.includes(key)) continue
      if (found.size + open.length >= MOST_REFERENCES) {
        return { kind: 'failed', transient: false, message: `A schema refers to more than ${MOST_REFERENCES} others.` }
      }
      const answer = await this.get(`/subjects/${encodeURIComponent(subject)}/versions/${version}`)
      if (answer.kind !== 'json') return answer
      const problem = await this.collect(answer.json, found, [...open, key])
      if (problem !== undefined) return problem
      const text = isObject(answer.json) ? answer.json.schema : undefined
      if (typeof text !== 'string') return unexpected('a reference')
      found.set(key, text)
    }
    return undefined
  }

  private get(path: string): Promise<Answer> {
    return this.ask('GET', path)
  }

  private async ask(method: 'GET' | 'POST', path: string, body?: string): Promise<Answer> {
    const headers: Record<string, string> = { accept: ACCEPT, ...authorization(this.connection) }
    if (body !== undefined) headers['content-type'] = MEDIA_TYPE
    // A redirect would take the credentials along.
    const init: RequestInit = { method, headers, redirect: 'manual', ...(body !== undefined && { body }) }
    // Called alone: the host's own fetch refuses to be a method of something else.
    const { fetch } = this
    try {
      const response = await fetch(this.connection.url + path, init)
      const length = Number(response.headers.get('content-length') ?? 0)
      if (length > MAX_ANSWER_BYTES) {
        await response.body?.cancel()
        return failed(path, `answered with ${length} bytes; at most ${MAX_ANSWER_BYTES} are read`, false)
      }
      return read(path, response.status, await response.text())
    } catch (error) {
      return failed(path, `did not answer: ${error instanceof Error ? error.message : String(error)}`, true)
    }
  }
}

function read(path: string, status: number, text: string): Answer {
  const json = parse(text)
  if (status === 200 && json !== undefined) return { kind: 'json', json }
  const { error_code: code, message } = isObject(json) ? json : {}
  const said = typeof message === 'string' ? `: ${message}` : ''
  if (status === 404 && NOT_FOUND_CODES.includes(code)) {
    return { kind: 'unknown', message: `The schema registry has no ${path}${said}` }
  }
  if (status === 401 || status === 403) return failed(path, `refused the credentials with ${status}${said}`, false)
  if (status === 200) return failed(path, 'answered with something that is no JSON: is the URL that of its API?', false)
  const isTransient = status === 408 || status === 429 || status >= 500
  return failed(path, `answered ${status}${said}`, isTransient)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function failed(path: string, what: string, transient: boolean): RegistryFailure {
  return { kind: 'failed', transient, message: `The schema registry, asked for ${path}, ${what}` }
}

function unexpected(path: string): RegistryFailure {
  return failed(path, 'answered in a shape that is not that of its API', false)
}

function authorization({ token, username, password }: RegistryConnection): Record<string, string> {
  if (token !== undefined) return { authorization: `Bearer ${token}` }
  if (username === undefined) return {}
  const bytes = new TextEncoder().encode(`${username}:${password ?? ''}`)
  return { authorization: `Basic ${toBase64(bytes)}` }
}

function isSchemaType(type: unknown): type is RegisteredSchema['schemaType'] {
  return type === 'AVRO' || type === 'JSON' || type === 'PROTOBUF'
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
