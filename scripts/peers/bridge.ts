/** Our own bridge as a process of its own, as users run it: it can be killed, and its CPU time is not ours. */
import { join } from 'node:path'
import { root } from '../lib/paths.ts'
import { freePort } from '../local/port.ts'
import { type Peer, startProcess } from './process.ts'

export interface BridgeProcessOptions {
  /** `host:port` of a broker. */
  readonly kafka: string
  /** Where its log goes. */
  readonly dir: string
  /** On 127.0.0.1; default any free one. */
  readonly port?: number
  /** What callers must show; without one everybody may ask. */
  readonly token?: string
}

const READY_MS = 20_000

/**
 * Starts the bridge and waits until it answers, whatever its broker does.
 *
 * @example const bridge = await startBridgeProcess({ kafka: '127.0.0.1:9092', dir: '/tmp/bridge', token: 'secret' })
 */
export async function startBridgeProcess({ kafka, dir, port, token }: BridgeProcessOptions): Promise<Peer> {
  const own = port ?? (await freePort(0))
  const address = `http://127.0.0.1:${own}`
  return await startProcess({
    name: 'The bridge',
    address,
    command: process.execPath,
    args: [join(root, 'scripts/kafka-http-bridge.ts'), '--brokers', kafka, '--port', String(own)],
    ...(token !== undefined && { env: { KAFKA_BRIDGE_TOKEN: token } }),
    logFile: join(dir, 'bridge.log'),
    ready: async () => (await fetch(`${address}/health`)).status !== 500,
    readyWithinMs: READY_MS,
  })
}
