/** Kafka Connect, standalone, with Debezium's PostgreSQL connector; connectors are made through its REST interface. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { freePort } from '../local/port.ts'
import { peerFolder } from './install.ts'
import { javaAtLeast } from './java.ts'
import { type Peer, startProcess } from './process.ts'

export interface ConnectOptions {
  /** Config, positions and log; made when missing. */
  readonly dir: string
  /** The brokers, `host:port`. */
  readonly kafka: string
  /** On 127.0.0.1; default any free one. A folder that was started before keeps its port. */
  readonly port?: number
  readonly detached?: boolean
}

const READY_MS = 90_000

/**
 * Starts Kafka Connect and waits until its REST interface answers; `installPeer('debezium')` comes before. JSON without
 * schemas. A connector is RUNNING before its snapshot is written: wait on end offsets instead.
 *
 * @example
 * const connect = await startConnect({ dir: '/tmp/connect', kafka: '127.0.0.1:9092' })
 * await fetch(`${connect.address}/connectors`, { method: 'POST', headers, body: JSON.stringify({ name, config }) })
 */
export async function startConnect(options: ConnectOptions): Promise<Peer> {
  const dir = resolve(options.dir)
  const java = javaAtLeast(17)
  mkdirSync(dir, { recursive: true })
  const portFile = join(dir, 'port')
  if (!existsSync(portFile)) writeFileSync(portFile, String(options.port ?? (await freePort(0))))
  const port = Number(readFileSync(portFile, 'utf8'))
  const address = `http://127.0.0.1:${port}`
  const config = join(dir, 'connect.properties')
  writeFileSync(config, properties(options.kafka, dir, address))
  const main = 'org.apache.kafka.connect.cli.ConnectStandalone'
  const logging = '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'
  return startProcess({
    name: 'Kafka Connect',
    address,
    command: java,
    args: ['-Xmx512m', '-XX:+UseSerialGC', logging, '-cp', join(peerFolder('debezium'), 'lib', '*'), main, config],
    logFile: join(dir, 'connect.log'),
    ready: async () => (await fetch(`${address}/connectors`, { signal: AbortSignal.timeout(2_000) })).ok,
    readyWithinMs: READY_MS,
    detached: options.detached ?? false,
  })
}

function properties(kafka: string, dir: string, address: string): string {
  return [
    `bootstrap.servers=${kafka}`,
    `listeners=${address}`,
    'rest.advertised.host.name=127.0.0.1',
    'key.converter=org.apache.kafka.connect.json.JsonConverter',
    'value.converter=org.apache.kafka.connect.json.JsonConverter',
    'key.converter.schemas.enable=false',
    'value.converter.schemas.enable=false',
    `offset.storage.file.filename=${join(dir, 'offsets')}`,
    'offset.flush.interval.ms=1000',
    // Everything is on the class path; scanning for plug-ins elsewhere would only cost time.
    'plugin.discovery=service_load',
    '',
  ].join('\n')
}
