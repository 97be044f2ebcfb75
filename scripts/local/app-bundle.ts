/** Workers of other apps than this repository's (the bench's, a test's), bundled by `wrangler deploy --dry-run` as a deploy is. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder, root } from '../lib/paths.ts'
import { compatibilityDate } from '../lib/workers.ts'
import { wrangler } from '../lib/wrangler.ts'
import { modulesOf } from './bundle.ts'
import type { Module } from './workerd-config.ts'

const folderOfThis = join(cacheFolder, 'apps', `bundle-${process.pid}`)

/** Bundles `FOLDER/NAME.ts`, the folder from the repository's root; the main module is first. Throws with Wrangler's own words. */
export async function bundleApp(appFolder: string, name: string): Promise<Module[]> {
  // By process: two runs at once must not take each other's bundle away.
  const folder = join(folderOfThis, appFolder.replaceAll('/', '-'), name)
  mkdirSync(folder, { recursive: true })
  const config = join(folder, 'wrangler.json')
  const main = join(root, appFolder, `${name}.ts`)
  const text = {
    name: `tidemark-app-${name}`,
    main,
    compatibility_date: compatibilityDate,
    send_metrics: false,
    minify: true,
    keep_names: false,
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
  rmSync(folderOfThis, { recursive: true, force: true })
}
