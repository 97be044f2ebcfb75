import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { BrokerTimeout, brokerConnections } from '../../../scripts/kafka-http-bridge/connections.ts'

const brokers: Server[] = []
const sockets = new Set<Socket>()

afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  for (const broker of brokers.splice(0)) await new Promise((resolve) => broker.close(resolve))
})

/** A broker that takes connections and never says a word. */
async function silentBroker() {
  let taken = 0
  const server = createServer((socket) => {
    taken++
    sockets.add(socket)
    // Without reading, the end of a connection would not be seen.
    socket
      .on('error', () => {})
      .on('close', () => sockets.delete(socket))
      .resume()
  })
  brokers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { host: '127.0.0.1', port: address.port, taken: () => taken }
}

const sasl = { mechanism: 'PLAIN', username: 'u', password: 'p' } as const

test.each([
  ['authenticating', { sasl }],
  ['in its TLS handshake', { tls: {} }],
  ['waiting for an answer', {}],
] as const)('a connection that is %s at the deadline is gone soon after', async (_, options) => {
  const broker = await silentBroker()
  const connections = brokerConnections('tests', options)
  let exchanges = 0
  const uses = Array.from({ length: 10 }, () =>
    connections.use(broker, 150, () => {
      exchanges++
      return new Promise<never>(() => {})
    }),
  )
  for (const use of await Promise.allSettled(uses)) {
    expect(use).toMatchObject({ status: 'rejected', reason: expect.any(BrokerTimeout) })
  }
  // Well before the library gives up on its own, which takes 3 s for a connection and 120 s for an answer.
  await expect.poll(() => sockets.size, { timeout: 1_500 }).toBe(0)
  expect(broker.taken()).toBe(10)
  expect(exchanges).toBe('sasl' in options || 'tls' in options ? 0 : 10)
  await connections.close()
})
