import { regionBinding } from '../src/plan/index.ts'

/** Another region of the environment, as its `RegionDoor` answers (`workers/ingest/region-door.ts`). */
export interface RegionLink {
  fetch(url: string, init?: RequestInit): Promise<Response>
}

/** The address of a path at a region's door: the binding is what leads there, so the host says nothing. */
export const atRegion = (path: string): string => `http://region-door${path}`

/**
 * The way to another region. Throws when the Worker is not bound to it: then it was deployed before regions.ts named that
 * region.
 *
 * @param env the Worker's bindings
 * @example await regionLink(env, 'weur').fetch(atRegion('/health'), { signal: AbortSignal.timeout(1_000) })
 */
export function regionLink(env: object, region: string): RegionLink {
  const name = regionBinding(region)
  const link: unknown = Reflect.get(env, name)
  if (isLink(link)) return link
  throw new Error(
    `This Worker has no binding ${name} to the region ${region}: deploy it again with a regions.ts that names the region.`,
  )
}

/** Whether the Worker is bound to a region: not to one that was not deployed yet when this Worker was. */
export const isLinked = (env: object, region: string): boolean => isLink(Reflect.get(env, regionBinding(region)))

const isLink = (binding: unknown): binding is RegionLink =>
  typeof binding === 'object' && binding !== null && typeof Reflect.get(binding, 'fetch') === 'function'
