/** Debezium Server with its HTTP sink: posts changes of a PostgreSQL to a URL, without Kafka. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { freePort } from '../local/port.ts'
import { peerFolder } from './install.ts'
import { javaAtLeast } from './java.ts'
import { type Peer, startProcess } from './process.ts'

export interface DebeziumServerOptions {
  /** Config, position and log; made when missing. The same folder again goes on where it was. */
  readonly dir: string
  /** Its `application.properties`: source, sink and format, such as `debezium.sink.http.url`. */
  readonly properties: Readonly<Record<string, string>>
  readonly detached?: boolean
}

const READY_MS = 60_000

/**
 * Starts Debezium Server and waits until its health route answers; `installPeer('debezium-server')` comes before. It ends by
 * itself after five failed posts: start it again then.
 *
 * @example
 * await startDebeziumServer({ dir: '/tmp/server', properties: { 'debezium.sink.type': 'http', 'debezium.sink.http.url': url } })
 */
export async function startDebeziumServer(options: DebeziumServerOptions): Promise<Peer> {
  const dir = resolve(options.dir)
  const java = javaAtLeast(21)
  const port = await freePort(0)
  mkdirSync(join(dir, 'config'), { recursive: true })
  const properties = {
    'debezium.source.offset.storage.file.filename': join(dir, 'offsets'),
    'debezium.source.offset.flush.interval.ms': '0',
    'quarkus.http.port': String(port),
    'quarkus.http.host': '127.0.0.1',
    ...options.properties,
  }
  const lines = Object.entries(properties).map(([name, value]) => `${name}=${value}`)
  writeFileSync(join(dir, 'config', 'application.properties'), `${lines.join('\n')}\n`)
  const home = join(peerFolder('debezium-server'), 'debezium-server')
  const runner = readdirSync(home).find((file) => file.endsWith('runner.jar'))
  if (runner === undefined) throw new Error(`There is no runner in ${home}. Delete the folder and install again.`)
  const address = `http://127.0.0.1:${port}`
  return startProcess({
    name: 'Debezium Server',
    address,
    command: java,
    args: [
      '-Xmx512m',
      // Its thread library reaches into the JDK, and says so loudly from Java 24 on when it may not.
      '--add-opens=java.base/java.lang=ALL-UNNAMED',
      '-cp',
      `${join(home, runner)}:${join(dir, 'config')}:${join(home, 'lib', '*')}`,
      'io.debezium.server.Main',
    ],
    cwd: dir,
    logFile: join(dir, 'debezium-server.log'),
    ready: async () => (await fetch(`${address}/q/health/live`, { signal: AbortSignal.timeout(2_000) })).ok,
    readyWithinMs: READY_MS,
    detached: options.detached ?? false,
  })
}
