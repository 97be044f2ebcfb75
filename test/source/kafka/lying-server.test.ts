import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { connectKafka, type KafkaConnection, type ReadResult } from '../../../src/source/index.ts'
import { forSeeds, random } from '../../support/random.ts'
import { MOST_READ_MS } from './conformance.ts'

/** What a server may do instead of answering a read as it should. */
type Lie = (response: ServerResponse, honest: () => void, request: IncomingMessage) => void

const DIALECTS: readonly KafkaConnection['dialect'][] = ['upstash', 'redpanda', 'strimzi', 'confluent', 'karapace']
const ASKED = 100
const WAIT_MS = 200
const servers: Server[] = []

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

const record = (offset: unknown, value = `dmFsdWUt${Buffer.from(String(offset)).toString('base64')}`) => ({
  topic: 't',
  partition: 0,
  offset,
  timestamp: 1,
  key: null,
  value,
})

function answer(response: ServerResponse, body: unknown, status = 200, type = 'application/vnd.kafka.binary.v2+json') {
  response.writeHead(status, { 'content-type': type })
  response.end(typeof body === 'string' ? body : JSON.stringify(body))
}

/** A server of all dialects at once that tells the truth about everything but records. */
async function server(lie: Lie): Promise<string> {
  const http = createServer((request, response) => {
    const path = request.url ?? ''
    const honest = () => answer(response, [record(ASKED), record(ASKED + 1)])
    request.resume()
    request.on('end', () => {
      if (/\/records|^\/fetch/.test(path)) lie(response, honest, request)
      else if (/\/offsets$/.test(path) && request.method === 'GET')
        answer(response, { beginning_offset: 0, end_offset: 1_000 }, 200, 'application/vnd.kafka.v2+json')
      else if (/^\/consumers\/[^/]+$/.test(path))
        answer(response, { instance_id: 'c', base_uri: 'http://nowhere.invalid/' })
      else response.writeHead(204).end()
    })
  })
  servers.push(http)
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const address = http.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
}

function connect(dialect: KafkaConnection['dialect'], url: string) {
  const environment = { fetch: (to: string, init: RequestInit) => fetch(to, init), now: Date.now, random: Math.random }
  return connectKafka({ dialect, url }, { ...environment, name: 'tests' })
}

async function readWith(dialect: KafkaConnection['dialect'], lie: Lie): Promise<ReadResult> {
  const kafka = connect(dialect, await server(lie))
  const startedMs = Date.now()
  const result = await kafka.read({ topic: 't', partition: 0, offset: ASKED, maxBytes: 10_000, waitMs: WAIT_MS })
  expect(Date.now() - startedMs).toBeLessThan(MOST_READ_MS + WAIT_MS)
  return result
}

/** What holds of every page, whatever was sent. */
function expectSane(result: ReadResult): void {
  if (result.kind !== 'records') return
  const offsets = result.records.map(({ offset }) => offset)
  expect(offsets).toEqual([...new Set(offsets)].sort((a, b) => a - b))
  for (const offset of offsets) expect(offset).toBeGreaterThanOrEqual(ASKED)
  expect(result.next).toBeGreaterThan(offsets.at(-1) ?? ASKED - 1)
}

const offsetsOf = (result: ReadResult) => (result.kind === 'records' ? result.records.map(({ offset }) => offset) : [])

const pages: Readonly<Record<string, { readonly sent: unknown; readonly kept: readonly number[] | 'failed' }>> = {
  'gives records twice': { sent: [100, 100, 101, 100, 101].map((o) => record(o)), kept: [100, 101] },
  'gives records in no order': { sent: [104, 101, 103].map((o) => record(o)), kept: [101, 103, 104] },
  'gives what lies before the offset': { sent: [97, 98, 99, 100].map((o) => record(o)), kept: [100] },
  'gives only what lies before the offset': { sent: [1, 2, 3].map((o) => record(o)), kept: [] },
  'gives records of another partition': { sent: [{ ...record(100), partition: 1 }, record(101)], kept: [101] },
  'gives records of another topic': { sent: [{ ...record(100), topic: 'u' }, record(101)], kept: [101] },
  'gives one offset with two contents': { sent: [record(100), record(100, 'b3RoZXI=')], kept: 'failed' },
  'gives a negative offset': { sent: [record(-1), record(100)], kept: 'failed' },
  'gives a broken offset': { sent: [record(100.5)], kept: 'failed' },
  'gives an offset beyond what a number holds': { sent: [record(2 ** 60)], kept: 'failed' },
  'gives an offset as a text': { sent: [record('100')], kept: 'failed' },
  'gives a record without an offset': { sent: [{ value: null }], kept: 'failed' },
  'gives null for a record': { sent: [null], kept: 'failed' },
  'gives a number for a value': { sent: [{ ...record(100), value: 7 }], kept: 'failed' },
  'gives an object instead of a list': { sent: { records: [] }, kept: 'failed' },
  'gives null instead of a list': { sent: null, kept: 'failed' },
}

