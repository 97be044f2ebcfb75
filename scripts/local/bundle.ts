/**
 * The bundles of a deploy, made by `wrangler deploy --dry-run` itself, so that what runs here and what is measured is
 * byte for byte what is uploaded. esbuild with copied settings would save half a second a Worker once, and drift.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { extname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { regions } from '../../regions.ts'
import type { Region } from '../../src/plan/index.ts'
import { refreshLookupDefinitions } from '../lib/lookup-definitions.ts'
import { cacheFolder, root } from '../lib/paths.ts'
import { type WorkerName, type WorkerPlan, workerPlans } from '../lib/workers.ts'
import { wrangler } from '../lib/wrangler.ts'
import type { Module } from './workerd-config.ts'

export interface Bundle {
  readonly worker: WorkerName
  readonly plan: WorkerPlan
  /** The main module first. */
  readonly modules: readonly Module[]
  /** What Cloudflare would store: the modules, compressed one by one. */
  readonly gzipBytes: number
}

export interface BundleOptions {
  /** Default: the first region of regions.ts. */
  readonly region?: Region
  /** Which Workers; default all. */
  readonly workers?: readonly WorkerName[]
  /** Bundle again even when nothing changed, so that Wrangler's warnings are seen; default false. */
  readonly fresh?: boolean
}

const bundlesFolder = join(cacheFolder, 'bundles')
const keptBundlesMs = 24 * 60 * 60 * 1000
const sources = ['src', 'features', 'workers', 'durable-objects', 'regions.ts', 'wrangler.toml', 'package-lock.json']

/**
 * Bundles Workers, two seconds for all of them, or a few milliseconds when no source changed since the last time.
 * Throws with Wrangler's own words when one does not build or Wrangler warns.
 *
 * @example const [ingest] = await bundleWorkers({ workers: ['ingest'] })
 */
export async function bundleWorkers(options: BundleOptions = {}): Promise<Bundle[]> {
  const region = options.region ?? regions[0]
  if (region === undefined) throw new Error('regions.ts declares no region: there is nothing to bundle.')
  const plans = workerPlans(region, regions).filter((plan) => options.workers?.includes(plan.worker) ?? true)
  await refreshLookupDefinitions()
  const folder = join(bundlesFolder, `${region.name}-${sourceHash()}`)
  mkdirSync(folder, { recursive: true })
  pruneOlderBundles(folder)
  return await Promise.all(plans.map((plan) => bundle(plan, region, folder, options.fresh ?? false)))
}

async function bundle(plan: WorkerPlan, region: Region, folder: string, fresh: boolean): Promise<Bundle> {
  const target = join(folder, plan.worker)
  if (fresh || !existsSync(target)) {
    // Built beside and moved in: an interrupted build never looks like a finished one.
    const building = `${target}.${process.pid}`
    const args = [
      'deploy',
      '--dry-run',
      '--outdir',
      building,
      '--config',
      join(root, plan.config),
      '--env',
      region.name,
    ]
    const result = await wrangler(args)
    if (!result.ok) {
      rmSync(building, { recursive: true, force: true })
      throw new Error(`wrangler could not bundle the Worker "${plan.worker}" (${plan.config}):\n${result.output}`)
    }
    rmSync(target, { recursive: true, force: true })
    renameSync(building, target)
  }
  const modules = modulesOf(target)
  if (modules.length === 0)
    throw new Error(`The bundle of "${plan.worker}" in ${target} is empty. Delete .tidemark/ and run again.`)
  const gzipBytes = modules.reduce((sum, module) => sum + gzipSync(contentOf(module)).length, 0)
  return { worker: plan.worker, plan, modules, gzipBytes }
}

const kinds: Readonly<Record<string, Module['kind']>> = {
  '.js': 'esModule',
  '.wasm': 'wasm',
  '.txt': 'text',
  '.html': 'text',
  '.css': 'text',
  '.sql': 'text',
  '.bin': 'data',
}

/** Wrangler names modules after their files; the entry is `index.js`, and workerd takes the first module as the main one. */
export function modulesOf(folder: string): Module[] {
  return readdirSync(folder)
    .flatMap((name): Module[] => {
      // A script for the browser is text to the Worker that hands it out.
      const kind = name.endsWith('.browser.js') ? 'text' : kinds[extname(name)]
      return kind === undefined ? [] : [{ name, kind, file: join(folder, name) }]
    })
    .sort((a, b) => Number(b.name === 'index.js') - Number(a.name === 'index.js'))
}

function contentOf(module: Module): Buffer {
  return 'file' in module ? readFileSync(module.file) : Buffer.from(module.text)
}

/** A hash of every file that can end up in a bundle: a few dozen small files, faster to hash than to ask esbuild. */
function sourceHash(): string {
  const hash = createHash('sha256')
  for (const source of sources) {
    const path = join(root, source)
    if (!existsSync(path)) continue
    const files = statSync(path).isDirectory()
      ? readdirSync(path, { recursive: true, encoding: 'utf8' })
          .sort()
          .map((file) => join(path, file))
      : [path]
    for (const file of files) {
      if (statSync(file).isFile())
        hash.update(file.slice(root.length)).update('\0').update(readFileSync(file)).update('\0')
    }
  }
  return hash.digest('hex').slice(0, 16)
}

function pruneOlderBundles(current: string): void {
  for (const name of readdirSync(bundlesFolder)) {
    const folder = join(bundlesFolder, name)
    if (folder !== current && Date.now() - statSync(folder).mtimeMs > keptBundlesMs) {
      rmSync(folder, { recursive: true, force: true })
    }
  }
}
