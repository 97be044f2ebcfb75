import { Hono } from 'hono'
import { manifestPrefix, namesObject, shardOfKey } from '../../src/offline/index.ts'
import { LOG_BINDING } from '../../src/plan/index.ts'
import { type Problem, problemResponse } from '../../src/serve/index.ts'
import type { IngestBindings } from './app.ts'
import { type LogDoor, without } from './log.ts'

/** What is used of the bucket here: bodies pass through as they come. */
interface Bucket {
  get(key: string): Promise<{ readonly body: ReadableStream; readonly httpEtag: string; readonly size: number } | null>
  head(key: string): Promise<{ readonly etag: string } | null>
  /** Null: the condition did not hold. */
  put(
    key: string,
    body: ReadableStream,
    options: { readonly onlyIf: { readonly etagDoesNotMatch: string }; readonly md5: string },
  ): Promise<object | null>
  delete(key: string): Promise<void>
  list(options: { readonly prefix: string; readonly cursor?: string }): Promise<{
    readonly objects: readonly { readonly key: string; readonly size: number; readonly uploaded: Date }[]
    readonly truncated: boolean
    readonly cursor?: string
  }>
}

/** What lies below these is the log's; whatever else a bucket has is nobody's business here. */
const OWN = ['log/', 'served/', 'definitions/', 'parity/']
/** What commands may put and take away. Manifests are their shards' alone. */
const WRITABLE = ['log/', 'served/', 'parity/']
/** A request may have 100 MB; files of the log are made of some 64. */
const MAX_OBJECT_BYTES = 96 * 1024 * 1024

const bucketOf = (env: object): Bucket | undefined => (env as Readonly<Record<string, Bucket | undefined>>)[LOG_BINDING]

/**
 * The objects of this region's log, for training sets and parity on a machine that has no credentials of R2. Events and vectors are in
 * them: the scope `log:read` is given to who may see those. `PUT` adds a file that no manifest names yet and `DELETE` takes one away that none
 * names any more, for compaction, retention and erasures: they need `log:write`.
 */
export function logObjectRoutes({ app, refuse }: LogDoor) {
  const http = new Hono<{ Bindings: IngestBindings }>()

  http.get('/*', async (c) => {
    const denied = refuse(c.env, c.req.header('authorization'), 'log:read') ?? without(app, c.env)
    if (denied) return problemResponse(denied)
    const bucket = bucketOf(c.env)
    if (bucket === undefined)
      return problemResponse({ status: 503, code: 'no_bucket', detail: 'The Worker has no bucket: deploy it again.' })
    const key = keyOf(c.req.url)
    if (key === undefined) {
      const detail = 'The path is no text in UTF-8 with percent signs.'
      return problemResponse({ status: 400, code: 'bad_key', detail })
    }
    if (key === '') {
      const { prefix = '', cursor } = c.req.query()
      if (!OWN.some((own) => prefix.startsWith(own))) {
        const detail = `"prefix" begins with one of ${OWN.join(', ')}.`
        return problemResponse({ status: 400, code: 'bad_prefix', detail })
      }
      const page = await bucket.list({ prefix, ...(cursor !== undefined && { cursor }) })
      const objects = page.objects.map(({ key: name, size, uploaded }) => ({
        key: name,
        bytes: size,
        modifiedMs: uploaded.getTime(),
      }))
      return c.json({ objects, ...(page.truncated && { cursor: page.cursor }) })
    }
    const found = OWN.some((own) => key.startsWith(own)) ? await bucket.get(key) : null
    if (found === null)
      return problemResponse({ status: 404, code: 'no_object', detail: `The log has no object ${key.slice(0, 200)}.` })
    const headers = { etag: found.httpEtag, 'content-type': 'application/octet-stream' }
    return new Response(found.body, { headers: { ...headers, 'content-length': String(found.size) } })
  })
  /** A key that may be written, and the bucket; or why not. */
  function writable(
    env: IngestBindings,
    authorization: string | undefined,
    url: string,
  ): { readonly key: string; readonly bucket: Bucket } | Problem {
    const denied = refuse(env, authorization, 'log:write') ?? without(app, env)
    if (denied) return denied
    const bucket = bucketOf(env)
    if (bucket === undefined)
      return { status: 503, code: 'no_bucket', detail: 'The Worker has no bucket: deploy it again.' }
    const key = keyOf(url)
    if (key === undefined || !WRITABLE.some((own) => key.startsWith(own)) || key.startsWith(manifestPrefix)) {
      const detail = `Only objects below ${WRITABLE.join(', ')} are written here, and never a manifest: its shard alone does (POST /v1/log/{entity}/{epoch}/{shard}/edit).`
      return { status: 400, code: 'bad_key', detail }
    }
    return { key, bucket }
  }

  http.put('/*', async (c) => {
    const found = writable(c.env, c.req.header('authorization'), c.req.url)
    if ('detail' in found) return problemResponse(found)
    const { key, bucket } = found
    const bytes = Number(c.req.header('content-length'))
    const md5 = md5In(c.req.header('content-md5'))
    const { body } = c.req.raw
    if (md5 === undefined || body === null || !(bytes > 0)) {
      const detail = 'An object comes with its Content-Length, which is not 0, and its Content-MD5 (RFC 1864).'
      return problemResponse({ status: 400, code: 'bad_object', detail })
    }
    if (bytes > MAX_OBJECT_BYTES) {
      const detail = `The object has ${bytes} bytes; at most ${MAX_OBJECT_BYTES} are taken.`
      return problemResponse({ status: 413, code: 'too_large', detail })
    }
    const put = await bucket.put(key, body, { onlyIf: { etagDoesNotMatch: '*' }, md5 })
    if (put !== null) return c.json({ put: true }, 201)
    if ((await bucket.head(key))?.etag === md5) return c.json({ put: false })
    const detail = `There is another object ${key.slice(0, 200)} already, and none is overwritten.`
    return problemResponse({ status: 409, code: 'object_exists', detail })
  })

  http.delete('/*', async (c) => {
    const found = writable(c.env, c.req.header('authorization'), c.req.url)
    if ('detail' in found) return problemResponse(found)
    const { key, bucket } = found
    const shard = shardOfKey(key)
    const manifest = shard && (await bucket.get(shard))
    if (manifest && namesObject(await new Response(manifest.body).text(), key)) {
      const detail = `The manifest ${shard} names ${key.slice(0, 200)}: what counts is not deleted.`
      return problemResponse({ status: 409, code: 'object_named', detail })
    }
    await bucket.delete(key)
    return c.json({ deleted: true })
  })
  return http
}

/** Hexadecimal, of the header's base64; undefined for what is none. */
function md5In(header: string | undefined): string | undefined {
  if (header === undefined || !/^[A-Za-z0-9+/]{22}==$/.test(header)) return undefined
  return [...atob(header)].map((byte) => byte.charCodeAt(0).toString(16).padStart(2, '0')).join('')
}

/** What stands behind `/objects/`; empty when nothing does. */
function keyOf(url: string): string | undefined {
  const { pathname } = new URL(url)
  const at = pathname.indexOf('/objects')
  try {
    return decodeURIComponent(pathname.slice(at + '/objects'.length).replace(/^\//, ''))
  } catch {
    return undefined
  }
}
