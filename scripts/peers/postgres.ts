/** One PostgreSQL on 127.0.0.1, ready for logical replication. */
import { spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { freePort } from '../local/port.ts'
import { accepts, type Peer, startProcess } from './process.ts'

export interface PostgresOptions {
  /** Data and log; made when missing. When run by root it must lie where the user postgres can reach it. */
  readonly dir: string
  /** On 127.0.0.1; default any free one. A folder that was started before keeps its port. */
  readonly port?: number
  readonly detached?: boolean
}

const FOLDER = '/usr/lib/postgresql'
const READY_MS = 30_000

/** The folder with `initdb` and `postgres` of the newest PostgreSQL there is; undefined when there is none. */
export function postgresBinaries(): string | undefined {
  if (!existsSync(FOLDER)) return undefined
  const versions = readdirSync(FOLDER)
    .filter((version) => existsSync(join(FOLDER, version, 'bin', 'initdb')))
    .sort((a, b) => Number(b) - Number(a))
  return versions[0] === undefined ? undefined : join(FOLDER, versions[0], 'bin')
}

/**
 * Starts PostgreSQL with `wal_level=logical` and waits until it serves. Superuser `postgres`, no password, database
 * `postgres`; `installPeer('postgres')` comes before.
 *
 * @example
 * const postgres = await startPostgres({ dir: '/tmp/postgres' })
 * // psql -h 127.0.0.1 -p PORT -U postgres
 */
export async function startPostgres(options: PostgresOptions): Promise<Peer> {
  const binaries = postgresBinaries()
  if (binaries === undefined) throw new Error('PostgreSQL is not installed. Run npm run peers -- install postgres.')
  const dir = resolve(options.dir)
  const user = process.getuid?.() === 0 ? postgresUser() : undefined
  mkdirSync(dir, { recursive: true })
  if (user !== undefined) {
    refuseUnreachable(dir)
    chownSync(dir, user.uid, user.gid)
  }
  const data = join(dir, 'data')
  const portFile = join(dir, 'port')
  if (!existsSync(portFile)) {
    const made = spawnSync(
      join(binaries, 'initdb'),
      ['-D', data, '-U', 'postgres', '--auth=trust', '-E', 'UTF8', '--locale=C.UTF-8', '-N'],
      { encoding: 'utf8', cwd: dir, ...user },
    )
    if (made.status !== 0) throw new Error(`initdb failed in ${data}:\n${made.stderr || made.error?.message}`)
    writeFileSync(portFile, String(options.port ?? (await freePort(0))))
  }
  const port = Number(readFileSync(portFile, 'utf8'))
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    wal_level: 'logical',
    max_replication_slots: '20',
    max_wal_senders: '20',
  }
  return startProcess({
    name: 'PostgreSQL',
    address: `127.0.0.1:${port}`,
    command: join(binaries, 'postgres'),
    args: ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    cwd: dir,
    logFile: join(dir, 'postgres.log'),
    ready: async () => (await accepts('127.0.0.1', port)) && isReady(binaries, port),
    readyWithinMs: READY_MS,
    // Ends sessions at once and writes a checkpoint; SIGTERM would wait for every client to leave.
    stopSignal: 'SIGINT',
    detached: options.detached ?? false,
    ...(user !== undefined && { user }),
  })
}

function isReady(binaries: string, port: number): boolean {
  return spawnSync(join(binaries, 'pg_isready'), ['-q', '-h', '127.0.0.1', '-p', String(port)]).status === 0
}

/** PostgreSQL refuses to run as root; Debian's package brings a user for it. */
function postgresUser(): { uid: number; gid: number } {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith('postgres:'))
  const [, , uid, gid] = line?.split(':') ?? []
  if (uid === undefined || gid === undefined)
    throw new Error('There is no user postgres, and PostgreSQL refuses to run as root. Run as another user.')
  return { uid: Number(uid), gid: Number(gid) }
}

const OTHERS_ENTER = 0o001

function refuseUnreachable(dir: string): void {
  for (let folder = dirname(dir); ; folder = dirname(folder)) {
    if ((statSync(folder).mode & OTHERS_ENTER) === 0)
      throw new Error(`The user postgres cannot enter ${folder}. Choose a folder that it can, for example under /tmp.`)
    if (folder === dirname(folder)) return
  }
}
