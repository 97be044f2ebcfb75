import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { root } from '../../../scripts/lib/paths.ts'

const folder = mkdtempSync(join(tmpdir(), 'tidemark-check-registry-'))
const order = (type: unknown) => JSON.stringify({ type: 'record', name: 'Order', fields: [{ name: 'id', type }] })
const schemas: Readonly<Record<string, string>> = {
  'orders-value': order('long'),
  'refunds-value': order('string'),
  'clicks-events': JSON.stringify({ type: 'object', properties: { id: { type: 'integer' } }, required: ['id'] }),
}
const seen: string[] = []
let server: Server
let url = ''

beforeAll(async () => {
  server = createServer((request, response) => {
    seen.push(`${request.headers.authorization ?? ''} ${request.url}`)
    const [, subject = ''] = /^\/subjects\/([^/]+)\/versions\/latest$/.exec(request.url ?? '') ?? []
    const schema = schemas[subject]
    response.writeHead(schema === undefined ? 404 : 200, { 'content-type': 'application/json' })
    const schemaType = subject === 'clicks-events' ? { schemaType: 'JSON' } : {}
    response.end(
      JSON.stringify(
        schema === undefined
          ? { error_code: 40401, message: 'no subject' }
          : { subject, version: 3, id: 9, schema, ...schemaType },
      ),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.close()
  rmSync(folder, { recursive: true, force: true })
})

const source = (name: string, format: object) => ({
  name,
  fields: [{ name: 'id', type: 'int64', nullable: false, optional: false }],
  time: 'id',
  from: [{ kind: 'kafka', topic: name, cluster: 'main', format }],
})
const avro = { kind: 'avro', registry: 'default' }

let files = 0
function definitions(...sources: object[]): string {
  const file = join(folder, `definitions-${files++}.ts`)
  writeFileSync(file, `export const definitions = { spec: ${JSON.stringify({ sources })} }`)
  return file
}

async function check(...args: string[]): Promise<{ status: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [join(root, 'scripts/tidemark-launcher.mjs'), 'check', ...args])
  let [out, err] = ['', '']
  child.stdout.on('data', (part) => (out += part))
  child.stderr.on('data', (part) => (err += part))
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve))
  return { status, out, err }
}

test('compatible schemas pass, and what is not in Avro is left alone', async () => {
  const file = definitions(source('orders', avro), source('clicks', { kind: 'json' }))
  const { status, out } = await check(file, '--registry', url)
  expect(out).toMatch(/^SOURCE +SCHEMA +VERSION +VERDICT\norders +orders-value +3 +compatible\n$/)
  expect(status).toBe(0)
})

test('an incompatible one fails with its field, and --json says the same', async () => {
  const file = definitions(source('orders', avro), source('refunds', avro))
  const { status, out } = await check(file, '--registry', url)
  expect(status).toBe(1)
  expect(out).toContain('id: the contract has int64, the schema has string. Write an int or a long.')
  const json = await check(file, '--registry', url, '--json')
  expect(json.status).toBe(1)
  expect(JSON.parse(json.out)).toMatchObject({
    ok: false,
    checks: [
      { source: 'orders' },
      { source: 'refunds', version: 3, id: 9, verdict: { mismatches: [{ field: 'id' }] } },
    ],
  })
})

test('a subject may be named, also of a source in JSON; credentials come from the URL', async () => {
  const file = definitions(source('clicks', { kind: 'json' }))
  const withUser = url.replace('//', '//user:p%40ss@')
  const { status, out } = await check(file, `--registry=${withUser}`, '--subject', 'clicks=clicks-events')
  expect(out).toMatch(/clicks +clicks-events +3 +compatible/)
  expect(status).toBe(0)
  expect(seen.at(-1)).toBe(
    `Basic ${Buffer.from('user:p@ss').toString('base64')} /subjects/clicks-events/versions/latest`,
  )
})

test("a producer's own file is checked without a registry", async () => {
  const file = definitions(source('orders', avro))
  const schema = join(folder, 'order.avsc')
  writeFileSync(schema, order('double'))
  const { status, out } = await check(file, '--schema', schema, '--source', 'orders')
  expect(status).toBe(1)
  expect(out).toContain('the schema has double')
})

test.each([
  ['a subject that is not there', ['--registry', 'URL'], 'no subject'],
  ['a registry that does not answer', ['--registry', 'http://127.0.0.1:1'], 'did not answer'],
  ['a registry of another name', ['--registry', 'eu=URL'], '--registry default=URL'],
  ['a misspelt option', ['--registri', 'URL', '--registry', 'URL'], "Unknown option '--registri'"],
  ['a misspelt source', ['--registry', 'URL', '--subject', 'unheards=x'], 'Did you mean "unheard"?'],
  ['an address that is none', ['--registry', 'nowhere'], '--registry is a URL'],
])('%s ends with 2 and says why', async (_, args, message) => {
  const file = definitions(source('unheard', avro))
  const { status, out, err } = await check(file, ...args.map((argument) => argument.replace('URL', url)))
  expect(out + err).toContain(message)
  expect(status).toBe(2)
})
