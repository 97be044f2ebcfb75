/**
 * `npx tidemark parity`: recomputes vectors that were served from the log at the commits that they had seen, and says which are not
 * the same, bit for bit. Exit codes: 0 none, 1 it failed, 2 the command line is wrong, 3 mismatches.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { ParityReport } from '../src/offline/node/index.ts'
import { paint } from './lib/terminal.ts'
import { UsageError } from './lib/usage-error.ts'
import { openPlaces } from './parity/logs.ts'
import { type Options, parseOptions, spanOf } from './parity/options.ts'
import { reportText } from './parity/render.ts'
import { runParity } from './parity/run.ts'
import { Progress } from './start/progress.ts'

const EXIT = { failed: 1, usage: 2, mismatches: 3 } as const
/** A log that is behind is looked at again after this, ms. */
const LOOK_AGAIN_MS = 5_000

try {
  process.exitCode = await main(parseOptions(process.argv.slice(2)))
} catch (error) {
  console.error(`tidemark parity: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = error instanceof UsageError ? EXIT.usage : EXIT.failed
}

async function main(options: Options): Promise<number> {
  const stopped = new AbortController()
  if (options.everyMs !== undefined) process.once('SIGINT', () => stopped.abort())
  let code = 0
  for (;;) {
    const began = Date.now()
    try {
      const report = await once(options)
      if (report.vectors.mismatched > 0) code = EXIT.mismatches
    } catch (error) {
      // One run of many that fails is told; what comes next may go well.
      if (options.everyMs === undefined) throw error
      console.error(`tidemark parity: ${error instanceof Error ? error.message : String(error)}`)
    }
    if (options.everyMs === undefined) return code
    await pause(Math.max(0, began + options.everyMs - Date.now()), undefined, { signal: stopped.signal }).catch(
      () => {},
    )
    if (stopped.signal.aborted) return code
    if (!options.json) console.log('')
  }
}

function notSaved(error: unknown): undefined {
  console.error(
    `The report was not kept: ${error instanceof Error ? error.message : String(error)} (--no-save leaves it)`,
  )
}

async function once(options: Options): Promise<ParityReport> {
  const places = openPlaces(options.logs)
  const span = spanOf(options, Date.now())
  const deadline = Date.now() + options.waitMs
  for (;;) {
    let progress: Progress | undefined
    const report = await runParity(places, options, span, (done, of) => {
      // A single batch is over before anybody has looked.
      if (options.json || (progress === undefined && done === of)) return
      progress ??= new Progress(process.stderr, of, () => performance.now(), 'vectors')
      progress.update(done)
    })
    if (report.vectors.skipped.behind > 0 && Date.now() < deadline) {
      await pause(Math.min(LOOK_AGAIN_MS, Math.max(0, deadline - Date.now())))
      continue
    }
    // A token that may only read has done its work: the report is on the terminal.
    const saved = options.save ? await places[0]?.save(report).catch(notSaved) : undefined
    if (options.json) console.log(JSON.stringify(report))
    else {
      console.log(reportText(report, paint(process.stdout)))
      if (saved !== undefined) console.log(`\nKept as ${saved}.`)
    }
    return report
  }
}
