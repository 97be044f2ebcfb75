import type { SourceRuntime } from './plan.ts'
import { environmentAround, type Region, regionNamed } from './region.ts'

/**
 * Where the events of a source are kept. `local`: in the region that gets them, and reads merge what each region has.
 * `home`: in one region, to which all others forward. `by`: the home is chosen by a field of the event.
 */
export type SourceRouting =
  | 'local'
  | { readonly home: string }
  | { readonly by: string; readonly homes: Readonly<Record<string, string>>; readonly otherwise: string }

/** By source; a stream that is not named is `local`, a table lives in the first region of its environment. */
export type Routing = Readonly<Record<string, SourceRouting>>

/** How a source is routed by a region of an environment. */
export function routingOf(
  routing: Routing | undefined,
  regions: readonly Region[],
  region: Region,
  { spec, table }: Pick<SourceRuntime, 'spec' | 'table'>,
): SourceRouting {
  const own = routing !== undefined && Object.hasOwn(routing, spec.name) ? routing[spec.name] : undefined
  if (own !== undefined && own !== 'local') return own
  const around = environmentAround(regions, region)
  if (table === null || around.length === 1) return 'local'
  return { home: around[0]?.name ?? region.name }
}

/** The regions that may keep events of a source. */
export function homesOf(
  routing: Routing | undefined,
  regions: readonly Region[],
  region: Region,
  source: Pick<SourceRuntime, 'spec' | 'table'>,
): readonly Region[] {
  const how = routingOf(routing, regions, region, source)
  const around = environmentAround(regions, region)
  if (how === 'local') return around
  const names = 'home' in how ? [how.home] : [...Object.values(how.homes), how.otherwise]
  return [...new Set(names)].map((name) => regionNamed(around, name))
}
