/** What `npx tidemark source` is asked for. */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { LOCAL_URL } from '../lib/ingest-client.ts'
import { root } from '../lib/paths.ts'
import { UsageError } from '../lib/usage-error.ts'

export interface Options {
  readonly source: string
  /** Absolute. */
  readonly definitions: string
  /** `connect`: the JSON of a Kafka Connect connector; `server`: the properties of Debezium Server. */
  readonly output: 'connect' | 'server'
  readonly database: DatabaseOptions
  readonly table?: TableName
  /** Of the source's topics, where there are several. */
  readonly topic?: string
  readonly prefix?: string
  /** Of the connector, and so of its slot and publication. */
  readonly name?: string
  readonly registryUrl?: string
  /** Of the ingest Worker. */
  readonly url: string
  readonly signed: boolean
}

/** Absent: read from the environment of the connector. */
export interface DatabaseOptions {
  readonly host?: string
  readonly port: number
  readonly name?: string
  readonly user?: string
  /** A placeholder, such as `${file:/secrets/postgres.properties:password}`. */
  readonly password?: string
}

export interface TableName {
  readonly schema: string
  readonly table: string
}

const POSTGRES_PORT = 5432

/** Reads the command line. Throws a {@link UsageError}. */
export function parseOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = process.env,
): Options {
  const { values, positionals } = parsed(args)
  const [source, ...more] = positionals
  if (source === undefined || more.length > 0)
    throw new UsageError('name one source: npx tidemark source NAME --debezium.')
  if (values.debezium !== true)
    throw new UsageError(`say what to print: npx tidemark source ${source} --debezium, for the connector of its table.`)
  if (values.unsigned === true && values.server !== true)
    throw new UsageError('--unsigned is for --server: a connector of Kafka Connect signs nothing.')
  const { host, database, user, topic, prefix, name, registry } = values
  if (prefix !== undefined && !/^[a-zA-Z0-9._-]+$/.test(prefix))
    throw new UsageError(`--prefix is letters, digits, dots, dashes and _; got "${prefix}".`)
  return {
    source,
    definitions: resolve(values.definitions ?? resolve(root, 'features/index.ts')),
    output: values.server === true ? 'server' : 'connect',
    database: {
      port: portOf(values.port),
      ...(host !== undefined && { host }),
      ...(database !== undefined && { name: database }),
      ...(user !== undefined && { user }),
      ...(values.password !== undefined && { password: placeholder(values.password) }),
    },
    ...(values.table !== undefined && { table: tableName(values.table) }),
    ...(topic !== undefined && { topic }),
    ...(prefix !== undefined && { prefix }),
    ...(name !== undefined && { name }),
    ...(registry !== undefined && { registryUrl: httpAddress('--registry', registry) }),
    url: httpAddress('--url', values.url ?? env.TIDEMARK_URL ?? LOCAL_URL),
    signed: values.unsigned !== true,
  }
}

function parsed(args: readonly string[]) {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ...{ debezium: flag, server: flag, unsigned: flag, definitions: text },
        ...{ host: text, port: text, database: text, user: text, password: text },
        ...{ table: text, topic: text, prefix: text, name: text, registry: text, url: text },
      },
    })
  } catch (error) {
    const what = error instanceof Error ? (error.message.split(/[.\n]/)[0] ?? '') : String(error)
    throw new UsageError(`${what}. See npx tidemark source --help.`)
  }
}

function portOf(text: string | undefined): number {
  if (text === undefined) return POSTGRES_PORT
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (port >= 1 && port <= 65_535) return port
  throw new UsageError(`--port takes a whole number from 1 to 65535; got "${text}".`)
}

/** A password on a command line is seen by everybody on the machine, and would be printed. */
function placeholder(text: string): string {
  if (/^\$\{[^{}\s]+\}$/.test(text)) return text
  // biome-ignore lint/suspicious/noTemplateCurlyInString: what a config provider replaces
  const example = '${file:/secrets/postgres.properties:password}'
  throw new UsageError(`--password takes where the password is, never the password: ${example}.`)
}

function tableName(text: string): TableName {
  const [, schema, table] = /^([^.\s,]+)\.([^.\s,]+)$/.exec(text) ?? []
  if (schema !== undefined && table !== undefined) return { schema, table }
  throw new UsageError(`--table takes a schema and a table, such as public.orders; got "${text}".`)
}

function httpAddress(option: string, text: string): string {
  const url = URL.parse(text)
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw new UsageError(`${option} takes an http or https address; got "${text}".`)
  if (url.username !== '' || url.password !== '')
    throw new UsageError(`${option} holds a user or a password, which would be printed: leave them out.`)
  return url.href.replace(/\/$/, '')
}
