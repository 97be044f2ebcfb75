/**
 * `npx tidemark log [status|compact|expire|sweep]`: how the log is, and keeping it in order. Exit codes: 0 done, 1 it failed or was not wanted after all
 * (run it again: it goes on), 2 the command line is wrong, 3 some was left, for somebody changed the log meanwhile.
 */
import { compact, expire, expiring, sweep } from '../src/offline/node/index.ts'
import { confirmed } from './lib/confirmed.ts'
import { clock, paint } from './lib/terminal.ts'
import { UsageError } from './lib/usage-error.ts'
import { type Options, parseOptions } from './log/options.ts'
import { type LogPlace, openPlace } from './log/place.ts'
import { statusOf, statusText } from './log/status.ts'
import { grouped, Progress } from './start/progress.ts'

const EXIT = { failed: 1, usage: 2, someLeft: 3 } as const

try {
  const options = parseOptions(process.argv.slice(2))
  const place = openPlace(options.at, options.memoryMb)
  try {
    process.exitCode = await run(options, place)
  } finally {
    place.close()
  }
} catch (error) {
  console.error(`tidemark log: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = error instanceof UsageError ? EXIT.usage : EXIT.failed
}

function run(options: Options, place: LogPlace): Promise<number> {
  switch (options.command) {
    case 'status':
      return status(options, place)
    case 'compact':
      return compacted(options, place)
    case 'expire':
      return expired(options, place)
    case 'sweep':
      return swept(options, place)
  }
}

async function status({ json }: Options, place: LogPlace): Promise<number> {
  const report = await statusOf(place)
  console.log(json ? JSON.stringify(report) : statusText(report, paint(process.stdout), Date.now()))
  return 0
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 2 : 0)} MB`
}

async function compacted({ json, all, days }: Options, { upkeep }: LogPlace): Promise<number> {
  const made = await compact(upkeep, { all, days }, progressOf(json, 'files'))
  if (json) console.log(JSON.stringify(made))
  else if (made.groups === 0 && made.left === 0)
    console.log(`Nothing to compact${all ? '' : ' of the days that are over; --all takes what arrived today, too'}.`)
  else {
    const { filesBefore, filesAfter, bytesBefore, bytesAfter, rows } = made
    const to = `${grouped(filesAfter)} of ${megabytes(bytesAfter)}`
    console.log(
      `${grouped(filesBefore)} files of ${megabytes(bytesBefore)} are ${to} now: ${grouped(rows)} rows, each as it was.`,
    )
  }
  if (made.left === 0) return 0
  console.error(`${grouped(made.left)} were left, for their log was changed meanwhile: run it again.`)
  return EXIT.someLeft
}

async function expired({ json, beforeMs, yes, dryRun }: Options, { upkeep }: LogPlace): Promise<number> {
  const found = await expiring(upkeep, beforeMs)
  const whole = found.flatMap((one) => one.whole)
  const part = found.flatMap((one) => one.part)
  const rows = whole.reduce((sum, segment) => sum + segment.rows, 0)
  if (!json) {
    console.log(`What arrived before ${clock(beforeMs)} UTC, in ${grouped(found.length)} shards:`)
    console.log(
      `  ${grouped(whole.length)} files go whole, with ${grouped(rows)} rows; of ${grouped(part.length)} some rows do.`,
    )
  }
  if (dryRun || found.length === 0) {
    if (json)
      console.log(JSON.stringify({ beforeMs, shards: found.length, files: whole.length, rows, rewritten: part.length }))
    else if (found.length === 0) console.log('Nothing was taken away.')
    return 0
  }
  const question = 'Take it away? Training sets and backfills that need it cannot be made any more. [y/N] '
  if (!yes && !(await confirmed(question, 'log expire'))) {
    console.error('Nothing was taken away.')
    return EXIT.failed
  }
  const made = await expire(upkeep, beforeMs, progressOf(json, 'shards'))
  if (json) console.log(JSON.stringify({ beforeMs, ...made }))
  else
    console.log(
      `${grouped(made.rows)} rows are gone: ${grouped(made.filesDropped)} files dropped, ${grouped(made.filesRewritten)} rewritten.`,
    )
  if (made.left.length === 0) return 0
  console.error(`Left, for their log was changed meanwhile: ${made.left.join(', ')}. Run it again.`)
  return EXIT.someLeft
}

async function swept({ json, graceMs, dryRun }: Options, { upkeep }: LogPlace): Promise<number> {
  const { deleted, young, foreign } = await sweep({ objects: upkeep.objects, now: upkeep.now, graceMs, isDry: dryRun })
  const bytes = deleted.reduce((sum, one) => sum + one.bytes, 0)
  if (json) {
    console.log(JSON.stringify({ deleted: deleted.map(({ key }) => key), bytes, young, foreign }))
    return 0
  }
  const verb = dryRun ? 'would be deleted' : 'were deleted'
  console.log(`${grouped(deleted.length)} files that no manifest names ${verb}, ${megabytes(bytes)}.`)
  if (young > 0) console.log(`${grouped(young)} are younger than the grace and stay.`)
  if (foreign.length > 0)
    console.log(
      `${grouped(foreign.length)} below log/ are no files of a log and stay: ${foreign.slice(0, 3).join(', ')}`,
    )
  return 0
}

function progressOf(isQuiet: boolean, what: string): (done: number, of: number) => void {
  let bar: Progress | undefined
  return (done, of) => {
    if (isQuiet || (bar === undefined && done === of)) return
    bar ??= new Progress(process.stderr, of, () => performance.now(), what)
    bar.update(done)
  }
}
