/** One Redis on 127.0.0.1, and a server of Upstash's REST interface before it. */
import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { root } from '../lib/paths.ts'
import { keptPort, LOCAL_TOKEN } from './kept-port.ts'
import { accepts, type Peer, startProcess } from './process.ts'

export interface RedisOptions {
  /** Data, ports and logs; made when missing. The same folder again finds the same data on the same port. */
  readonly dir: string
  /** Of Redis, on 127.0.0.1; default any free one. */
  readonly port?: number
  readonly detached?: boolean
}

export interface RedisRestOptions {
  readonly dir: string
  /** `host:port` of the Redis behind it. */
  readonly redis: string
  /** On 127.0.0.1; default any free one. */
  readonly port?: number
  /** What clients must show. */
  readonly token: string
  readonly detached?: boolean
}

const READY_MS = 20_000

/** Whether there is a `redis-server` to be run. */
export const hasRedis = (): boolean => spawnSync('redis-server', ['--version']).status === 0

/**
 * Starts a Redis that notes every write before it answers, so that a kill loses nothing, and waits until it serves;
 * `installPeer('redis')` comes before.
 */
export async function startRedisServer(options: RedisOptions): Promise<Peer> {
  const dir = resolve(options.dir)
  const port = await keptPort(dir, 'redis-port', options.port)
  const settings = { port: String(port), bind: '127.0.0.1', dir, appendonly: 'yes', appendfsync: 'everysec', save: '' }
  return await startProcess({
    name: 'Redis',
    address: `127.0.0.1:${port}`,
    command: 'redis-server',
    args: Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
    cwd: dir,
    logFile: join(dir, 'redis.log'),
    ready: () => accepts('127.0.0.1', port),
    readyWithinMs: READY_MS,
    detached: options.detached ?? false,
  })
}

/** Starts the REST server (`upstash-rest-server.ts`) and waits until it answers, whatever its Redis does. */
export async function startRedisRest(options: RedisRestOptions): Promise<Peer> {
  const dir = resolve(options.dir)
  const port = await keptPort(dir, 'rest-port', options.port)
  const redisPort = options.redis.split(':').at(-1) ?? ''
  return await startProcess({
    name: 'The REST server of Redis',
    address: `http://127.0.0.1:${port}`,
    command: process.execPath,
    args: [join(root, 'scripts/peers/upstash-rest-server.ts'), String(port), redisPort],
    env: { UPSTASH_TOKEN: options.token },
    logFile: join(dir, 'rest.log'),
    ready: () => accepts('127.0.0.1', port),
    readyWithinMs: READY_MS,
    detached: options.detached ?? false,
  })
}

/** A Redis with its REST server; `address` is the URL of the latter. */
export interface RedisPeer extends Peer {
  readonly token: string
  /** `host:port` of Redis itself. */
  readonly redis: string
}

/**
 * Both of them, for tests. `kill` takes Redis away as a power cut would, and the REST server too: the same folder starts them
 * again, with the same ports and data.
 *
 * @example
 * const redis = await startRedis({ dir: '/tmp/redis' })
 * const store = new RedisStore({ url: redis.address, token: redis.token })
 */
export async function startRedis(options: RedisOptions & { readonly token?: string }): Promise<RedisPeer> {
  const token = options.token ?? LOCAL_TOKEN
  const redis = await startRedisServer(options)
  try {
    const rest = await startRedisRest({ dir: options.dir, redis: redis.address, token })
    const both = async (how: 'stop' | 'kill') => void (await Promise.all([rest[how](), redis[how]()]))
    return { ...rest, token, redis: redis.address, stop: () => both('stop'), kill: () => both('kill') }
  } catch (error) {
    await redis.kill()
    throw error
  }
}
