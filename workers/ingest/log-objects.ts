import { Hono } from 'hono'
import { LOG_BINDING } from '../../src/plan/index.ts'
import { problemResponse } from '../../src/serve/index.ts'
import type { IngestBindings } from './app.ts'
import { type LogDoor, without } from './log.ts'

/** What is used of the bucket here: bodies pass through as they come. */
interface Bucket {
  get(key: string): Promise<{ readonly body: ReadableStream; readonly httpEtag: string; readonly size: number } | null>
  list(options: { readonly prefix: string; readonly cursor?: string }): Promise<{
    readonly objects: readonly { readonly key: string; readonly size: number }[]
    readonly truncated: boolean
    readonly cursor?: string
  }>
}

/** What lies below these is the log's; whatever else a bucket has is nobody's business here. */
const OWN = ['log/', 'served/', 'definitions/', 'parity/']

const bucketOf = (env: object): Bucket | undefined => (env as Readonly<Record<string, Bucket | undefined>>)[LOG_BINDING]

/**
 * The objects of this region's log, for training sets and parity on a machine that has no credentials of R2. Events and vectors are in
 * them: the scope `log:read` is given to who may see those.
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
      const objects = page.objects.map(({ key: name, size }) => ({ key: name, bytes: size }))
      return c.json({ objects, ...(page.truncated && { cursor: page.cursor }) })
    }
    const found = OWN.some((own) => key.startsWith(own)) ? await bucket.get(key) : null
    if (found === null)
      return problemResponse({ status: 404, code: 'no_object', detail: `The log has no object ${key.slice(0, 200)}.` })
    const headers = { etag: found.httpEtag, 'content-type': 'application/octet-stream' }
    return new Response(found.body, { headers: { ...headers, 'content-length': String(found.size) } })
  })
  return http
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
