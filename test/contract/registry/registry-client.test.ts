import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { RegistryClient } from '../../../src/contract/index.ts'

interface Answer {
  readonly status: number
  readonly body: string
  readonly type?: string
}

const base = 'http://127.0.0.1:28087/apis/ccompat/v7'
const recording = readFileSync(join(import.meta.dirname, '../../vectors/apicurio-3.3.3.txt'), 'utf8')

/** The recorded answers by method and URL; of a repeated request the last. */
function recorded(): Map<string, Answer> {
  const answers = new Map<string, Answer>()
  for (const part of recording.split(/^\$ /m).slice(1)) {
    const [request = '', ...lines] = part.trimEnd().split('\n')
    const [, method = 'GET', url = ''] = /^(?:-X (\w+) )?(\S+)/.exec(request) ?? []
    const [, status, type = ''] = /^\[(\d+) (.*)\]$/.exec(lines.at(-1) ?? '') ?? []
    answers.set(`${method} ${url.replace('?verbose=true', '')}`, {
      status: Number(status),
      type,
      body: lines.slice(0, -1).join('\n'),
    })
  }
  return answers
}

interface Asked {
  readonly url: string
  readonly init: RequestInit
}

function clientOf(answers: ReadonlyMap<string, Answer | Error>, connection: object = {}) {
  const asked: Asked[] = []
  const client = new RegistryClient({ url: `${base}/`, ...connection }, async (url, init) => {
    asked.push({ url, init })
    const answer = answers.get(`${init.method} ${url}`) ?? { status: 404, body: 'nothing here' }
    if (answer instanceof Error) throw answer
    return new Response(answer.body, {
      status: answer.status,
      headers: { 'content-type': answer.type ?? 'application/json' },
    })
  })
  return { client, asked }
}

test("Apicurio's recorded answers are read", async () => {
  const { client } = clientOf(recorded())
  const order = '{"type":"record","name":"Order","fields":[{"name":"id","type":"long"}]}'
  expect(await client.schemaById(1)).toEqual({
    kind: 'schema',
    schema: { schemaType: 'AVRO', schema: order, references: [] },
  })
  expect(await client.schemaById(99)).toMatchObject({
    kind: 'unknown',
    message: expect.stringContaining('Schema 99 not found'),
  })
  expect(await client.latest('orders-value')).toMatchObject({ kind: 'version', version: 2, id: 2 })
  expect(await client.latest('nope')).toMatchObject({ kind: 'unknown' })
  expect(await client.versions('orders-value')).toEqual({ kind: 'versions', versions: [1, 2] })
  const wrong = {
    schemaType: 'AVRO',
    schema: '{"type":"record","name":"Order","fields":[{"name":"id","type":"string"}]}',
  } as const
  expect(await client.isCompatible('orders-value', wrong)).toEqual({ kind: 'answer', isCompatible: false })
})

test('a schema is asked for once, and a failure again', async () => {
  const answers = new Map<string, Answer | Error>([[`GET ${base}/schemas/ids/5`, { status: 500, body: '' }]])
  const { client, asked } = clientOf(answers)
  expect(await client.schemaById(5)).toMatchObject({ kind: 'failed', transient: true })
  answers.set(`GET ${base}/schemas/ids/5`, { status: 200, body: '{"schemaType":"JSON","schema":"{}"}' })
  expect(await client.schemaById(5)).toMatchObject({ schema: { schemaType: 'JSON' } })
  answers.delete(`GET ${base}/schemas/ids/5`)
  expect(await client.schemaById(5)).toMatchObject({ schema: { schemaType: 'JSON' } })
  expect(asked).toHaveLength(2)
})

test.each([
  [{ token: 't' }, 'Bearer t'],
  [{ username: 'u', password: 'p:ä' }, `Basic ${Buffer.from('u:p:ä').toString('base64')}`],
  [{}, undefined],
])('credentials %j are sent, and no redirect is followed with them', async (connection, authorization) => {
  const { client, asked } = clientOf(recorded(), connection)
  await client.latest('a/b ?')
  expect(asked[0]?.url).toBe(`${base}/subjects/a%2Fb%20%3F/versions/latest`)
  expect(asked[0]?.init).toMatchObject({ redirect: 'manual' })
  expect((asked[0]?.init.headers as Record<string, string> | undefined)?.authorization).toBe(authorization)
})

test.each([
  ['the network', new Error('connect refused'), true],
  ['too many requests', { status: 429, body: '{"message":"slow down"}' }, true],
  ['a gateway', { status: 502, body: '<html>' }, true],
  ['the credentials', { status: 401, body: '{"message":"who?"}' }, false],
  ['another server', { status: 404, body: '<html>' }, false],
  ['a page', { status: 200, body: '<html>' }, false],
  ['a redirect', { status: 302, body: '' }, false],
  ['another shape', { status: 200, body: '[]' }, false],
  ['an unknown type of schema', { status: 200, body: '{"schemaType":"XSD","schema":""}' }, false],
])('a failure of %s is a value that says whether to try again', async (_, answer, transient) => {
  const { client } = clientOf(new Map([[`GET ${base}/schemas/ids/1`, answer]]))
  expect(await client.schemaById(1)).toMatchObject({ kind: 'failed', transient })
})

const schemaWith = (schema: string, references: readonly object[] = []) => ({
  status: 200,
  body: JSON.stringify({ schema, references, id: 1, version: 1, subject: 's' }),
})
const reference = (subject: string) => ({ name: subject, subject, version: 1 })

test('references come with the schema, each after those that it needs, once', async () => {
  const { client } = clientOf(
    new Map([
      [`GET ${base}/schemas/ids/1`, schemaWith('top', [reference('b'), reference('a')])],
      [`GET ${base}/subjects/a/versions/1`, schemaWith('A', [reference('c')])],
      [`GET ${base}/subjects/b/versions/1`, schemaWith('B', [reference('a')])],
      [`GET ${base}/subjects/c/versions/1`, schemaWith('C', [reference('a')])],
    ]),
  )
  expect(await client.schemaById(1)).toMatchObject({ schema: { schema: 'top', references: ['C', 'A', 'B'] } })
})

test('a reference that is missing, and references without end, are no schema', async () => {
  const missing = clientOf(new Map([[`GET ${base}/schemas/ids/1`, schemaWith('top', [reference('a')])]]))
  expect(await missing.client.schemaById(1)).toMatchObject({ kind: 'failed' })
  const endless = new Map(
    Array.from({ length: 80 }, (_, i) => [
      `GET ${base}/subjects/s${i}/versions/1`,
      schemaWith('S', [reference(`s${i + 1}`)]),
    ]),
  )
  endless.set(`GET ${base}/schemas/ids/1`, schemaWith('top', [reference('s0')]))
  expect(await clientOf(endless).client.schemaById(1)).toMatchObject({ kind: 'failed', transient: false })
})

test("the host's fetch is called as it wants to be: with no object before it", async () => {
  const receivers: unknown[] = []
  const client = new RegistryClient({ url: base }, async function (this: unknown) {
    receivers.push(this)
    return new Response('[2,1]')
  })
  expect(await client.versions('s')).toEqual({ kind: 'versions', versions: [1, 2] })
  expect(receivers).toEqual([undefined])
})
