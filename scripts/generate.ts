/**
 * `npm run generate`: writes what is generated from regions.ts and committed (the definitions as the lookup has them; the list of adapters of online stores; the Wrangler
 * configs, with the time zones that features/ names compiled in; the types of bindings and runtime; the page of aggregates). With
 * `--check` it writes nothing, and fails when a file is not what it would write.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { definitions } from '../features/index.ts'
import { regions } from '../regions.ts'
import { aggregatesPage } from './docs/aggregates-page.ts'
import { bindingTypes, runtimeTypes } from './lib/binding-types.ts'
import { LOOKUP_DEFINITIONS, lookupDefinitionsModule } from './lib/lookup-definitions.ts'
import { root } from './lib/paths.ts'
import { storeAdaptersModule } from './lib/store-adapters.ts'
import { workerPlans } from './lib/workers.ts'
import { wranglerConfig, type Zones } from './lib/wrangler-config.ts'

const checkOnly = process.argv.includes('--check')
const [first] = regions
if (first === undefined) throw new Error('regions.ts declares no region: a deploy needs at least one.')
const plans = workerPlans(first, regions)
const zones: Zones = Object.assign({}, ...definitions.spec.views.map((view) => view.zones))

const stale: string[] = []
await put(LOOKUP_DEFINITIONS, lookupDefinitionsModule())
await put('workers/stores.ts', storeAdaptersModule(regions))
await put('docs/aggregates.md', await aggregatesPage())
for (const plan of plans) await put(plan.config, wranglerConfig(plan.worker, regions, zones))
// The types follow the configs on disk: without these up to date there is nothing to compare.
if (stale.length === 0) {
  const [runtime, bindings] = await Promise.all([runtimeTypes('wrangler.toml'), bindingTypes(plans)])
  await put('workers/runtime.d.ts', runtime)
  await put('workers/env.d.ts', bindings)
}

if (stale.length > 0) {
  console.error(`Not up to date with regions.ts, features/ and scripts/lib/workers.ts: ${stale.join(', ')}`)
  console.error('  To mend it: npm run generate, and commit the result.')
  process.exit(1)
}

/** Writes a file unless it is already the same; in check mode only notes that it differs. */
async function put(path: string, text: string): Promise<void> {
  const file = join(root, path)
  const before = await readFile(file, 'utf8').catch(() => undefined)
  if (before === text) return
  if (checkOnly) {
    stale.push(path)
    return
  }
  await writeFile(file, text)
  console.log(`${before === undefined ? 'wrote' : 'updated'} ${path}`)
}
