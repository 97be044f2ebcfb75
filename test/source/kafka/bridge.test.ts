import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { BadRequest, newRecords } from '../../../scripts/kafka-http-bridge/new-records.ts'
import { parseOptions, UsageError } from '../../../scripts/kafka-http-bridge/options.ts'
import { type Bridge, type BridgeOptions, startBridge } from '../../../scripts/kafka-http-bridge/server.ts'

const bridges: Bridge[] = []
const brokers: { server: Server; sockets: Set<Socket> }[] = []

afterEach(async () => {
  await Promise.all(bridges.splice(0).map((bridge) => bridge.close()))
  for (const { server, sockets } of brokers.splice(0)) {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
})

async function bridge(options: Partial<BridgeOptions> = {}): Promise<Bridge> {
  // Port 1 of this machine refuses at once.
  const cluster = { brokers: ['127.0.0.1:1'], clientId: 'tests', connection: {} }
  const started = await startBridge({ cluster, ...options })
  bridges.push(started)
  return started
}

/** A broker that takes connections and never says a word. */
async function silentBroker(): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => void sockets.add(socket.on('error', () => {})))
  brokers.push({ server, sockets })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
}

const post = (url: string, body: string, headers: Record<string, string> = {}) =>
  fetch(url, { method: 'POST', body, headers })
const place = JSON.stringify({ topic: 't', partition: 0, offset: 0, timeout: 0 })

describe('the bridge', () => {
  test('lets in who shows the token, as Bearer or as a password, and nobody else', async () => {
    const { url } = await bridge({ token: 'a-token' })
    const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
    const status = async (authorization: string) => (await post(`${url}/fetch`, place, { authorization })).status
    const good = ['Bearer a-token', 'bearer a-token', basic('user:a-token')]
    const bad = ['', 'Bearer', 'Bearer a-toke', 'Bearer a-token2', 'a-token', basic('a-token:'), 'Digest a-token']
    // Behind the door no broker answers.
    expect(await Promise.all(good.map(status))).toEqual(good.map(() => 503))
    expect(await Promise.all(bad.map(status))).toEqual(bad.map(() => 401))
    expect((await fetch(`${url}/topics`)).status).toBe(401)
  })

  test('says 503 with a reason and when to come again while no broker answers, within the grace of an adapter', async () => {
    const silent = await silentBroker()
    for (const address of ['127.0.0.1:1', silent]) {
      const { url } = await bridge({ cluster: { brokers: [address], clientId: 'tests', connection: {} } })
      const startedMs = Date.now()
      const responses = await Promise.all([
        post(`${url}/fetch`, place),
        post(`${url}/offsets/earliest`, JSON.stringify([{ topic: 't', partition: 0 }])),
        fetch(`${url}/topics/t`),
        fetch(`${url}/health`),
        post(`${url}/produce`, JSON.stringify({ topic: 't', value: 'x' })),
      ])
      expect(Date.now() - startedMs).toBeLessThan(7_500)
      for (const response of responses) {
        expect(response.status).toBe(503)
        const { error } = (await response.json()) as { error: string }
        expect(error).toMatch(/broker/)
      }
      expect(responses[0]?.headers.get('retry-after')).toBe('1')
    }
  })

  test('does not tell strangers where its brokers are', async () => {
    const { url } = await bridge({ token: 'a-token' })
    expect(await (await fetch(`${url}/health`)).text()).not.toMatch(/127\.0\.0\.1/)
  })

  test('refuses what it cannot follow, and says how it goes', async () => {
    const { url } = await bridge()
    for (const body of ['', '{', '[]', 'null', '{}', '{"topic":"t"}', '{"topic":"t","partition":-1,"offset":0}'])
      expect((await post(`${url}/fetch`, body)).status).toBe(400)
    expect((await post(`${url}/fetch`, '{"topic":"t","partition":0,"offset":"0"}')).status).toBe(400)
    expect((await post(`${url}/offsets/tomorrow`, '[]')).status).toBe(400)
    const unknown = await fetch(`${url}/consume/a/b`)
    expect([unknown.status, await unknown.text()]).toEqual([404, expect.stringMatching(/POST \/fetch/)])
    expect((await fetch(`${url}/%zz`)).status).toBe(404)
  })

  test('takes no body beyond its cap', async () => {
    const { url } = await bridge()
    const status = await post(`${url}/produce`, 'x'.repeat(17 * 1024 * 1024)).then(
      (response) => response.status,
      // The bridge may close before all was sent.
      () => 413,
    )
    expect(status).toBe(413)
  })

  test('ends at once, also while polls wait', async () => {
    const silent = await silentBroker()
    const started = await startBridge({ cluster: { brokers: [silent], clientId: 'tests', connection: {} } })
    const waiting = post(
      `${started.url}/fetch`,
      JSON.stringify({ topic: 't', partition: 0, offset: 0, timeout: 30_000 }),
    ).catch(() => {})
    await new Promise((resolve) => setTimeout(resolve, 100))
    const startedMs = Date.now()
    await started.close()
    await waiting
    expect(Date.now() - startedMs).toBeLessThan(7_000)
  })
})

