/** What is wrong with the values of secrets that are here; of what is not here nothing is said. Never quotes one. */
import type { DefinitionsSpec } from '../../src/engine/index.ts'
import { environmentAround, type Plan, type Region, storeName } from '../../src/plan/index.ts'
import { Tokens } from '../../src/serve/index.ts'
import { type Connections, parseConnections } from '../../src/source/index.ts'
import { didYouMean } from '../../src/util/did-you-mean.ts'

/** The values of secrets, where the environment of the command has them: nobody can read them back from Cloudflare. */
export type SecretValues = Readonly<Record<string, string | undefined>>

export function secretProblems(
  region: Region,
  regions: readonly Region[],
  plan: Plan,
  { TOKENS, CONNECTIONS }: SecretValues,
): string[] {
  const problems: string[] = []
  if (TOKENS !== undefined) problems.push(...problemsOf(() => void new Tokens(TOKENS)))
  if (CONNECTIONS !== undefined)
    problems.push(...problemsOf(() => connectionProblems(region, regions, plan, parseConnections(CONNECTIONS))))
  return problems
}

function connectionProblems(
  region: Region,
  regions: readonly Region[],
  plan: Plan,
  { stores, kafka, registries, webhooks }: Connections,
): string[] {
  const named = environmentAround(regions, region).flatMap(({ name, stores: specs = [] }) =>
    specs.filter(({ kind }) => kind !== 'kv').map((spec) => storeName(name, spec)),
  )
  const lacking = (what: string, under: string, names: readonly string[], known: object): string[] => {
    const missing = [...new Set(names)].filter((name) => !Object.keys(known).includes(name))
    return missing.length === 0
      ? []
      : [`The secret CONNECTIONS has no ${what} ${missing.join(' and ')}: add it under "${under}".`]
  }
  const sources = [...plan.sources.keys()]
  return [
    ...lacking('address of', 'stores', named, stores),
    ...lacking('Kafka cluster', 'kafka', clustersOf(plan.spec), kafka),
    ...lacking('registry', 'registries', registriesOf(plan.spec), registries),
    // Keys are a source's own choice; those of a name that there is not would leave the source without.
    ...Object.keys(webhooks)
      .filter((name) => !plan.sources.has(name))
      .map((name) => {
        // What stands in the wrong place may be a secret: only what is close to a name is shown.
        const near = didYouMean(name, sources)
        const who = near.includes('Did you mean')
          ? `a source "${name}" that there is not`
          : 'a source that there is not'
        return `The secret CONNECTIONS has keys under "webhooks" for ${who}.${near}`
      }),
  ]
}

const clustersOf = ({ sources, topics = [] }: DefinitionsSpec): string[] => [
  ...sources.flatMap(({ from }) => from.flatMap((way) => (way.kind === 'kafka' ? [way.cluster] : []))),
  ...topics.map(({ cluster }) => cluster),
]

/** Of topics alone: what a webhook sends is not looked up. */
const registriesOf = ({ sources }: DefinitionsSpec): string[] =>
  sources.flatMap(({ from }) =>
    from.flatMap((way) => {
      if (way.kind !== 'kafka') return []
      const written = way.format.kind === 'debezium' ? way.format.value : way.format
      return written.kind === 'avro' ? [written.registry] : []
    }),
  )

function problemsOf(work: () => readonly string[] | undefined): readonly string[] {
  try {
    return work() ?? []
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)]
  }
}

/** The first token that may do all of it, of the value of the secret TOKENS. */
export function tokenFor(tokens: string | undefined, scopes: readonly string[]): string | undefined {
  if (tokens === undefined) return undefined
  try {
    const all = new Tokens(tokens)
    const names = Object.keys(JSON.parse(tokens) as object).filter((token) => token !== 'anonymous')
    return names.find((token) => scopes.every((scope) => all.refuse(`Bearer ${token}`, scope) === undefined))
  } catch {
    return undefined
  }
}
