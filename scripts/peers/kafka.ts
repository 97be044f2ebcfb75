/** One Kafka node, broker and controller in one, on 127.0.0.1. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { run } from '../lib/run.ts'
import { freePort } from '../local/port.ts'
import { peerFolder } from './install.ts'
import { javaAtLeast } from './java.ts'
import { accepts, type Peer, startProcess } from './process.ts'

export interface KafkaOptions {
  /** Config, log and data; made when missing. The same folder again finds the same topics, at the same port. */
  readonly dir: string
  /** On 127.0.0.1; default any free one. A folder that was started before keeps its port. */
  readonly port?: number
  /**
   * Opens a second listener that wants SASL: PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512, with this one user. Only counts when the
   * folder is new.
   */
  readonly sasl?: { readonly port: number; readonly username: string; readonly password: string }
  readonly detached?: boolean
}

const READY_MS = 60_000

/**
 * Starts Kafka and waits until it serves; `installPeer('kafka')` comes before. Topics are not made by themselves, every
 * replication factor is 1.
 *
 * @example
 * const kafka = await startKafka({ dir: '/tmp/kafka', port: 9092 })
 * await kafka.kill()
 * const again = await startKafka({ dir: '/tmp/kafka' }) // same port, same records
 */
export async function startKafka(options: KafkaOptions): Promise<Peer> {
  const dir = resolve(options.dir)
  const java = javaAtLeast(17)
  const classpath = join(peerFolder('kafka'), 'lib', '*')
  const config = join(dir, 'server.properties')
  if (!existsSync(config)) await format(options, dir, java, classpath, config)
  const port = Number(/^listeners=PLAINTEXT:\/\/127\.0\.0\.1:(\d+)/m.exec(readFileSync(config, 'utf8'))?.[1])
  return startProcess({
    name: 'Kafka',
    address: `127.0.0.1:${port}`,
    command: java,
    args: ['-Xmx512m', '-Xms128m', '-XX:+UseSerialGC', ...logging, '-cp', classpath, 'kafka.Kafka', config],
    logFile: join(dir, 'kafka.log'),
    // It listens only once it has registered with its controller and serves.
    ready: () => accepts('127.0.0.1', port),
    readyWithinMs: READY_MS,
    detached: options.detached ?? false,
  })
}

const logging = ['-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', '-Dorg.slf4j.simpleLogger.showDateTime=true']

async function format(
  options: KafkaOptions,
  dir: string,
  java: string,
  classpath: string,
  config: string,
): Promise<void> {
  const port = options.port ?? (await freePort(0))
  const controllerPort = await freePort(0)
  mkdirSync(dir, { recursive: true })
  const draft = `${config}.new`
  writeFileSync(draft, properties(options, dir, port, controllerPort))
  const users = options.sasl === undefined ? [] : scramUsers(options.sasl)
  const tool = ['-cp', classpath, 'kafka.tools.StorageTool', 'format', '--standalone', '-t', clusterId(), '-c', draft]
  const { ok, output } = await run(java, [...tool, ...users])
  if (!ok) throw new Error(`Kafka's storage in ${dir} could not be formatted:\n${output.trim()}`)
  // Only now: an interrupted format is done again.
  writeFileSync(config, readFileSync(draft))
}

/** 16 bytes in the URL alphabet, as Kafka writes ids. The first is 0: Kafka's tool takes an id that begins with a dash for an option. */
function clusterId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  bytes[0] = 0
  return Buffer.from(bytes).toString('base64url')
}

function scramUsers({ username, password }: NonNullable<KafkaOptions['sasl']>): string[] {
  return ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
    '--add-scram',
    `${mechanism}=[name=${username},password=${password}]`,
  ])
}

function properties({ sasl }: KafkaOptions, dir: string, port: number, controllerPort: number): string {
  const listeners = [`PLAINTEXT://127.0.0.1:${port}`, `CONTROLLER://127.0.0.1:${controllerPort}`]
  if (sasl !== undefined) listeners.push(`SASL_PLAINTEXT://127.0.0.1:${sasl.port}`)
  const lines = [
    'process.roles=broker,controller',
    'node.id=1',
    `controller.quorum.bootstrap.servers=127.0.0.1:${controllerPort}`,
    'controller.listener.names=CONTROLLER',
    `listeners=${listeners.join(',')}`,
    `advertised.listeners=${listeners.join(',')}`,
    'inter.broker.listener.name=PLAINTEXT',
    'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT',
    `log.dirs=${join(dir, 'data')}`,
    'auto.create.topics.enable=false',
    'offsets.topic.replication.factor=1',
    'offsets.topic.num.partitions=1',
    'transaction.state.log.replication.factor=1',
    'transaction.state.log.min.isr=1',
    'transaction.state.log.num.partitions=1',
    'share.coordinator.state.topic.replication.factor=1',
    'share.coordinator.state.topic.min.isr=1',
    'group.initial.rebalance.delay.ms=0',
    // A broker that was killed is taken back only when its old session has run out.
    'broker.session.timeout.ms=1500',
    'broker.heartbeat.interval.ms=300',
    'log.initial.task.delay.ms=500',
    // A test that deletes by retention does not want to wait five minutes for it.
    'log.retention.check.interval.ms=1000',
  ]
  if (sasl === undefined) return `${lines.join('\n')}\n`
  const plain = `org.apache.kafka.common.security.plain.PlainLoginModule required user_${sasl.username}="${sasl.password}";`
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;'
  lines.push(
    'sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    `listener.name.sasl_plaintext.plain.sasl.jaas.config=${plain}`,
    `listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config=${scram}`,
    `listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config=${scram}`,
  )
  return `${lines.join('\n')}\n`
}
