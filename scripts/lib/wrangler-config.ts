/** A Worker's plan in every region, as the text of its wrangler.toml. */
import { dirname, relative } from 'node:path/posix'
import type { ZoneSpec } from '../../src/engine/index.ts'
import { type Region, regionNamed } from '../../src/plan/index.ts'
import { type Binding, compatibilityDate, type WorkerName, type WorkerPlan, workerPlans } from './workers.ts'

const header =
  '# Generated from regions.ts by `npm run generate`. Do not edit: change regions.ts or scripts/lib/workers.ts.'

/** Time zones as data, by name. */
export type Zones = Readonly<Record<string, ZoneSpec>>

/**
 * The config of one Worker. The first region is the top level, and every region is an `[env.NAME]` that repeats every
 * binding: Wrangler inherits no binding into an environment, it only warns that one is missing. `zones`: the time zones
 * that the definitions name, which are compiled in. `folder`: where the config will lie, from the repository's root, when that is
 * another place than the plan's.
 */
export function wranglerConfig(
  worker: WorkerName,
  regions: readonly Region[],
  zones: Zones = {},
  folder?: string,
): string {
  const [first] = regions
  if (first === undefined) throw new Error('regions.ts declares no region: a deploy needs at least one.')
  const plan = sharedBy(regions.map((region) => planOf(worker, region, regions)))
  const blocks = [
    [
      header,
      `name = ${quote(plan.deployedName)}`,
      `main = ${quote(relative(folder ?? dirname(plan.config), plan.main))}`,
      `compatibility_date = ${quote(compatibilityDate)}`,
      'send_metrics = false',
      // A third less to load in a cold start, and the stack of an error is shown in the source's lines. Keeping the names of functions
      // is a call for each closure that is made: about a tenth of what a lookup costs.
      'minify = true',
      'keep_names = false',
      'upload_source_maps = true',
    ],
    // Not repeated per environment: how files are read is the same everywhere, and Wrangler hands it on.
    ...textRules(plan),
    ...tables('', plan, first, regions, zones),
    ...regions.flatMap((region) => {
      const own = planOf(worker, region, regions)
      return [
        [`[env.${region.name}]`, `name = ${quote(own.deployedName)}`],
        ...tables(`env.${region.name}.`, own, region, regions, zones),
      ]
    }),
  ]
  return `${blocks.map((lines) => lines.join('\n')).join('\n\n')}\n`
}

/**
 * The first plan with the bindings that all of them have: what the top level has and an environment has not, Wrangler warns of.
 * Links between regions differ from region to region, so the top level (which tests run, and nobody deploys) has none.
 */
function sharedBy([first, ...others]: readonly WorkerPlan[]): WorkerPlan {
  if (first === undefined) throw new Error('there is no plan')
  const isShared = ({ name }: Binding) => others.every(({ bindings }) => bindings.some((other) => other.name === name))
  return { ...first, bindings: first.bindings.filter(isShared) }
}

function planOf(worker: WorkerName, region: Region, regions: readonly Region[]): WorkerPlan {
  const plan = workerPlans(region, regions).find((candidate) => candidate.worker === worker)
  if (plan === undefined) throw new Error(`scripts/lib/workers.ts has no plan of the Worker "${worker}".`)
  return plan
}

/** The files that are imported as text. Without `fallthrough` one rule of ours would replace all of Wrangler's own. */
function textRules(plan: WorkerPlan): string[][] {
  if (plan.textModules === undefined) return []
  return [['[[rules]]', 'type = "Text"', `globs = [${plan.textModules.map(quote).join(', ')}]`, 'fallthrough = true']]
}

/** The TOML tables of a plan, under a prefix (`env.weur.` or nothing). */
function tables(
  prefix: string,
  plan: WorkerPlan,
  region: Region,
  regions: readonly Region[],
  zones: Zones,
): string[][] {
  const blocks: string[][] = []
  if (plan.runsDefinitions && Object.keys(zones).length > 0) {
    // A JavaScript expression, which src/define/time-zones.ts reads: Wrangler puts it in where the name stands. In a literal
    // TOML string, for it is full of double quotes and has no single one.
    blocks.push([`[${prefix}define]`, `TIDEMARK_TIME_ZONES = '${JSON.stringify(zones)}'`])
  }
  const texts = plan.bindings.filter((binding) => binding.kind === 'text')
  if (texts.length > 0) {
    blocks.push([`[${prefix}vars]`, ...texts.map((binding) => `${binding.name} = ${quote(binding.value)}`)])
  }
  const secrets = plan.bindings.filter((binding) => binding.kind === 'secret')
  if (secrets.length > 0) {
    // Only the names: a deploy is refused while a secret is not set, and `wrangler types` knows them.
    blocks.push([`[${prefix}secrets]`, `required = [${secrets.map((binding) => quote(binding.name)).join(', ')}]`])
  }
  if (plan.crons) blocks.push([`[${prefix}triggers]`, `crons = [${plan.crons.map(quote).join(', ')}]`])
  for (const className of plan.durableObjects) {
    blocks.push([`[${prefix}exports.${className}]`, 'type = "durable-object"', 'storage = "sqlite"'])
  }
  return [...blocks, ...plan.bindings.flatMap((binding) => bindingTable(prefix, binding, plan, region, regions))]
}

function bindingTable(
  prefix: string,
  binding: Binding,
  plan: WorkerPlan,
  region: Region,
  regions: readonly Region[],
): string[][] {
  switch (binding.kind) {
    case 'text':
    case 'secret':
      return []
    case 'service': {
      const owner = binding.region === undefined ? region : regionNamed(regions, binding.region)
      const service = planOf(binding.worker, owner, regions).deployedName
      const lines = [`[[${prefix}services]]`, `binding = ${quote(binding.name)}`, `service = ${quote(service)}`]
      return [binding.entrypoint === undefined ? lines : [...lines, `entrypoint = ${quote(binding.entrypoint)}`]]
    }
    case 'kv': {
      const id = binding.id === undefined ? [] : [`id = ${quote(binding.id)}`]
      return [[`[[${prefix}kv_namespaces]]`, `binding = ${quote(binding.name)}`, ...id]]
    }
    case 'r2': {
      const { name, bucket } = binding
      return [[`[[${prefix}r2_buckets]]`, `binding = ${quote(name)}`, `bucket_name = ${quote(bucket)}`]]
    }
    case 'durableObject': {
      const owner = planOf(binding.worker, region, regions).deployedName
      const lines = [
        `[[${prefix}durable_objects.bindings]]`,
        `name = ${quote(binding.name)}`,
        `class_name = ${quote(binding.className)}`,
      ]
      // Through the owner's name, so that deploying a stateless Worker never touches a shard.
      return [binding.worker === plan.worker ? lines : [...lines, `script_name = ${quote(owner)}`]]
    }
  }
}

/** A TOML basic string; JSON's escapes are a subset of TOML's. */
function quote(text: string): string {
  return JSON.stringify(text)
}
