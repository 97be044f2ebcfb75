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
