/** The Workers on this machine, on fresh state, behind one port. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder } from '../lib/paths.ts'
import { bundleWorkers } from '../local/bundle.ts'
import { freePort } from '../local/port.ts'
import { localServices } from '../local/services.ts'
import { runningOn } from '../local/state-folder.ts'
import { type Runtime, startRuntime } from '../local/workerd.ts'

export interface Local {
  readonly runtime: Runtime
  readonly port: number
  /** May send flights and read dead letters; made anew with every start. */
  readonly token: string
}

export const defaultStateDir = join(cacheFolder, 'start')
/** What a start leaves behind; nothing else is wiped, for the folder may be one of the user's. */
const ownNames = ['storage', 'r2', 'modules', 'workerd.capnp', 'workerd.log', 'token', 'webhook-secret']

/**
 * Builds and starts all Workers. `say` is told about each step. Throws, before anything is touched, when another start runs
 * on the folder or the folder cannot be written to.
 */
export async function startLocal(
  port: number,
  say: (text: string) => void,
  stateDir = defaultStateDir,
): Promise<Local> {
  mustBeFree(stateDir)
  mustBeWritable(stateDir)
  const bundles = await bundleWorkers()
  const open = await freePort(port)
  if (port !== 0 && open !== port) say(`Port ${port} is taken: using ${open}.`)
  // Again, for building takes its time and another start may have been quicker.
  mustBeFree(stateDir)
  for (const name of ownNames) rmSync(join(stateDir, name), { recursive: true, force: true })

  const token = randomBytes(24).toString('base64url')
  writeFileSync(join(stateDir, 'token'), `${token}\n`, { mode: 0o600 })
  // Reading needs no token here: the port is open on this machine only.
  const tokens = {
    [token]: [
      'ingest:flights',
      'import:flights',
      'read:*',
      'dead-letters:*',
      'sources',
      'sources:*',
      'log',
      'log:*',
      'erase',
      'admin',
    ],
    anonymous: ['read:*', 'dead-letters', 'sources'],
  }
  // For a try of signed requests; a token does as well.
  const webhookSecret = `whsec_${randomBytes(32).toString('base64')}`
  writeFileSync(join(stateDir, 'webhook-secret'), `${webhookSecret}\n`, { mode: 0o600 })
  const connections = { webhooks: { flights: [webhookSecret] } }
  const secrets = { TOKENS: JSON.stringify(tokens), CONNECTIONS: JSON.stringify(connections) }
  const services = localServices(bundles, secrets)
  const runtime = await startRuntime({ services, sockets: [{ service: 'console', port: open }], stateDir })
  return { runtime, port: open, token }
}

function mustBeFree(stateDir: string): void {
  const owner = runningOn(stateDir)
  if (owner === undefined) return
  throw new Error(`npm start runs already (process ${owner}). End it with Ctrl-C in its terminal, or kill ${owner}.`)
}

function mustBeWritable(stateDir: string): void {
  try {
    mkdirSync(stateDir, { recursive: true })
    const probe = join(stateDir, '.writable')
    writeFileSync(probe, '')
    rmSync(probe)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : error
    throw new Error(
      `${stateDir} cannot be written to (${code}). Clone Tidemark into a folder of your own and run there.`,
    )
  }
}
