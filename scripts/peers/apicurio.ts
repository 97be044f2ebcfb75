/** Apicurio Registry, in memory, with the Confluent schema registry's dialect under `/apis/ccompat/v7`. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { freePort } from '../local/port.ts'
import { peerFolder } from './install.ts'
import { javaAtLeast } from './java.ts'
import { type Peer, startProcess } from './process.ts'

export interface ApicurioOptions {
  /** Log; made when missing. */
  readonly dir: string
  /** On 127.0.0.1; default any free one. A folder that was started before keeps its port. */
  readonly port?: number
  readonly detached?: boolean
}

const READY_MS = 90_000

/**
 * Starts the registry and waits until it answers; `installPeer('apicurio')` comes before. Compatibility is NONE until it is set.
 *
 * @example
 * const registry = await startApicurio({ dir: '/tmp/apicurio' })
 * await fetch(`${registry.address}/apis/ccompat/v7/subjects`)
 */
export async function startApicurio(options: ApicurioOptions): Promise<Peer> {
  const dir = resolve(options.dir)
  const java = javaAtLeast(21)
  mkdirSync(dir, { recursive: true })
  const portFile = join(dir, 'port')
  if (!existsSync(portFile)) writeFileSync(portFile, String(options.port ?? (await freePort(0))))
  const port = readFileSync(portFile, 'utf8')
  const address = `http://127.0.0.1:${port}`
  const home = peerFolder('apicurio')
  const settings = [`-Dquarkus.http.port=${port}`, '-Dquarkus.http.host=127.0.0.1', '-Dapicurio.storage.kind=sql']
  return startProcess({
    name: 'Apicurio Registry',
    address,
    command: java,
    args: ['-Xmx512m', '-XX:+UseSerialGC', ...settings, '-jar', join(home, 'quarkus-run.jar')],
    logFile: join(dir, 'apicurio.log'),
    ready: async () => (await fetch(`${address}/apis/ccompat/v7/subjects`, { signal: AbortSignal.timeout(2_000) })).ok,
    readyWithinMs: READY_MS,
    detached: options.detached ?? false,
  })
}