describe('the command line of the bridge', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bridge-options-'))
  const file = join(folder, 'secret')
  writeFileSync(file, 'hidden\n')

  test('reads brokers, SASL and TLS, and secrets from files or the environment', () => {
    const args = [
      '--brokers',
      'a:1,[::1]:2',
      '--sasl',
      'scram-sha-512',
      '--username',
      'u',
      '--password-file',
      file,
      '--tls',
    ]
    expect(parseOptions([...args, '--token-file', file, '--host', '0.0.0.0', '--port', '0'], {})).toEqual({
      cluster: {
        brokers: ['a:1', '[::1]:2'],
        clientId: 'tidemark-kafka-http-bridge',
        connection: {
          tls: {},
          tlsServerName: true,
          sasl: { mechanism: 'SCRAM-SHA-512', username: 'u', password: 'hidden' },
        },
      },
      host: '0.0.0.0',
      port: 0,
      gzip: 'remote',
      token: 'hidden',
    })
    expect(parseOptions(['--brokers', 'a'], { KAFKA_BRIDGE_TOKEN: 'x' })).toMatchObject({
      token: 'x',
      host: '127.0.0.1',
    })
    expect(parseOptions(['--help'], {})).toBe('help')
    rmSync(folder, { recursive: true })
  })

  test('refuses what would be open to everybody, or cannot be', () => {
    const bad: [string[], RegExp][] = [
      [[], /--brokers/],
      [['--brokers', 'a:b'], /host:port/],
      [['--brokers', 'a', '--host', '0.0.0.0'], /token/],
      [['--brokers', 'a', '--sasl', 'md5'], /plain, scram/],
      [['--brokers', 'a', '--sasl', 'plain'], /--username/],
      [['--brokers', 'a', '--username', 'u'], /--sasl/],
      [['--brokers', 'a', '--port', '70000'], /65535/],
      [['--brokers', 'a', '--token-file', '/nowhere/at/all'], /cannot be read/],
      [['--brokers', 'a', '--gzip', 'yes'], /remote, always/],
      [['--borkers', 'a'], /--help/],
    ]
    for (const [args, message] of bad) {
      expect(() => parseOptions(args, {})).toThrow(UsageError)
      expect(() => parseOptions(args, {})).toThrow(message)
    }
  })
})

describe('records to write', () => {
  test('are texts, null, or bytes in base64', () => {
    const [record] = newRecords({
      topic: 't',
      key: { base64: '/w==' },
      value: null,
      headers: [{ key: 'h', value: 'é' }],
    })
    expect(record).toEqual({
      topic: 't',
      key: Buffer.of(0xff),
      value: null,
      headers: [[Buffer.from('h'), Buffer.from('é')]],
    })
  })

  test('are refused by place and name', () => {
    const bad: [unknown, RegExp][] = [
      [[{ topic: 't', value: 'x' }, 7], /Record 1 is no object/],
      [{ value: 'x' }, /names no topic/],
      [{ topic: 't' }, /no value/],
      [{ topic: 't', value: 3 }, /the value of record 0/],
      [{ topic: 't', value: { base64: 'a' } }, /the value of record 0/],
      [{ topic: 't', value: 'x', partition: -1 }, /partition/],
      [{ topic: 't', value: 'x', headers: {} }, /headers/],
      [{ topic: 't', value: 'x', headers: [{}] }, /no key/],
      [{ topic: 't', value: 'x', timestamp: 'now' }, /timestamp/],
    ]
    for (const [json, message] of bad) {
      expect(() => newRecords(json)).toThrow(BadRequest)
      expect(() => newRecords(json)).toThrow(message)
    }
  })
})
