import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Manifest, MemoryObjects, sha256, writeManifest } from '../../src/offline/index.ts'
import { FileObjects, HttpObjects, mirrorLog } from '../../src/offline/node/index.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidemark-mirror-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const bytesOf = (text: string) => new TextEncoder().encode(text)

/** An ingest Worker's door over objects, in pages of two. */
function door(objects: MemoryObjects, faults: (() => Response | undefined)[] = []) {
  const asked: string[] = []
  const fetch = async (text: string, { headers, method, body }: RequestInit): Promise<Response> => {
    const url = new URL(text)
    asked.push(url.pathname.slice('/v1/log/objects'.length) + url.search)
    expect(headers).toMatchObject({ authorization: 'Bearer t' })
    const fault = faults.shift()?.()
    if (fault) return fault
    const key = decodeURIComponent(url.pathname.slice('/v1/log/objects'.length).slice(1))
    if (method === 'PUT') {
      if (await objects.put(key, new Uint8Array(body as ArrayBuffer), { etag: null }))
        return Response.json({ put: true }, { status: 201 })
      return Response.json({ code: 'object_exists', detail: 'Another.' }, { status: 409 })
    }
    if (method === 'DELETE') {
      await objects.delete([key])
      return Response.json({ deleted: true })
    }
    if (key !== '') {
      const found = await objects.get(key)
      if (found === undefined) return Response.json({ code: 'no_object', detail: 'None.' }, { status: 404 })
      return new Response(found.bytes.slice(), { headers: { etag: found.etag } })
    }
    const all = await objects.list(url.searchParams.get('prefix') ?? '')
    const from = Number(url.searchParams.get('cursor') ?? 0)
    return Response.json({
      objects: all.slice(from, from + 2),
      ...(all.length > from + 2 && { cursor: String(from + 2) }),
    })
  }
  return { asked, objects: new HttpObjects({ url: 'http://h', token: 't' }, fetch, async () => {}) }
}

test('objects are read by their keys, whatever these hold, and listed over pages', async () => {
  const inner = new MemoryObjects()
  const keys = ['log/a=1/ü %?#.parquet', 'log/b', 'log/c', 'log/d', 'log/e']
  for (const key of keys) await inner.put(key, bytesOf(key))
  const { objects } = door(inner)
  for (const key of keys) expect(new TextDecoder().decode((await objects.get(key))?.bytes)).toBe(key)
  expect(await objects.get('log/none')).toBeUndefined()
  expect((await objects.list('log/')).map(({ key }) => key)).toEqual(keys)
})

test('objects are put once and deleted; nothing is put over another', async () => {
  const inner = new MemoryObjects()
  const { objects } = door(inner)
  expect(await objects.put('log/ü %?#', bytesOf('one'))).toBe(true)
  expect(await objects.put('log/ü %?#', bytesOf('two'), { etag: null })).toBe(false)
  await expect(objects.put('log/ü %?#', bytesOf('two'))).rejects.toThrow('http://h says 409: Another.')
  await expect(objects.put('log/ü %?#', bytesOf('two'), { etag: 'x' })).rejects.toThrow('do not change')
  expect(new TextDecoder().decode((await inner.get('log/ü %?#'))?.bytes)).toBe('one')
  await objects.delete(['log/ü %?#', 'log/none'])
  expect(await inner.list('')).toEqual([])
})

test('what may go well another time is tried again; a refusal is told in the words of the Worker', async () => {
  const inner = new MemoryObjects()
  await inner.put('log/a', bytesOf('1'))
  const flaky = door(inner, [
    () => new Response('', { status: 503 }),
    () => {
      throw new TypeError('fetch failed')
    },
  ])
  expect((await flaky.objects.get('log/a'))?.bytes.length).toBe(1)
  expect(flaky.asked).toHaveLength(3)
  const denied = door(inner, [
    () => Response.json({ code: 'scope_missing', detail: 'It lacks log:read.' }, { status: 403 }),
  ])
  await expect(denied.objects.get('log/a')).rejects.toThrow('http://h says 403: It lacks log:read.')
  expect(denied.asked).toHaveLength(1)
  // Nothing but the door's own word says that an object is not there.
  const elsewhere = door(inner, [() => new Response('<html>', { status: 404 })])
  await expect(elsewhere.objects.get('log/a')).rejects.toThrow('404: <html>')
  const down = door(
    inner,
    Array.from({ length: 9 }, () => () => new Response('x', { status: 500 })),
  )
  await expect(down.objects.list('log/')).rejects.toThrow('the log at http://h cannot be read (500: x)')
})

const SHARD = { entity: 'user', region: 'weur', regionId: 1, epoch: 0, shard: 0, shards: 1 }

async function log(objects: MemoryObjects, texts: readonly string[]): Promise<void> {
  const segments = await Promise.all(
    texts.map(async (text, i) => {
      const key = `log/tm_source=s/${i}-${text}.parquet`
      await objects.put(key, bytesOf(text))
      return { key, bytes: text.length, sha256: await sha256(bytesOf(text)) } as Manifest['segments'][number]
    }),
  )
  const manifest = { format: 1, shard: SHARD, segments, contracts: [], removed: [] } as unknown as Manifest
  await objects.put('log/manifests/user/weur/0/0.json', writeManifest(manifest))
}

test('a mirror takes each segment once, and manifests anew', async () => {
  const inner = new MemoryObjects()
  await log(inner, ['one', 'two'])
  const { objects, asked } = door(inner)
  const files = new FileObjects(folder)
  expect(await mirrorLog(objects, files, ['user'])).toBe(6)
  expect(new TextDecoder().decode((await files.get('log/tm_source=s/1-two.parquet'))?.bytes)).toBe('two')
  await log(inner, ['one', 'two', 'three'])
  asked.length = 0
  expect(await mirrorLog(objects, files, ['user'])).toBe(5)
  expect(asked.filter((path) => path.includes('parquet'))).toEqual([expect.stringContaining('three')])
  expect((await files.get('log/manifests/user/weur/0/0.json'))?.bytes).toEqual(
    (await inner.get('log/manifests/user/weur/0/0.json'))?.bytes,
  )
})

test('a segment that is another than its manifest says never comes in, and one that is gone is named', async () => {
  const inner = new MemoryObjects()
  await log(inner, ['one'])
  await inner.put('log/tm_source=s/0-one.parquet', bytesOf('eno'))
  const files = new FileObjects(folder)
  await expect(mirrorLog(inner, files, ['user'])).rejects.toThrow(/0-one.parquet was changed: its SHA-256/)
  await inner.delete(['log/tm_source=s/0-one.parquet'])
  await expect(mirrorLog(inner, files, ['user'])).rejects.toThrow('0-one.parquet is missing, and its manifest names it')
  expect(await files.list('')).toEqual([])
})
