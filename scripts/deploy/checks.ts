/** What is wrong before anything is built or asked: as values, a sentence each with the way to mend it. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  environmentAround,
  epochProblems,
  type Plan,
  type Region,
  type Routing,
  regionProblems,
  routingProblems,
  storeName,
} from '../../src/plan/index.ts'
import { Tokens } from '../../src/serve/index.ts'
import { parseConnections } from '../../src/source/index.ts'
import { root } from '../lib/paths.ts'
import { storeAdaptersModule } from '../lib/store-adapters.ts'
import { workerPlans } from '../lib/workers.ts'
import { wranglerConfig, type Zones } from '../lib/wrangler-config.ts'

/** The values of secrets, where the environment of the command has them: nobody can read them back from Cloudflare. */
export type SecretValues = Readonly<Record<string, string | undefined>>

/** Everything that regions.ts and the definitions say, looked at together. */
export function declaredProblems(regions: readonly Region[], routing: Routing, plan: Plan): string[] {
  const own = regionProblems(regions)
  // The others look regions up by their names: that is of no use while two have one.
  return own.length > 0 ? own : [...epochProblems(regions, plan), ...routingProblems(plan.sources, regions, routing)]
}

/** Generated files that are not what regions.ts and the definitions say now, from the repository's root. */
export function staleFiles(region: Region, regions: readonly Region[], zones: Zones): string[] {
  const texts: readonly (readonly [path: string, text: string])[] = [
    ['workers/stores.ts', storeAdaptersModule(regions)],
    ...workerPlans(region, regions).map(
      ({ config, worker }) => [config, wranglerConfig(worker, regions, zones)] as const,
    ),
  ]
  return texts.flatMap(([path, text]) => {
    const file = join(root, path)
    return existsSync(file) && readFileSync(file, 'utf8') === text ? [] : [path]
  })
}

/** What is wrong with the values of secrets that are here; of what is not here nothing is said. Never quotes one. */
export function secretProblems(
  region: Region,
  regions: readonly Region[],
  { TOKENS, CONNECTIONS }: SecretValues,
): string[] {
  const problems: string[] = []
  if (TOKENS !== undefined) problems.push(...problemOf(() => new Tokens(TOKENS)))
  if (CONNECTIONS === undefined) return problems
  problems.push(
    ...problemOf(() => {
      const { stores } = parseConnections(CONNECTIONS)
      const missing = environmentAround(regions, region).flatMap(({ name, stores: specs = [] }) =>
        specs
          .filter(({ kind }) => kind !== 'kv')
          .map((spec) => storeName(name, spec))
          .filter((store) => stores[store] === undefined),
      )
      if (missing.length > 0)
        throw new Error(`The secret CONNECTIONS has no address of ${missing.join(' and ')}: add it under "stores".`)
    }),
  )
  return problems
}

function problemOf(work: () => unknown): string[] {
  try {
    work()
    return []
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)]
  }
}

/** The first token that may do it, of the value of the secret TOKENS. */
export function tokenFor(tokens: string | undefined, scope: string): string | undefined {
  if (tokens === undefined) return undefined
  try {
    const all = new Tokens(tokens)
    const names = Object.keys(JSON.parse(tokens) as object).filter((token) => token !== 'anonymous')
    return names.find((token) => all.refuse(`Bearer ${token}`, scope) === undefined)
  } catch {
    return undefined
  }
}
