/** Cloudflare by way of Wrangler. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Region } from '../../src/plan/index.ts'
import { cacheFolder, root } from '../lib/paths.ts'
import type { RunResult } from '../lib/run.ts'
import { wrangler } from '../lib/wrangler.ts'
import { wranglerConfig, type Zones } from '../lib/wrangler-config.ts'
import { onInterrupt } from './interrupt.ts'
import type { WorkerOfPlan } from './plan.ts'
import type { Platform, Uploaded, UploadOptions, WorkerAt } from './platform.ts'

/** "This Worker does not exist on your account", and the same of an environment of it. */
const NO_WORKER = /\[code: 1000(?:7|90)\]|does not exist on your account/

/** "The specified bucket does not exist." */
const NO_BUCKET = /\[code: 10006\]/

export interface WranglerOptions {
  readonly region: Region
  readonly regions: readonly Region[]
  readonly zones: Zones
  /** The account's name at workers.dev; default: not known. */
  readonly account?: () => Promise<string | undefined>
  /** Runs Wrangler; default: for real. */
  readonly run?: (args: readonly string[], env?: Readonly<Record<string, string>>) => Promise<RunResult>
}

export function wranglerPlatform({ region, regions, zones, account, run = wrangler }: WranglerOptions): Platform {
  /** What a command prints as JSON; null for a Worker that there is not. */
  const ask = async (args: readonly string[]): Promise<unknown> => {
    const { ok, output } = await run(args)
    if (!ok && NO_WORKER.test(output)) return null
    if (!ok) throw new Error(`wrangler ${args.slice(0, 2).join(' ')} failed:\n${output}`)
    const json = output.slice(output.indexOf('['), output.lastIndexOf(']') + 1)
    try {
      return JSON.parse(json)
    } catch {
      throw new Error(`wrangler ${args.slice(0, 2).join(' ')} printed no JSON:\n${output.slice(0, 500)}`)
    }
  }

  return {
    secretsOf: async (worker) => {
      const secrets = (await ask(['secret', 'list', ...at(worker), '--format', 'json'])) as { name: string }[] | null
      return secrets?.map((secret) => secret.name) ?? null
    },
    versionOf: async (worker) => {
      const all = (await ask(['deployments', 'list', ...at(worker), '--json'])) as Deployment[] | null
      const newest = all?.toSorted((a, b) => (a.created_on < b.created_on ? 1 : -1))[0]
      return newest?.versions.toSorted((a, b) => b.percentage - a.percentage)[0]?.version_id ?? null
    },
    addressOf: async ({ name }) => {
      const subdomain = await account?.()
      return subdomain === undefined ? undefined : `https://${name}.${subdomain}.workers.dev`
    },
    hasBucket: async (bucket) => {
      const { ok, output } = await run(['r2', 'bucket', 'info', bucket])
      if (!ok && !NO_BUCKET.test(output)) throw new Error(`wrangler r2 bucket info ${bucket} failed:\n${output}`)
      return ok
    },
    upload: (worker, options) => upload(worker, options),
    rollback: async (worker, versionId, message) => {
      const { ok, output } = await run(['rollback', versionId, ...at(worker), '--message', message, '--yes'])
      if (!ok) throw new Error(`wrangler rollback of ${worker.name} failed:\n${output}`)
    },
  }

  async function upload(worker: WorkerOfPlan, { without, secrets, message }: UploadOptions): Promise<Uploaded> {
    // Secrets pass through a file of this user's alone, never through the command line, which others can see.
    const folder = mkdtempSync(join(tmpdir(), 'tidemark-deploy-'))
    const remove = () => rmSync(folder, { recursive: true, force: true })
    const isOver = onInterrupt(remove)
    try {
      const report = join(folder, 'report.ndjson')
      const args = ['deploy', '--config', configOf(worker, without), '--env', region.name, '--message', message]
      if (Object.keys(secrets).length > 0) {
        const file = join(folder, 'secrets.json')
        writeFileSync(file, JSON.stringify(secrets), { mode: 0o600 })
        args.push('--secrets-file', file)
      }
      const { ok, output } = await run(args, { WRANGLER_OUTPUT_FILE_PATH: report })
      const uploaded = existsSync(report) ? uploadedOf(readFileSync(report, 'utf8')) : undefined
      if (uploaded === undefined) throw new Error(`wrangler deploy of ${worker.name} failed:\n${output}`)
      return ok ? uploaded : { ...uploaded, warning: output }
    } finally {
      isOver()
      remove()
    }
  }

  /** The committed config; or one without the regions that are not there yet, beside the caches. */
  function configOf({ worker, config, links }: WorkerOfPlan, without: readonly string[]): string {
    if (!links.some((link) => without.includes(link))) return join(root, config)
    const folder = join(cacheFolder, 'deploy')
    mkdirSync(folder, { recursive: true })
    const file = join(folder, `${worker}-${region.name}.toml`)
    const there = regions.filter(({ name }) => name === region.name || !without.includes(name))
    writeFileSync(file, wranglerConfig(worker, there, zones, '.tidemark/deploy'))
    return file
  }
}

const at = ({ config, region }: WorkerAt): string[] => ['--config', join(root, config), '--env', region]

interface Deployment {
  readonly created_on: string
  readonly versions: readonly { readonly version_id: string; readonly percentage: number }[]
}

/** What Wrangler wrote of an upload into the file of WRANGLER_OUTPUT_FILE_PATH: a line of JSON for each thing that it did. */
export function uploadedOf(ndjson: string): Uploaded | undefined {
  for (const line of ndjson.split('\n')) {
    if (line.trim() === '') continue
    const entry = JSON.parse(line) as { type: string; version_id?: string | null; targets?: readonly string[] }
    if (entry.type !== 'deploy' || !entry.version_id) continue
    // Crons and queues are targets too.
    const urls = (entry.targets ?? []).flatMap((target) => {
      const found = /^(?:https?:\/\/)?([a-z0-9.-]+\.[a-z]+)/i.exec(target)?.[1]
      return found === undefined ? [] : [`https://${found}`]
    })
    return { versionId: entry.version_id, urls }
  }
  return undefined
}
