import { didYouMean } from '../util/did-you-mean.ts'
import type { SourceRuntime } from './plan.ts'
import { environmentOf, type Region } from './region.ts'
import { declared, type Routing, type SourceRouting } from './routing.ts'

type Sources = ReadonlyMap<string, Pick<SourceRuntime, 'spec' | 'table'>>

/**
 * What is wrong with how regions.ts routes the sources, a sentence each, with the way to mend it; empty when nothing is.
 *
 * @example routingProblems(plan.sources, regions, { orders: { home: 'weru' } })
 * // ['routing.orders: there is no region "weru" in regions.ts. Did you mean "weur"?']
 */
export function routingProblems(sources: Sources, regions: readonly Region[], routing: Routing): string[] {
  const named = Object.entries(routing).flatMap(([name, how]) => {
    const source = sources.get(name)
    if (source === undefined)
      return [`routing.${name}: there is no source "${name}".${didYouMean(name, [...sources.keys()])}`]
    return [...unknownRegions(how, regions), ...shapeProblems(how, source)].map((why) => `routing.${name}: ${why}`)
  })
  return [
    ...named,
    ...environmentProblems(regions, routing),
    ...[...sources.values()].flatMap((source) => enrichmentProblems(source, routing)),
  ]
}

function namesIn(how: SourceRouting): string[] {
  if (how === 'local') return []
  const homes = 'home' in how ? [how.home] : [...Object.values(how.homes), how.otherwise]
  return [...homes, ...(how.before ?? [])]
}

/**
 * Names of one environment are a routing for all: elsewhere the first region stands in. One that is of another environment than most
 * of those that are named is a slip, and would be replaced without a word in the environment that is meant.
 */
function environmentProblems(regions: readonly Region[], routing: Routing): string[] {
  const environments = new Map(regions.map((region) => [region.name, environmentOf(region)]))
  const named = Object.entries(routing).flatMap(([source, how]) =>
    [...new Set(namesIn(how))].flatMap((name) => {
      const environment = environments.get(name)
      return environment === undefined ? [] : [{ source, name, environment }]
    }),
  )
  const groups = [...Map.groupBy(named, ({ environment }) => environment)]
  const [most] = groups.toSorted(([, a], [, b]) => b.length - a.length)
  if (most === undefined) return []
  const [meant, [example]] = most
  return named
    .filter(({ environment }) => environment !== meant)
    .map(({ source, name, environment }) => {
      const others = `the others that are named are of ${meant}, such as ${example?.name}`
      return `routing.${source}: region "${name}" is of the environment ${environment}, and ${others}, where the first region would stand in for it. Name regions of one environment.`
    })
}

function unknownRegions(how: SourceRouting, regions: readonly Region[]): string[] {
  const names = namesIn(how)
  const known = regions.map(({ name }) => name)
  return [...new Set(names)]
    .filter((name) => !known.includes(name))
    .map((name) => `there is no region "${name}" in regions.ts.${didYouMean(name, known)}`)
}

function shapeProblems(how: SourceRouting, { spec, table }: Pick<SourceRuntime, 'spec' | 'table'>): string[] {
  if (how === 'local')
    return table === null
      ? []
      : ['a table has one home, since its rows have one newest version: write { home: REGION }.']
  if ('home' in how) {
    if (table === null || how.before === undefined) return []
    const why =
      'rows of a table are not taken out where it lived before, so with those of its new home each would count twice'
    return [`a table has no "before": ${why}. Leave it out, and give the new home a snapshot.`]
  }
  if (table !== null) return ['a table has one home, whatever its rows hold: write { home: REGION } instead of "by".']
  const problems: string[] = []
  const field = spec.fields.find(({ name, enriched }) => name === how.by && enriched !== true)
  const texts = spec.fields
    .filter(({ type, enriched }) => type === 'string' && enriched !== true)
    .map(({ name }) => name)
  if (field === undefined) problems.push(`events have no field "${how.by}".${didYouMean(how.by, texts)}`)
  else if (field.type !== 'string')
    problems.push(
      `"by" names ${how.by}, which is ${field.type}; a home is chosen by a text (${texts.join(', ') || 'it has none'}).`,
    )
  if (spec.from.some(({ kind }) => kind === 'kafka')) {
    const mend = 'one region reads a partition, whatever its records hold. Write { home: REGION }, or "local".'
    problems.push(`"by" is for webhooks, and this source reads a topic: ${mend}`)
  }
  return problems
}

/** The rows that events are enriched with are where their table is: elsewhere every row would be unknown. */
function enrichmentProblems({ spec }: Pick<SourceRuntime, 'spec'>, routing: Routing): string[] {
  const tables = [...new Set((spec.enrich ?? []).map(({ table }) => table))]
  const homeOf = (name: string): string | undefined => {
    const how = declared(routing, name)
    return typeof how === 'object' && 'home' in how ? how.home : undefined
  }
  const [first, ...others] = tables
  if (first === undefined) return []
  const problems = others
    .filter((table) => homeOf(table) !== homeOf(first))
    .map(
      (table) =>
        `source ${spec.name} is enriched from ${first} and ${table}, which have different homes: give them one.`,
    )
  const how = declared(routing, spec.name)
  if (how === undefined) return problems
  const isThere = typeof how === 'object' && 'home' in how && how.home === homeOf(first)
  if (isThere) return problems
  const home = homeOf(first) ?? 'the first region'
  const why = `its events are enriched from the table ${first}, which lives in ${home}: only there its rows are known.`
  return [...problems, `routing.${spec.name}: ${why} Leave it out, or give both the same home.`]
}
