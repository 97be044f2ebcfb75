import { type App, planOf } from '../../durable-objects/app.ts'
import { type R2, R2Objects } from '../../src/offline/index.ts'
import { SERVED_SHARE, ServedSample } from '../../src/offline/served/index.ts'
import { regionNamed } from '../../src/plan/index.ts'
import type { LookupRequest, LookupRow } from '../../src/serve/index.ts'

/** Keeps a sample of what an isolate serves; null where the region keeps none. */
export type KeepServed = (
  request: LookupRequest,
  rows: readonly LookupRow[],
  waitUntil: (work: Promise<void>) => void,
) => void

export interface ServedBindings {
  readonly REGION: string
  /** The bucket of the region's log. */
  readonly LOG?: R2
}

const nothing: KeepServed = () => {}
const kept = new WeakMap<object, KeepServed>()

/** The one of a Worker's bindings: what is served by HTTP and by RPC goes into one sample. */
export function keepServedOf(app: App, env: ServedBindings): KeepServed {
  if (env.LOG === undefined) return nothing
  let keep = kept.get(env.LOG)
  if (keep === undefined) {
    keep = made(app, env.REGION, env.LOG)
    kept.set(env.LOG, keep)
  }
  return keep
}

function made(app: App, region: string, bucket: R2): KeepServed {
  const share = regionNamed(app.regions, region).log?.servedShare ?? SERVED_SHARE
  if (share === 0) return nothing
  const report = (problem: string): void => console.warn(problem)
  const sample = new ServedSample({
    region,
    plan: planOf(app),
    share,
    objects: new R2Objects(bucket),
    random: Math.random,
    report,
  })
  return (request, rows, waitUntil) => {
    try {
      const waitMs = sample.take(request, rows, Date.now())
      if (waitMs === undefined) return
      waitUntil((waitMs > 0 ? scheduler.wait(waitMs) : Promise.resolve()).then(() => sample.flush(Date.now())))
    } catch (error) {
      // A lookup that was answered stays answered.
      report(`a served vector was not kept: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
}
