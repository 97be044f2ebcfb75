/** A libSQL database over HTTP on 127.0.0.1. */
import { join, resolve } from 'node:path'
import { root } from '../lib/paths.ts'
import { keptPort, LOCAL_TOKEN } from './kept-port.ts'
import { accepts, type Peer, startProcess } from './process.ts'

export interface LibsqlOptions {
  /** Database, port and log; made when missing. The same folder again finds the same data on the same port. */
  readonly dir: string
  /** On 127.0.0.1; default any free one. */
  readonly port?: number
  /** What clients must show; default {@link LOCAL_TOKEN}. */
  readonly token?: string
  readonly detached?: boolean
}

/** A database; `address` is its URL. */
export interface LibsqlPeer extends Peer {
  readonly token: string
}

const READY_MS = 20_000

/**
 * Starts the server (`hrana-server.ts`) and waits until it answers. Nothing has to be installed: the engine comes with npm.
 *
 * @example
 * const libsql = await startLibsql({ dir: '/tmp/libsql' })
 * await migrateStore({ url: libsql.address, token: libsql.token }, Date.now())
 */
export async function startLibsql(options: LibsqlOptions): Promise<LibsqlPeer> {
  const dir = resolve(options.dir)
  const token = options.token ?? LOCAL_TOKEN
  const port = await keptPort(dir, 'port', options.port)
  const peer = await startProcess({
    name: 'libSQL',
    address: `http://127.0.0.1:${port}`,
    command: process.execPath,
    args: [join(root, 'scripts/peers/hrana-server.ts'), String(port), join(dir, 'data.db')],
    env: { LIBSQL_TOKEN: token },
    logFile: join(dir, 'libsql.log'),
    ready: () => accepts('127.0.0.1', port),
    readyWithinMs: READY_MS,
    detached: options.detached ?? false,
  })
  return { ...peer, token }
}
