import { env, reset } from 'cloudflare:test'
import { exports } from 'cloudflare:workers'
import { afterEach, expect, test } from 'vitest'
import { flight, INGEST_ONLY, send, TOKEN } from './doors.ts'

afterEach(() => reset())

const bucket = (env as unknown as { LOG: R2Bucket }).LOG

async function ask(path: string, token: string | null = TOKEN) {
  const headers = token === null ? {} : { authorization: `Bearer ${token}` }
  return await exports.default.fetch(`http://door/v1/log${path}`, { headers })
}

interface Page {
  readonly objects: readonly { readonly key: string; readonly bytes: number }[]
  readonly cursor?: string
}

test('every object of the log is read as it lies in the bucket, and a page leads to the next', async () => {
  await send([flight(1, 0), flight(2, 5)])
  await exports.default.fetch('http://door/v1/log/flush', {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}` },
  })
  await bucket.put('served/tm_region=local/ü %?#&.ndjson', 'line')
  const { objects } = (await (await ask('/objects?prefix=log/')).json()) as Page
  expect(objects.some(({ key }) => key.endsWith('.parquet'))).toBe(true)
  for (const { key, bytes } of objects) {
    const response = await ask(`/objects/${key.split('/').map(encodeURIComponent).join('/')}`)
    const body = new Uint8Array(await response.arrayBuffer())
    expect(body.length).toBe(bytes)
    const stored = await bucket.get(key)
    expect(body).toEqual(new Uint8Array((await stored?.arrayBuffer()) ?? new ArrayBuffer()))
    expect(response.headers.get('etag')).toBe(stored?.httpEtag)
  }
  const hard = await ask(`/objects/served/tm_region%3Dlocal/${encodeURIComponent('ü %?#&.ndjson')}`)
  expect(new TextDecoder().decode(await hard.arrayBuffer())).toBe('line')

  await Promise.all(Array.from({ length: 1_010 }, (_, i) => bucket.put(`parity/${String(i).padStart(4, '0')}`, '')))
  const first = (await (await ask('/objects?prefix=parity/')).json()) as Page
  const query = new URLSearchParams({ prefix: 'parity/', cursor: first.cursor ?? '' })
  const second = (await (await ask(`/objects?${query}`)).json()) as Page
  expect([first.objects.length, second.objects.length, second.cursor]).toEqual([1_000, 10, undefined])
}, 30_000)

test('it needs the scope log:read, and leads to nothing that is not the log', async () => {
  await bucket.put('secret', 'of somebody else')
  for (const path of ['/objects?prefix=log/', '/objects/log/manifests/x', '/objects/secret']) {
    expect((await ask(path, null)).status).toBe(401)
    expect((await ask(path, INGEST_ONLY)).status).toBe(403)
  }
  const refused = async (path: string) => {
    const response = await ask(path)
    return { status: response.status, code: ((await response.json()) as { code: string }).code }
  }
  expect(await refused('/objects/secret')).toEqual({ status: 404, code: 'no_object' })
  expect(await refused('/objects/log/none')).toEqual({ status: 404, code: 'no_object' })
  expect(await refused('/objects')).toEqual({ status: 400, code: 'bad_prefix' })
  expect(await refused('/objects?prefix=sec')).toEqual({ status: 400, code: 'bad_prefix' })
  expect(await refused('/objects/log/%E0%A4%A')).toEqual({ status: 400, code: 'bad_key' })
})

test('a report of parity is kept beside the log, by who has log:write; what is none is refused', async () => {
  const post = async (body: string, token = TOKEN) => {
    const headers = { authorization: `Bearer ${token}` }
    const response = await exports.default.fetch('http://door/v1/log/parity', { method: 'POST', headers, body })
    return {
      status: response.status,
      body: (await response.json()) as { readonly key?: string; readonly code?: string },
    }
  }
  const { status, body } = await post('{"format":1,"vectors":{}}')
  expect(status).toBe(201)
  expect(body.key).toMatch(/^parity\/tm_day=\d{4}-\d\d-\d\d\/\d+\.json$/)
  expect(await (await bucket.get(body.key ?? ''))?.json()).toEqual({ format: 1, vectors: {} })
  expect(await post('{"format":1}', INGEST_ONLY)).toMatchObject({ status: 403 })
  for (const bad of ['', '[1]', '{"format":2}', 'null'])
    expect(await post(bad)).toMatchObject({ status: 400, body: { code: 'bad_report' } })
  expect(await post(`{"format":1,"x":"${'x'.repeat(1_100_000)}"}`)).toMatchObject({ status: 413 })
})

const md5 = async (body: string): Promise<string> =>
  btoa(String.fromCharCode(...new Uint8Array(await crypto.subtle.digest('MD5', new TextEncoder().encode(body)))))

async function write(method: string, key: string, body?: string, token: string | null = TOKEN, sum?: string) {
  const headers = {
    ...(token !== null && { authorization: `Bearer ${token}` }),
    ...(body !== undefined && { 'content-md5': sum ?? (await md5(body)), 'content-length': String(body.length) }),
  }
  const response = await exports.default.fetch(`http://door/v1/log/objects/${key}`, {
    method,
    headers,
    ...(body !== undefined && { body }),
  })
  const { code } = (await response.json()) as { readonly code?: string }
  return code === undefined ? { status: response.status } : { status: response.status, code }
}

test('an object is put once and never changed, and deleted when no manifest names it', async () => {
  const key =
    'log/tm_source=flights/tm_entity=airport/tm_region=local/tm_epoch=0/tm_shard=0/tm_day=2026-01-01/1-2-0-a.parquet'
  expect(await write('PUT', key, 'one')).toEqual({ status: 201 })
  expect(await write('PUT', key, 'one')).toEqual({ status: 200 })
  expect(await write('PUT', key, 'two')).toEqual({ status: 409, code: 'object_exists' })
  expect(await (await bucket.get(key))?.text()).toBe('one')
  await bucket.put('log/manifests/airport/local/0/0.json', JSON.stringify({ segments: [{ key }] }))
  expect(await write('DELETE', key)).toEqual({ status: 409, code: 'object_named' })
  await bucket.put('log/manifests/airport/local/0/0.json', JSON.stringify({ segments: [] }))
  expect(await write('DELETE', key)).toEqual({ status: 200 })
  expect(await bucket.get(key)).toBeNull()
  expect(await write('DELETE', key)).toEqual({ status: 200 })
})

test('nothing but files is written, by who has log:write, with bytes that are what they say', async () => {
  for (const key of ['log/manifests/airport/local/0/0.json', 'definitions/x.json', 'secret', 'logs/x', '']) {
    expect(await write('PUT', key, 'x')).toEqual({ status: 400, code: 'bad_key' })
    expect(await write('DELETE', key)).toEqual({ status: 400, code: 'bad_key' })
  }
  expect(await write('PUT', 'log/x', 'x', null)).toMatchObject({ status: 401 })
  expect(await write('DELETE', 'log/x', undefined, INGEST_ONLY)).toMatchObject({ status: 403 })
  expect(await write('PUT', 'log/x')).toEqual({ status: 400, code: 'bad_object' })
  expect(await write('PUT', 'log/x', 'x', TOKEN, 'nonsense')).toEqual({ status: 400, code: 'bad_object' })
  expect((await write('PUT', 'log/x', 'x', TOKEN, await md5('y'))).status).toBeGreaterThanOrEqual(400)
  expect(await bucket.get('log/x')).toBeNull()
})
