import type { R2 } from '../../src/offline/index.ts'

/** A Worker that does to its bucket `LOG` what a request says: the binding of workerd, from outside. */
export const r2Door = `
export default {
  async fetch(request, env) {
    if (request.method === 'GET') return new Response('ok')
    const { op, key, keys, options } = JSON.parse(decodeURIComponent(request.headers.get('x-op')))
    try {
      switch (op) {
        case 'get': {
          const found = await env.LOG.get(key, options)
          if (found === null) return new Response(null, { status: 204 })
          return new Response(await found.arrayBuffer(), { headers: { 'x-etag': found.etag } })
        }
        case 'head': {
          const found = await env.LOG.head(key)
          return Response.json(found && { key: found.key, size: found.size, etag: found.etag })
        }
        case 'put': {
          const made = await env.LOG.put(key, await request.arrayBuffer(), options)
          return Response.json(made && { etag: made.etag, size: made.size })
        }
        case 'delete':
          await env.LOG.delete(keys)
          return Response.json(null)
        case 'list': {
          const { objects, truncated, cursor, delimitedPrefixes } = await env.LOG.list(options)
          return Response.json({ objects: objects.map(({ key, size }) => ({ key, size })), truncated, cursor, delimitedPrefixes })
        }
        case 'multipart':
          await env.LOG.createMultipartUpload(key)
          return Response.json(null)
      }
    } catch (error) {
      return new Response(error.message, { status: 500 })
    }
  },
}
`

/** Asks the door. Throws with the words of the binding. */
export async function askDoor(url: string, asked: object, body: Uint8Array = new Uint8Array()): Promise<Response> {
  const headers = { 'x-op': encodeURIComponent(JSON.stringify(asked)) }
  const response = await fetch(url, { method: 'POST', headers, body: body.slice() })
  if (response.status === 500) throw new Error(await response.text())
  return response
}

/** The bucket behind the door. */
export const r2OverHttp = (url: string): R2 => ({
  get: async (key) => {
    const response = await askDoor(url, { op: 'get', key })
    if (response.status === 204) return null
    return { etag: response.headers.get('x-etag') ?? '', arrayBuffer: () => response.arrayBuffer() }
  },
  put: async (key, bytes, options) =>
    (await (await askDoor(url, { op: 'put', key, options }, bytes)).json()) as object | null,
  delete: async (keys) => {
    await askDoor(url, { op: 'delete', keys })
  },
  list: async (options) =>
    (await (await askDoor(url, { op: 'list', options })).json()) as Awaited<ReturnType<R2['list']>>,
})
