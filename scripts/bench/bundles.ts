/** The bench's Workers, bundled by `wrangler deploy --dry-run` as a deploy is: the same factories, other definitions. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder, root } from '../lib/paths.ts'
import { compatibilityDate } from '../lib/workers.ts'
import { wrangler } from '../lib/wrangler.ts'
import { modulesOf } from '../local/bundle.ts'
import type { Module } from '../local/workerd-config.ts'

export const benchFolder = join(cacheFolder, 'bench')

/** Bundles `scripts/bench/app/NAME.ts`; the main module is first. Throws with Wrangler's own words. */
export async function bundleApp(name: string): Promise<Module[]> {
  // By process: two benches at once must not take each other's bundle away.
  const folder = join(benchFolder, `bundle-${process.pid}`, name)
  mkdirSync(folder, { recursive: true })
  const config = join(folder, 'wrangler.json')
  const main = join(root, 'scripts', 'bench', 'app', `${name}.ts`)
  const text = {
    name: `tidemark-bench-${name}`,
    main,
    compatibility_date: compatibilityDate,
    send_metrics: false,
    minify: true,
  }
  writeFileSync(config, JSON.stringify(text))
  const target = join(folder, 'out')
  const result = await wrangler(['deploy', '--dry-run', '--outdir', target, '--config', config])
  if (!result.ok) throw new Error(`wrangler could not bundle ${main}:\n${result.output}`)
  return modulesOf(target).map((module) => ({
    ...module,
    name: module.name === `${name}.js` ? 'index.js' : module.name,
  }))
}

/** Removes this process's bundles. */
export function forgetBundles(): void {
  rmSync(join(benchFolder, `bundle-${process.pid}`), { recursive: true, force: true })
}
