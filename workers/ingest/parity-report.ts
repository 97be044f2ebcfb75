import { Hono } from 'hono'
import { type R2, R2Objects } from '../../src/offline/index.ts'
import { LOG_BINDING } from '../../src/plan/index.ts'
import { problemResponse, readSmallBody } from '../../src/serve/index.ts'
import type { IngestBindings } from './app.ts'
import { type LogDoor, without } from './log.ts'

/** A report has a few hundred features at most, and five mismatches. */
const MAX_BYTES = 1024 * 1024

const bucketOf = (env: object): R2 | undefined => (env as Readonly<Record<string, R2 | undefined>>)[LOG_BINDING]

/** Takes in what `tidemark parity` found, for who has no credentials of R2, and keeps it beside the log. Needs the scope `log:write`. */
export function parityReportRoutes({ app, refuse }: LogDoor) {
  const http = new Hono<{ Bindings: IngestBindings }>()
  http.post('/', async (c) => {
    const denied = refuse(c.env, c.req.header('authorization'), 'log:write') ?? without(app, c.env)
    if (denied) return problemResponse(denied)
    const bucket = bucketOf(c.env)
    if (bucket === undefined)
      return problemResponse({ status: 503, code: 'no_bucket', detail: 'The Worker has no bucket: deploy it again.' })
    const text = await readSmallBody(c.req.raw, MAX_BYTES)
    if (typeof text !== 'string') return problemResponse(text)
    if (!isReport(text)) {
      const detail = 'The body is no report of tidemark parity: npx tidemark parity --json prints one.'
      return problemResponse({ status: 400, code: 'bad_report', detail })
    }
    const nowMs = Date.now()
    const key = `parity/tm_day=${new Date(nowMs).toISOString().slice(0, 10)}/${nowMs}.json`
    await new R2Objects(bucket).put(key, new TextEncoder().encode(text))
    return c.json({ key }, 201)
  })
  return http
}

function isReport(text: string): boolean {
  try {
    const report: unknown = JSON.parse(text)
    return typeof report === 'object' && report !== null && 'format' in report && report.format === 1
  } catch {
    return false
  }
}
