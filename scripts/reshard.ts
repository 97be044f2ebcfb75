/**
 * `npx tidemark reshard --region NAME`: fills the shards of the next epoch, or opens those of one that is deployed. Exit codes:
 * 0 done (or nothing to do), 1 it failed, 2 the command line or regions.ts is wrong.
 */
import { existsSync } from 'node:fs'
import { relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Plan, type Region } from '../src/plan/index.ts'
import { didYouMean } from '../src/util/did-you-mean.ts'
import { loadDefinitions } from './lib/definitions-file.ts'
import { IngestClient } from './lib/ingest-client.ts'
import { paint } from './lib/terminal.ts'
import { UsageError } from './lib/usage-error.ts'
import { EpochsClient } from './reshard/client.ts'
import { type Options, parseOptions } from './reshard/options.ts'
import { reshardPlan } from './reshard/plan.ts'
import { doneText, planText } from './reshard/render.ts'
import { sizesOf, tasksOf, work } from './reshard/run.ts'

const EXIT = { failed: 1, usage: 2 } as const

try {
  process.exitCode = await run(parseOptions(process.argv.slice(2)))
} catch (error) {
  console.error(`tidemark reshard: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = error instanceof UsageError ? EXIT.usage : EXIT.failed
}

async function run(options: Options): Promise<number> {
  const region = await loadRegion(options)
  const definitions = new Plan(await loadDefinitions(options.definitionsFile))
  const client = new EpochsClient(new IngestClient(options.at, fetch))
  const plan = reshardPlan(region, definitions, await client.deployed())
  if (plan === null) {
    const how = `write next: { epoch: ${region.epoch + 1}, shards: ... } into it`
    console.log(
      options.json
        ? JSON.stringify({ region: region.name, step: null })
        : `Region ${region.name} changes nothing: regions.ts names no other epoch. To change a shard count, ${how}.`,
    )
    return 0
  }
  if ('problems' in plan) throw new UsageError(plan.problems.join('\n  '))
  const colours = paint(process.stdout)
  const sizes = await sizesOf(client, plan)
  if (!options.json) console.log(planText(region.name, plan, sizes, colours))
  if (options.dryRun) {
    const moves = plan.moves.map((move) => ({ ...move, shards: sizes.get(move) }))
    if (options.json) console.log(JSON.stringify({ region: region.name, ...plan, moves }))
    return 0
  }
  const outcomes = []
  // Entities, then tables: what a table still has to tell its entities must find them.
  for (const kind of ['entity', 'table'] as const) {
    const tasks = tasksOf(
      plan,
      plan.moves.filter((move) => move.kind === kind),
    )
    const done = await work(client, plan, tasks, options.concurrency, (count, { of, shard, status }) => {
      const copied = status.taken?.cells ?? 0
      process.stderr.write(`${count} of ${tasks.length}: ${of.kind} ${of.name}, shard ${shard}, ${copied} copied\n`)
    })
    outcomes.push(...done)
  }
  if (options.json) console.log(JSON.stringify({ region: region.name, ...plan, outcomes }))
  else console.log(`\n${doneText(region.name, plan, outcomes, colours)}`)
  return 0
}

async function loadRegion({ region: name, regionsFile }: Options): Promise<Region> {
  const shown = relative(process.cwd(), regionsFile)
  if (!existsSync(regionsFile)) throw new UsageError(`${shown} does not exist. Name the file that exports the regions.`)
  const loaded = (await import(pathToFileURL(regionsFile).href)) as {
    readonly regions?: readonly Region[]
    readonly app?: { readonly regions?: readonly Region[] }
  }
  const regions = loaded.regions ?? loaded.app?.regions
  if (regions === undefined) throw new UsageError(`${shown} exports no regions. Add: export const regions = [...]`)
  const found = regions.find((one) => one.name === name)
  if (found !== undefined) return found
  throw new UsageError(
    `${shown} has no region "${name}".${didYouMean(
      name,
      regions.map((one) => one.name),
    )}`,
  )
}
