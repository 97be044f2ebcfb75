/** Starts peers that go on when this process ends, each in its folder of `.tidemark/peers`. */
import { join } from 'node:path'
import { freePort } from '../local/port.ts'
import { startApicurio } from './apicurio.ts'
import { startConnect } from './connect.ts'
import { installPeer, peersFolder, type Say } from './install.ts'
import { startKafka } from './kafka.ts'
import { LOCAL_TOKEN } from './kept-port.ts'
import { startLibsql } from './libsql.ts'
import { startPostgres } from './postgres.ts'
import { startRedisRest, startRedisServer } from './redis.ts'
import { type RunningPeer, recall, remember } from './registry.ts'
import type { PeerName } from './versions.ts'

/** Where they listen when these ports are free. */
const PORTS = {
  kafka: 9092,
  postgres: 5432,
  debezium: 8083,
  apicurio: 8081,
  redis: 6379,
  'redis-rest': 8079,
  libsql: 8082,
} as const

/** In an order in which each finds what it needs. */
const ORDER: readonly PeerName[] = [
  'kafka',
  'postgres',
  'debezium',
  'apicurio',
  'debezium-server',
  'redis',
  'redis-rest',
  'libsql',
]

/** Starts what does not run yet, and what it needs. */
export async function startPeers(names: readonly PeerName[], say: Say): Promise<RunningPeer[]> {
  const wanted = new Set(names)
  if (wanted.has('debezium')) wanted.add('kafka')
  if (wanted.has('redis') || wanted.has('redis-rest')) wanted.add('redis').add('redis-rest')
  const running: RunningPeer[] = []
  for (const name of ORDER) {
    if (!wanted.has(name)) continue
    const known = recall(name)
    if (known === undefined) {
      await installPeer(name, say)
      say(`${name}: starting`)
    }
    const peer = known ?? (await start(name))
    const token = name === 'redis-rest' || name === 'libsql' ? `, token ${LOCAL_TOKEN}` : ''
    say(`${name}: ${peer.address} (pid ${peer.pid}, log ${peer.logFile}${token})`)
    running.push(peer)
  }
  return running
}

async function start(name: PeerName): Promise<RunningPeer> {
  const dir = join(peersFolder, 'data', name)
  const detached = true
  switch (name) {
    case 'kafka':
      return remember(name, await startKafka({ dir, port: await freePort(PORTS.kafka), detached }))
    case 'postgres':
      return remember(name, await startPostgres({ dir, port: await freePort(PORTS.postgres), detached }), 'SIGINT')
    case 'debezium': {
      const kafka = recall('kafka')?.address ?? ''
      return remember(name, await startConnect({ dir, kafka, port: await freePort(PORTS.debezium), detached }))
    }
    case 'apicurio':
      return remember(name, await startApicurio({ dir, port: await freePort(PORTS.apicurio), detached }))
    case 'redis':
      return remember(name, await startRedisServer({ dir, port: await freePort(PORTS.redis), detached }))
    case 'redis-rest': {
      const options = { dir, redis: recall('redis')?.address ?? '', token: LOCAL_TOKEN, detached }
      return remember(name, await startRedisRest({ ...options, port: await freePort(PORTS['redis-rest']) }))
    }
    case 'libsql':
      return remember(name, await startLibsql({ dir, port: await freePort(PORTS.libsql), detached }))
    case 'debezium-server':
      throw new Error(
        'Debezium Server needs to know its database and where to post: tests start it with startDebeziumServer.',
      )
  }
}
