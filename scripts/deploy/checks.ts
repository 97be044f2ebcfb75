/** What is wrong before anything is built or asked: as values, a sentence each with the way to mend it. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  epochProblems,
  type Plan,
  type Region,
  type Routing,
  regionProblems,
  routingProblems,
} from '../../src/plan/index.ts'
import { root } from '../lib/paths.ts'
import { storeAdaptersModule } from '../lib/store-adapters.ts'
import { workerPlans } from '../lib/workers.ts'
import { wranglerConfig, type Zones } from '../lib/wrangler-config.ts'

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
