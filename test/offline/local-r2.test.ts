import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { freePort } from '../../scripts/local/port.ts'
import { bucketFolder, r2Service } from '../../scripts/local/r2-service.ts'
import { type Runtime, startRuntime } from '../../scripts/local/workerd.ts'
import type { Service } from '../../scripts/local/workerd-config.ts'
import { R2Objects } from '../../src/offline/index.ts'
import { FileObjects } from '../../src/offline/node/index.ts'
import { random } from '../support/random.ts'
import { objectsCases } from './objects-conformance.ts'
import { askDoor, r2Door, r2OverHttp } from './r2-over-http.ts'

const BUCKET = 'tidemark-test'
const stateDir = mkdtempSync(join(tmpdir(), 'tidemark-r2-'))
const folder = join(stateDir, bucketFolder(BUCKET))
let runtime: Runtime

const services: readonly Service[] = [
  {
    name: 'door',
    modules: [{ name: 'index.js', kind: 'esModule', text: r2Door }],
    bindings: [{ kind: 'r2', name: 'LOG', service: 'r2log' }],
  },
  r2Service('r2log', BUCKET),
]

const start = async (): Promise<void> => {
  runtime = await startRuntime({ services, sockets: [{ service: 'door', port: await freePort(18_990) }], stateDir })
}

beforeAll(start)
afterAll(async () => {
  await runtime.stop()
  rmSync(stateDir, { recursive: true, force: true })
})
beforeEach(() => {
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true })
})

const ask = async (asked: object, body?: Uint8Array): Promise<unknown> =>
  await (await askDoor(runtime.url, asked, body)).json()
const bytesOf = (text: string) => new TextEncoder().encode(text)

describe('objects in the R2 of the local runtime', () => {
  test.each(objectsCases)('%s', async (_behaviour, check) => {
    const bucket = () => new R2Objects(r2OverHttp(runtime.url))
    await check({ store: bucket(), another: bucket() }, random(7_003))
  })
})

test('an object is a plain file under its key, and outlives a SIGKILL', async () => {
  const key = 'log/tm_region=local/tm_day=2026-11-21/1-9.parquet'
  await new R2Objects(r2OverHttp(runtime.url)).put(key, bytesOf('PAR1'))
  expect(readFileSync(join(folder, key), 'utf8')).toBe('PAR1')
  await runtime.kill()
  await start()
  const found = await new R2Objects(r2OverHttp(runtime.url)).get(key)
  expect(found && new TextDecoder().decode(found.bytes)).toBe('PAR1')
  // The same etag by another way to the same files.
  expect((await new FileObjects(folder).get(key))?.etag).toBe(found?.etag)
})

test('what another process wrote there is there, and what is half-written is not', async () => {
  mkdirSync(join(folder, 'a'))
  writeFileSync(join(folder, 'a/k'), 'by hand')
  writeFileSync(join(folder, 'a/.k.77.0.tmp'), 'half')
  const objects = new R2Objects(r2OverHttp(runtime.url))
  expect(await objects.list('')).toEqual([{ key: 'a/k', bytes: 7 }])
  expect(new TextDecoder().decode((await objects.get('a/k'))?.bytes)).toBe('by hand')
})

test('a page has at most 1,000 keys, and the pages together have all of them once, in order', async () => {
  const keys = Array.from({ length: 2_300 }, (_, i) => `${i % 3 === 0 ? `d${i % 30}/` : 'd'}${i}`)
  for (const key of keys) {
    if (key.includes('/')) mkdirSync(join(folder, key.split('/')[0] ?? ''), { recursive: true })
    writeFileSync(join(folder, key), '')
  }
  const pages: string[][] = []
  for (let cursor: string | undefined; ; ) {
    const page = (await ask({ op: 'list', options: { cursor } })) as {
      objects: { key: string }[]
      truncated: boolean
      cursor?: string
    }
    pages.push(page.objects.map(({ key }) => key))
    if (!page.truncated) break
    cursor = page.cursor
  }
  expect(pages.map(({ length }) => length)).toEqual([1000, 1000, 300])
  expect(pages.flat()).toEqual(keys.toSorted())
})

test('folders are told by a delimiter, ranges and heads are as at Cloudflare', async () => {
  const objects = new R2Objects(r2OverHttp(runtime.url))
  for (const key of ['p/a/1', 'p/a/2', 'p/b/1', 'p/c']) await objects.put(key, bytesOf('0123456789'))
  expect(await ask({ op: 'list', options: { prefix: 'p/', delimiter: '/' } })).toMatchObject({
    objects: [{ key: 'p/c' }],
    delimitedPrefixes: ['p/a/', 'p/b/'],
  })
  const ranged = await askDoor(runtime.url, { op: 'get', key: 'p/c', options: { range: { offset: 2, length: 3 } } })
  expect(await ranged.text()).toBe('234')
  const tail = await askDoor(runtime.url, { op: 'get', key: 'p/c', options: { range: { suffix: 2 } } })
  expect(await tail.text()).toBe('89')
  expect(await ask({ op: 'head', key: 'p/c' })).toMatchObject({ key: 'p/c', size: 10 })
  expect(await ask({ op: 'head', key: 'none' })).toBeNull()
})

test('bytes that are not what their checksum says are refused, and nothing is written', async () => {
  const options = { sha256: '00'.repeat(32) }
  await expect(ask({ op: 'put', key: 'k', options }, bytesOf('x'))).rejects.toThrow('did not match')
  expect(existsSync(join(folder, 'k'))).toBe(false)
})

test.each([
  ['a key outside of the folder', { op: 'put', key: '../../outside' }, 'cannot be a file here'],
  ['an empty part of a key', { op: 'put', key: 'a//b' }, 'cannot be a file here'],
  ['a hidden file', { op: 'put', key: 'a/.b' }, 'cannot be a file here'],
  ['a multipart upload', { op: 'multipart', key: 'k' }, 'does not know createMultipartUpload'],
  ['metadata', { op: 'put', key: 'k', options: { customMetadata: { a: 'b' } } }, 'does not know metadata'],
])('what it cannot do it says: %s', async (_what, asked, message) => {
  await expect(ask(asked)).rejects.toThrow(message)
  expect(readdirSync(folder)).toEqual([])
})

test('a key below an object, and an object where a folder is, are refused with a reason', async () => {
  const objects = new R2Objects(r2OverHttp(runtime.url))
  await objects.put('a/b', bytesOf('1'))
  await expect(objects.put('a', bytesOf('2'))).rejects.toThrow('may stand in its place')
  await expect(objects.put('a/b/c', bytesOf('2'))).rejects.toThrow('may stand in its place')
})
