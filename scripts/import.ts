/**
 * `npx tidemark import --source NAME FILE...`: history that was never in the store, through the same contract as events. Exit
 * codes: 0 every row was taken or known, 1 it failed (started again it goes on), 2 the command line or a file is wrong, 3 done and
 * some rows were refused, 130 interrupted (started again it goes on).
 */
import { join } from 'node:path'
import { Plan, type SourceRuntime } from '../src/plan/index.ts'
import { didYouMean } from '../src/util/did-you-mean.ts'
import { Bar } from './import/bar.ts'
import { rowCheck } from './import/check.ts'
import { columnMap, type Wanted } from './import/columns.ts'
import { findFiles } from './import/files.ts'
import { openFile } from './import/open.ts'
import { type Options, parseOptions } from './import/options.ts'
import { summaryJson, summaryText } from './import/render.ts'
import { FileError } from './import/row.ts'
import { dryRun, type Reading, type RunOptions, sampleFiles, sendAll } from './import/run.ts'
import { Sender, Stopped } from './import/send.ts'
import { ImportState } from './import/state.ts'
import { newTally, type Tally } from './import/tally.ts'
import { loadDefinitions } from './lib/definitions-file.ts'
import { cacheFolder } from './lib/paths.ts'
import { paint } from './lib/terminal.ts'
import { UsageError } from './lib/usage-error.ts'
import { grouped } from './start/progress.ts'

const EXIT = { failed: 1, usage: 2, someRefused: 3, interrupted: 130 } as const

let isStopped = false
const waits = new Set<() => void>()
/** The first Ctrl-C ends what is on its way, the second the process. */
process.on('SIGINT', () => {
  if (isStopped) process.exit(EXIT.interrupted)
  isStopped = true
  for (const wake of waits) wake()
})

try {
  process.exitCode = await run(parseOptions(process.argv.slice(2)))
} catch (error) {
  console.error(`tidemark import: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = error instanceof UsageError ? EXIT.usage : EXIT.failed
}

async function run(options: Options): Promise<number> {
  const { json, address } = options
  const source = await sourceNamed(options)
  const files = findFiles(options.paths, options.format)
  const wanted: Wanted = {
    source: source.spec,
    map: columnMap(options.map, source.spec),
    rule: options.rule,
    toUtc: options.toUtc,
  }
  const readings: Reading[] = []
  const check = rowCheck(source, Date.now)
  try {
    for (const file of files) readings.push({ file, open: await openFile(file, wanted) })
    await sampleFiles(readings, check)
  } catch (error) {
    // Before any row was sent, so it is what was asked for that is wrong.
    throw error instanceof FileError ? new UsageError(error.message) : error
  }
  if (source.spec.enrich && !json) {
    const what = `${source.spec.name} is enriched: each row takes what its tables hold now, not what they held then`
    console.error(`Note: ${what} (docs/import.md).`)
  }
  const { knownAt, timeZone, map } = options
  const identity = { url: address.url, source: source.spec.name, knownAt, timeZone, map, files }
  const state = new ImportState(join(cacheFolder, 'imports'), identity, Date.now)
  if (options.restart) state.forget()
  const before = options.dryRun ? undefined : state.read()
  const tally: Tally = before?.tally ?? newTally()
  const startedMs = performance.now()
  const summary = () => ({
    source: source.spec.name,
    files: files.length,
    seconds: (performance.now() - startedMs) / 1000,
    isDryRun: options.dryRun,
    tally,
  })
  if (before && !json) {
    const where = `${files[before.file]?.name}:${before.line}`
    console.error(`Going on behind ${where}, ${grouped(tally.rows)} rows; --restart begins anew.`)
  }
  let share = before?.share ?? 0
  const bar = new Bar(json ? { write: () => {} } : process.stderr, () => performance.now(), { share, ...tally })
  const running: RunOptions = {
    ...options,
    files: readings,
    now: () => performance.now(),
    pause,
    isStopped: () => isStopped,
    advanced: (sum, now) => {
      share = now
      bar.update({ share, ...sum })
    },
  }
  try {
    if (options.dryRun) await dryRun(running, check, tally)
    else {
      const sender = new Sender({
        ...{ address, source: source.spec.name, fetch, pause },
        isStopped: () => isStopped,
        waiting: (why) => bar.say(`  waiting: ${why}`),
      })
      await sendAll(running, sender, state, before ?? { file: 0, line: 0, share: 0, tally })
      state.forget()
    }
  } catch (error) {
    bar.end({ share, ...tally })
    if (json) console.log(summaryJson(summary(), false))
    if (isStopped && error instanceof Stopped) {
      if (!options.dryRun) console.error(goOn('Interrupted', tally))
      return EXIT.interrupted
    }
    if (!options.dryRun) console.error(goOn('Stopped', tally))
    throw error
  }
  bar.end({ share: 1, ...tally })
  console.log(json ? summaryJson(summary(), true) : summaryText(summary(), paint(process.stdout)))
  return tally.refused > 0 ? EXIT.someRefused : 0
}

async function sourceNamed({ source, definitions, address }: Options): Promise<SourceRuntime> {
  const plan = new Plan(await loadDefinitions(definitions))
  const found = plan.sources.get(source)
  if (found === undefined)
    throw new UsageError(`there is no source "${source}".${didYouMean(source, [...plan.sources.keys()])}`)
  if (found.table === null) return found
  const how =
    'let Debezium take a snapshot (npx tidemark source NAME --debezium), or import the history into a streamSource(...)'
  throw new UsageError(
    `${source} at ${address.url} is a table, whose rows come from its database in the order of its changes: ${how}.`,
  )
}

function goOn(what: string, { rows }: Tally): string {
  const how = 'The same command goes on there; nothing is counted twice.'
  return `${what} after ${grouped(rows)} ${rows === 1 ? 'row' : 'rows'}. ${how}`
}

function pause(ms: number): Promise<void> {
  if (ms <= 0 || isStopped) return Promise.resolve()
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      waits.delete(done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    waits.add(done)
  })
}
