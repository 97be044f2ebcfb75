import type { SourceSpec } from '../engine/index.ts'
import { DefinitionError } from './definition-error.ts'

/** One of several sources of a view, by the name that it has there. */
export interface NamedSource {
  readonly name: string
  readonly source: SourceSpec
}

/** Sources by name as data; throws for what is no stream or table, and for one that is there twice. */
export function namedSources(where: string, given: Readonly<Record<string, unknown>>): NamedSource[] {
  const named = Object.entries(given).map(([name, one]): NamedSource => {
    const source = (one as { readonly spec?: SourceSpec } | null | undefined)?.spec
    if (source?.fields !== undefined) return { name, source }
    const how = 'give it what streamSource(...) or tableSource(...) returned; unions and joins are not nested'
    throw new DefinitionError('bad_option', where, `${name} is no source: ${how}.`)
  })
  for (const [i, { name, source }] of named.entries()) {
    const before = named.slice(0, i).find((other) => other.source.name === source.name)
    if (before === undefined) continue
    const problem = `${before.name} and ${name} are both the source ${source.name}, and a row is in a view once`
    throw new DefinitionError('duplicate', where, `${problem}: give it two sources.`)
  }
  return named
}
