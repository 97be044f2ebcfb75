/** Starts peers that go on when this process ends, each in its folder of `.tidemark/peers`. */
import { join } from 'node:path'
import { freePort } from '../local/port.ts'
import { startApicurio } from './apicurio.ts'
import { startConnect } from './connect.ts'
import { installPeer, peersFolder, type Say } from './install.ts'
import { startKafka } from './kafka.ts'
import { startPostgres } from './postgres.ts'
import { type RunningPeer, recall, remember } from './registry.ts'
import type { PeerName } from './versions.ts'

/** Where they listen when these ports are free. */
const PORTS = { kafka: 9092, postgres: 5432, debezium: 8083, apicurio: 8081 } as const

/** Starts what does not run yet, in an order in which each finds what it needs. */
export async function startPeers(names: readonly PeerName[], say: Say): Promise<RunningPeer[]> {
  const wanted = new Set(names)
  if (wanted.has('debezium')) wanted.add('kafka')
  const running: RunningPeer[] = []
  for (const name of ['kafka', 'postgres', 'debezium', 'apicurio', 'debezium-server'] as const) {
    if (!wanted.has(name)) continue
    const known = recall(name)
    if (known === undefined) {
      await installPeer(name, say)
      say(`${name}: starting`)
    }
    const peer = known ?? (await start(name))
    say(`${name}: ${peer.address} (pid ${peer.pid}, log ${peer.logFile})`)
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
    case 'debezium-server':
      throw new Error(
        'Debezium Server needs to know its database and where to post: tests start it with startDebeziumServer.',
      )
  }
}
