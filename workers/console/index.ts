import airports from './page/airports.browser.js'
import script from './page/page.browser.js'
import pageStyle from './page/page.css'
import html from './page/page.html'
import vector from './page/vector.browser.js'
import vectorStyle from './page/vector.css'

/** The page has no assets of others, so it needs to be allowed none. */
const POLICY = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:"

const pages: Readonly<Record<string, readonly [text: string, type: string]>> = {
  '/': [html, 'text/html'],
  '/page.css': [pageStyle + vectorStyle, 'text/css'],
  '/page.js': [script, 'text/javascript'],
  '/vector.js': [vector, 'text/javascript'],
  '/airports.js': [airports, 'text/javascript'],
}

/** The one door to the outside of `npm start`: a page, and every route of the API, each handed to its Worker. */
export default {
  async fetch(request: Request, env: ConsoleEnv): Promise<Response> {
    const { pathname } = new URL(request.url)
    const page = pages[pathname]
    if (page !== undefined) return pageResponse(request.method, page[0], page[1])
    return await workerOf(pathname, env).fetch(request)
  },
}

function workerOf(path: string, env: ConsoleEnv) {
  if (/^\/v1\/(sources|dead-letters|imports|log|backfills|shards|stores|erasures)(\/|$)/.test(path)) return env.INGEST
  if (/^\/v1\/predict(\/|$)/.test(path)) return env.INFERENCE
  // Features, explain, health, openapi.json; and its 404 for everything else.
  return env.LOOKUP
}

function pageResponse(method: string, text: string, type: string): Response {
  if (method !== 'GET' && method !== 'HEAD') return new Response(null, { status: 405, headers: { allow: 'GET, HEAD' } })
  return new Response(method === 'HEAD' ? null : text, {
    headers: {
      'content-type': `${type}; charset=utf-8`,
      'content-security-policy': POLICY,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-cache',
    },
  })
}
