/**
 * `npx tidemark deploy --region NAME [--dry-run] [--json]`: checks, plan, migrations of stores, upload, and a smoke test of what
 * was deployed; what fails is rolled back. `--list` prints the regions of an environment. Exit codes: 0 done, 1 it failed or something is wrong, 2 the command line is wrong.
 */
import { join } from 'node:path'
import { definitions } from '../features/index.ts'
import { regions, routing } from '../regions.ts'
import { migrateStore } from '../src/online/libsql/index.ts'
import { environmentOf, Plan, type Region, storeName } from '../src/plan/index.ts'
import { parseConnections } from '../src/source/index.ts'
import { didYouMean } from '../src/util/did-you-mean.ts'
import { declaredProblems, secretProblems, staleFiles, tokenFor } from './deploy/checks.ts'
import { takeLock } from './deploy/lock.ts'
import { type ListOptions, type Options, parseOptions } from './deploy/options.ts'
import { budgetProblems, type DeployPlan, deployPlan } from './deploy/plan.ts'
import { planText, problemsText, type Seen } from './deploy/render.ts'
import { type DeployOptions, deploy, lookBefore, type StoreMigration } from './deploy/run.ts'
import { workersDev } from './deploy/workers-dev.ts'
import { wranglerPlatform } from './deploy/wrangler-platform.ts'
import { cacheFolder } from './lib/paths.ts'
import { clock, paint } from './lib/terminal.ts'
import { UsageError } from './lib/usage-error.ts'
import type { Zones } from './lib/wrangler-config.ts'
import { bundleWorkers } from './local/bundle.ts'

const EXIT = { failed: 1, usage: 2 } as const
const { TOKENS, CONNECTIONS, TIDEMARK_TOKEN, CLOUDFLARE_API_TOKEN } = process.env
const zones: Zones = Object.assign({}, ...definitions.spec.views.map((view) => view.zones))
const colours = paint(process.stdout)

