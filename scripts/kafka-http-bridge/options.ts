/** The command line of the bridge. */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { ConnectionOptions } from '@platformatic/kafka'
import { parseBroker } from './cluster.ts'
import { type BridgeOptions, isLoopback } from './server.ts'

export const DEFAULT_PORT = 8090

export const HELP = `npm run kafka-http-bridge: a Kafka cluster over HTTP, read by offset, in the dialect of Upstash Kafka.

  npm run kafka-http-bridge -- --brokers 127.0.0.1:9092
  npm run kafka-http-bridge -- --brokers b1:9093,b2:9093 --tls --sasl scram-sha-512 --username app --password-file secret
  curl -X POST http://127.0.0.1:${DEFAULT_PORT}/fetch -d '{"topic":"user_activity","partition":0,"offset":0,"timeout":1000}'

  --brokers A,B       brokers to begin with, host:port
  --port N            default ${DEFAULT_PORT}
  --host H            address to listen on (default 127.0.0.1); any other needs a token
  --token-file F      file with the token that callers must show; or the environment variable KAFKA_BRIDGE_TOKEN
  --sasl M            plain, scram-sha-256 or scram-sha-512, with
  --username U        and
  --password-file F   or the environment variable KAFKA_BRIDGE_PASSWORD
  --tls               TLS towards the brokers; with
  --ca-file F         certificates to trust instead of the system's
  --gzip W            remote (default: not towards this machine), always or never; only if the caller takes it
  --client-id C       how the brokers see us (default tidemark-kafka-http-bridge)
  --help              this text
`

/** A command line that cannot be followed: the message says what to write instead. */
export class UsageError extends Error {}

/** Reads the command line; 'help' when that was asked for. Throws a {@link UsageError}. */
export function parseOptions(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): BridgeOptions | 'help' {
  const values = parsed(args)
  if (values.help === true) return 'help'
  if (values.brokers === undefined) throw new UsageError('Name the brokers: --brokers 127.0.0.1:9092.')
  const brokers = values.brokers.split(',')
  try {
    brokers.forEach(parseBroker)
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
  const host = values.host ?? '127.0.0.1'
  const token = secret(values['token-file'], environment.KAFKA_BRIDGE_TOKEN, '--token-file')
  if (!isLoopback(host) && token === undefined)
    throw new UsageError(`Everybody who reaches ${host} could read all topics: give a token with --token-file.`)
  return {
    cluster: {
      brokers,
      clientId: values['client-id'] ?? 'tidemark-kafka-http-bridge',
      connection: towards(values, environment),
    },
    host,
    port: portOf(values.port),
    gzip: oneOf('--gzip', values.gzip ?? 'remote', ['remote', 'always', 'never']),
    ...(token !== undefined && { token }),
  }
}

type Values = ReturnType<typeof parsed>

function parsed(args: readonly string[]) {
  try {
    const text = { type: 'string' } as const
    const flag = { type: 'boolean' } as const
    return parseArgs({
      args: [...args],
      options: {
        brokers: text,
        port: text,
        host: text,
        'token-file': text,
        sasl: text,
        username: text,
        'password-file': text,
        tls: flag,
        'ca-file': text,
        gzip: text,
        'client-id': text,
        help: { ...flag, short: 'h' },
      },
    }).values
  } catch (error) {
    const what = error instanceof Error ? (error.message.split(/[.\n]/)[0] ?? '') : String(error)
    throw new UsageError(`${what}. See npm run kafka-http-bridge -- --help.`)
  }
}

const MECHANISMS = { plain: 'PLAIN', 'scram-sha-256': 'SCRAM-SHA-256', 'scram-sha-512': 'SCRAM-SHA-512' } as const

function towards(values: Values, environment: Readonly<Record<string, string | undefined>>): ConnectionOptions {
  const ca = values['ca-file'] === undefined ? {} : { ca: readText(values['ca-file'], '--ca-file') }
  const tls = values.tls === true || values['ca-file'] !== undefined ? { tls: ca, tlsServerName: true } : {}
  if (values.sasl === undefined) {
    if (values.username !== undefined) throw new UsageError('--username wants --sasl plain, or another mechanism.')
    return tls
  }
  const mechanism = MECHANISMS[oneOf('--sasl', values.sasl, ['plain', 'scram-sha-256', 'scram-sha-512'])]
  const password = secret(values['password-file'], environment.KAFKA_BRIDGE_PASSWORD, '--password-file')
  if (values.username === undefined || password === undefined)
    throw new UsageError('--sasl wants --username and --password-file (or KAFKA_BRIDGE_PASSWORD).')
  return { ...tls, sasl: { mechanism, username: values.username, password } }
}

function oneOf<T extends string>(name: string, text: string, of: readonly T[]): T {
  const found = of.find((choice) => choice === text)
  if (found === undefined) throw new UsageError(`${name} takes ${of.join(', ')}; got "${text}".`)
  return found
}

function portOf(text: string | undefined): number {
  const port = text === undefined ? DEFAULT_PORT : /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (port <= 65_535) return port
  throw new UsageError(`--port takes a whole number up to 65535; got "${text}". For example --port ${DEFAULT_PORT}.`)
}

/** Secrets come from files and the environment: a command line is seen by everybody on the machine. */
function secret(file: string | undefined, inEnvironment: string | undefined, option: string): string | undefined {
  const text = file === undefined ? inEnvironment : readText(file, option).trim()
  if (text === '') throw new UsageError(`${option}: the secret is empty.`)
  return text
}

function readText(file: string, option: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    throw new UsageError(`${option}: ${file} cannot be read.`)
  }
}
