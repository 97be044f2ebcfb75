import type { SourceRuntime } from './plan.ts'
import { environmentAround, type Region } from './region.ts'

/**
 * Where the events of a source are kept. `local`: in the region that gets them, and reads merge what each region has.
 * `home`: in one region, to which all others forward. `by`: the home is chosen by a field of the event. In an environment
 * without a region that is named here, such as staging, its first one stands in for it. `before`: regions that kept events of it
 * under another routing; what they have stays there, and reads go on merging it; of a stream only.
 */
export type SourceRouting =
  | 'local'
  | { readonly home: string; readonly before?: readonly string[] }
  | {
      readonly by: string
      readonly homes: Readonly<Record<string, string>>
      readonly otherwise: string
      readonly before?: readonly string[]
    }

/**
 * By source. A stream that is not named is `local`, a table lives in the first region of its environment, and a stream that
 * is enriched from a table lives where the table does.
 */
export type Routing = Readonly<Record<string, SourceRouting>>

type Routed = Pick<SourceRuntime, 'spec' | 'table'>

/** How a source is routed by a region of an environment. Every region that it names is one of the environment. */
export function routingOf(
  routing: Routing | undefined,
  regions: readonly Region[],
  region: Region,
  { spec, table }: Routed,
): SourceRouting {
  const around = environmentAround(regions, region)
  if (around.length === 1) return 'local'
  const named = (name: string) => (around.find((one) => one.name === name) ?? around[0] ?? region).name
  const own = declared(routing, spec.name)
  if (own !== undefined && own !== 'local') {
    if ('home' in own) return { ...own, home: named(own.home) }
    const homes = Object.fromEntries(Object.entries(own.homes).map(([value, home]) => [value, named(home)]))
    return { ...own, homes, otherwise: named(own.otherwise) }
  }
  if (table !== null) return { home: named('') }
  const rows = own === undefined ? spec.enrich?.[0]?.table : undefined
  if (rows === undefined) return 'local'
  const home = declared(routing, rows)
  return { home: named(typeof home === 'object' && 'home' in home ? home.home : '') }
}

/** What regions.ts says of a source itself. */
export const declared = (routing: Routing | undefined, source: string): SourceRouting | undefined =>
  routing !== undefined && Object.hasOwn(routing, source) ? routing[source] : undefined

/** The regions that may keep events of a source, in the order of regions.ts or of its routing. */
export function homesOf(
  routing: Routing | undefined,
  regions: readonly Region[],
  region: Region,
  source: Routed,
): readonly Region[] {
  const how = routingOf(routing, regions, region, source)
  const around = environmentAround(regions, region)
  if (how === 'local') return around
  const names = 'home' in how ? [how.home] : [...Object.values(how.homes), how.otherwise]
  return [...new Set(names)].flatMap((name) => around.find((one) => one.name === name) ?? [])
}

/** The regions that may have a part of what a source feeds: those that keep its events, and those that did before. */
export function holdersOf(
  routing: Routing | undefined,
  regions: readonly Region[],
  region: Region,
  source: Routed,
): readonly Region[] {
  const how = routingOf(routing, regions, region, source)
  const before = how === 'local' ? [] : (how.before ?? [])
  const homes = homesOf(routing, regions, region, source)
  return environmentAround(regions, region).filter((one) => homes.includes(one) || before.includes(one.name))
}

/** The region that pulls the topics of a source, until a partition is moved: its home, or the first region. */
export const pullingRegion = (
  routing: Routing | undefined,
  regions: readonly Region[],
  region: Region,
  source: Routed,
): string => (homesOf(routing, regions, region, source)[0] ?? region).name