try {
  process.exitCode = await run(parseOptions(process.argv.slice(2)))
} catch (error) {
  console.error(`tidemark deploy: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = error instanceof UsageError ? EXIT.usage : EXIT.failed
}

async function run(options: Options | ListOptions): Promise<number> {
  if (options.command === 'list') return list(options)
  const region = regions.find(({ name }) => name === options.region)
  if (region === undefined) {
    const near = didYouMean(
      options.region,
      regions.map(({ name }) => name),
    )
    throw new UsageError(`regions.ts has no region "${options.region}".${near}`)
  }
  const compiled = new Plan(definitions.spec)
  const problems = [
    ...declaredProblems(regions, routing, compiled),
    ...secretProblems(region, regions, { TOKENS, CONNECTIONS }),
  ]
  if (problems.length > 0) return failed(options, null, problems)
  const stale = staleFiles(region, regions, zones)
  if (stale.length > 0)
    return failed(options, null, [
      `${stale.join(', ')} is not what regions.ts says now: npm run generate, and commit the result.`,
    ])
  return options.dryRun ? await dryRun(options, region, compiled) : await deployLocked(options, region, compiled)
}

function list({ environment, json }: ListOptions): number {
  const names = regions.filter((region) => environmentOf(region) === environment).map(({ name }) => name)
  if (names.length === 0) {
    const known = [...new Set(regions.map(environmentOf))]
    throw new UsageError(`regions.ts has no environment "${environment}".${didYouMean(environment, known)}`)
  }
  console.log(json ? JSON.stringify(names) : names.join('\n'))
  return 0
}

async function planned(region: Region, compiled: Plan): Promise<DeployPlan> {
  return deployPlan(region, regions, compiled, await bundleWorkers({ region, fresh: true }))
}

async function dryRun(options: Options, region: Region, compiled: Plan): Promise<number> {
  const plan = await planned(region, compiled)
  const seen: Seen =
    CLOUDFLARE_API_TOKEN === undefined
      ? { unseen: 'not looked at: CLOUDFLARE_API_TOKEN is not set' }
      : await lookBefore(optionsOf(options, region, plan))
  const problems = [...budgetProblems(plan), ...('unseen' in seen ? [] : seen.problems)]
  if (options.json) {
    const cloudflare = 'unseen' in seen ? null : plainOf(seen)
    console.log(JSON.stringify({ ok: problems.length === 0, dryRun: true, plan, cloudflare, problems }))
  } else {
    console.log(planText(plan, seen, colours))
    const end = problems.length > 0 ? problemsText(problems, colours) : 'Nothing was changed: this was a dry run.'
    console.log(`\n${end}`)
  }
  return problems.length > 0 ? EXIT.failed : 0
}

async function deployLocked(options: Options, region: Region, compiled: Plan): Promise<number> {
  const own = { pid: process.pid, startedMs: Date.now() }
  const release = takeLock(join(cacheFolder, 'deploy'), region.name, own)
  if (typeof release !== 'function') {
    const { pid, startedMs } = release.heldBy
    const since = `process ${pid}, since ${clock(startedMs)} UTC`
    return failed(options, null, [
      `Region ${region.name} is being deployed from this folder already (${since}): wait for it.`,
    ])
  }
  try {
    const plan = await planned(region, compiled)
    const over = budgetProblems(plan)
    if (over.length > 0) return failed(options, plan, over)
    const deployment = optionsOf(options, region, plan)
    const outcome = await deploy(deployment)
    if (!outcome.ok) return failed(options, plan, outcome.problems, outcome)
    if (options.json) console.log(JSON.stringify({ dryRun: false, plan, ...outcome }))
    else {
      console.log(colours.good(`Region ${region.name} runs plan ${plan.plan}.`))
      if (outcome.next.length > 0) console.log(`Now deploy ${outcome.next.join(', then ')}.`)
    }
    return 0
  } finally {
    release()
  }
}

function optionsOf({ json, unasked, urls }: Options, region: Region, plan: DeployPlan): DeployOptions {
  return {
    plan,
    platform: wranglerPlatform({ region, regions, zones, account: workersDev(process.env) }),
    migrations: migrationsOf(region),
    secrets: { TOKENS, CONNECTIONS },
    token: TIDEMARK_TOKEN ?? tokenFor(TOKENS, 'admin'),
    unasked,
    urls,
    fetch: (url, init) => fetch(url, init),
    now: () => Date.now(),
    sleep: (ms) => new Promise((next) => setTimeout(next, ms)),
    say: (line) => (json ? console.error(line) : console.log(line)),
  }
}

/** Databases have a schema, and only this region's deployment migrates its own. */
function migrationsOf(region: Region): StoreMigration[] {
  const databases = (region.stores ?? []).filter(({ kind }) => kind === 'libsql')
  return databases.map((spec) => {
    const store = storeName(region.name, spec)
    const connection = () => {
      const found = parseConnections(CONNECTIONS).stores[store]
      if (found === undefined)
        throw new Error(`its address is needed to migrate it: give the secret CONNECTIONS in an environment variable`)
      return found
    }
    return {
      store,
      pending: async () => (await migrateStore(connection(), Date.now(), true)).names,
      run: async () => void (await migrateStore(connection(), Date.now())),
    }
  })
}

function failed(options: Options, plan: DeployPlan | null, problems: readonly string[], more: object = {}): number {
  if (options.json) console.log(JSON.stringify({ dryRun: options.dryRun, plan, ...more, ok: false, problems }))
  else {
    const what = options.dryRun ? 'cannot be deployed' : 'was not deployed'
    console.error(`Region ${options.region} ${what}:\n${problemsText(problems, paint(process.stderr))}`)
  }
  return EXIT.failed
}

const plainOf = ({ versions, missing, pending, ...rest }: Exclude<Seen, { unseen: string }>) => ({
  ...rest,
  versions: Object.fromEntries(versions),
  missing: Object.fromEntries(missing),
  pending: Object.fromEntries(pending),
})