describe.each(DIALECTS)('the adapter of %s and a server that', (dialect) => {
  for (const [what, { sent, kept }] of Object.entries(pages))
    test(what, async () => {
      const result = await readWith(dialect, (response) => answer(response, sent))
      expectSane(result)
      if (kept === 'failed') expect(result.kind).toBe('failed')
      else expect([result.kind, offsetsOf(result)]).toEqual(['records', kept])
    })

  for (const status of [301, 400, 401, 404, 406, 409, 415, 422, 429, 500, 502, 503])
    test(`answers ${status}`, async () => {
      const result = await readWith(dialect, (response) =>
        answer(response, { error_code: status, message: 'no' }, status),
      )
      expect(result).toMatchObject({ kind: 'failed' })
    })

  test('closes in the middle of the body', async () => {
    const result = await readWith(dialect, (response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' })
      response.write(`[${JSON.stringify(record(100))},`)
      setTimeout(() => response.destroy(), 20)
    })
    expect(result).toMatchObject({ kind: 'failed', transient: true })
  })

  test('cuts off its JSON', async () => {
    const whole = JSON.stringify([record(100), record(101)])
    for (const length of [1, 10, whole.length - 1]) {
      const result = await readWith(dialect, (response) => answer(response, whole.slice(0, length)))
      expect(result).toMatchObject({ kind: 'failed', transient: true })
    }
  })

  test('says 200 with nothing', async () => {
    expect(await readWith(dialect, (response) => answer(response, ''))).toMatchObject({ kind: 'failed' })
    expect(await readWith(dialect, (response) => response.writeHead(200).end())).toMatchObject({ kind: 'failed' })
    expect(await readWith(dialect, (response) => response.writeHead(204).end())).toMatchObject({ kind: 'failed' })
  })

  test('sends a page of HTML', async () => {
    const lie: Lie = (response) => answer(response, '<html>sign in</html>', 200, 'text/html')
    expect(await readWith(dialect, lie)).toMatchObject({ kind: 'failed' })
  })

  test('sends JSON that is not UTF-8', async () => {
    const broken = Buffer.from(JSON.stringify([{ ...record(100), topic: undefined, note: '\u00e9' }]), 'latin1')
    const result = await readWith(dialect, (response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(broken)
    })
    expect(result).toMatchObject({ kind: 'failed' })
  })

  test('closes the connection at once', async () => {
    expect(await readWith(dialect, (response) => response.destroy())).toMatchObject({ kind: 'failed', transient: true })
  })

  test('never ends its body', async () => {
    let sent = 0
    const result = await readWith(dialect, (response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const more = () => {
        if (response.destroyed) return
        sent += 1024 * 1024
        response.write(' '.repeat(1024 * 1024), more)
      }
      more()
    })
    expect(result).toMatchObject({ kind: 'failed' })
    // Cancelled soon after the cap, whatever was in flight.
    expect(sent).toBeLessThan(64 * 1024 * 1024)
  })

  test('announces a body beyond the cap', async () => {
    const result = await readWith(dialect, (response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': String(2 ** 33) })
      response.write('[')
    })
    expect(result).toMatchObject({ kind: 'failed' })
  })
})

test('a server that does not answer, or answers a byte at a time, is given up', { timeout: 40_000 }, async () => {
  const hangs: Lie = () => {}
  const drips: Lie = (response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    const timer = setInterval(() => response.write(' '), 100)
    response.on('close', () => clearInterval(timer))
  }
  const reads = DIALECTS.flatMap((dialect) => [readWith(dialect, hangs), readWith(dialect, drips)])
  for (const result of await Promise.all(reads)) expect(result).toMatchObject({ kind: 'failed', transient: true })
})

test('whatever mix of records is sent, a page is sorted, without repeats, and from the offset on', async () => {
  const cases: [KafkaConnection['dialect'], unknown[]][] = []
  forSeeds(40, (r) => {
    const offsets = Array.from({ length: r.int(0, 30) }, () => r.int(ASKED - 10, ASKED + 20))
    cases.push([r.pick(DIALECTS), offsets.map((offset) => record(offset))])
  })
  for (const [dialect, sent] of cases) {
    const result = await readWith(dialect, (response) => answer(response, sent))
    expect(result.kind).toBe('records')
    expectSane(result)
    const honest = new Set(sent.map((one) => (one as { offset: number }).offset).filter((offset) => offset >= ASKED))
    expect(new Set(offsetsOf(result))).toEqual(honest)
  }
})

test('the credentials are in no message, and a redirect does not carry them away', async () => {
  let redirected = 0
  const elsewhere = await server((response, honest) => {
    redirected++
    honest()
    response.end()
  })
  const url = await server((response) => response.writeHead(307, { location: `${elsewhere}/fetch` }).end())
  for (const dialect of DIALECTS) {
    const secrets = { token: 'very-secret', username: 'someone', password: 'also-secret' }
    const kafka = connectKafka(
      { dialect, url, ...secrets },
      { fetch: (to, init) => fetch(to, init), now: Date.now, random: random(1).next, name: 'tests' },
    )
    const result = await kafka.read({ topic: 't', partition: 0, offset: 0, maxBytes: 100, waitMs: 0 })
    expect(result.kind).toBe('failed')
    expect(JSON.stringify(result)).not.toMatch(/secret/)
  }
  expect(redirected).toBe(0)
})
