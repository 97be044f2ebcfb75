/**
 * `npx tidemark train`: a point-in-time training set of a service from labels and the log. Exit codes: 0 done, 1 the labels or
 * the log cannot be used, or it was broken off, 2 the command line is wrong.
 */
import { resolve } from 'node:path'
import { regions } from '../regions.ts'
import { readSetManifest, type TrainingProgress, trainingSet } from '../src/offline/node/index.ts'
import { loadDefinitions } from './lib/definitions-file.ts'
import { freshLog } from './lib/fresh-log.ts'
import { paint } from './lib/terminal.ts'
import { UsageError } from './lib/usage-error.ts'
import { type SparkProgress, sparkEngine } from './spark/engine.ts'
import { Progress } from './start/progress.ts'
import { type Options, parseOptions } from './train-set/options.ts'
import { setText } from './train-set/render.ts'

const EXIT = { failed: 1, usage: 2 } as const

try {
  await run(parseOptions(process.argv.slice(2)))
} catch (error) {
  console.error(`tidemark train: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = error instanceof UsageError ? EXIT.usage : EXIT.failed
}

async function run(options: Options): Promise<void> {
  const { definitions, log, manifest, json, spark, service = '', ...rest } = options
  const again = manifest === undefined ? undefined : readSetManifest(manifest)
  const spec = await loadDefinitions(resolve(definitions))
  const stopped = new AbortController()
  const stop = (): void => stopped.abort(new Error('broken off; nothing was written'))
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  const set = await trainingSet({
    ...rest,
    definitions: { spec },
    service,
    log: await freshLog(
      log,
      regions,
      spec.entities.map(({ name }) => name),
    ),
    signal: stopped.signal,
    onProgress: progressOf(json),
    ...(again && { again }),
    ...(spark && { engine: sparkEngine({ ...spark, onProgress: tasksOf(json), say: (line) => console.error(line) }) }),
  })
  console.log(json ? JSON.stringify({ out: options.out, ...set }) : setText(set, options.out, paint(process.stdout)))
}

/** What Spark is at, as tasks: on a terminal over itself, else a line for each step. */
function tasksOf(isQuiet: boolean): (progress: SparkProgress) => void {
  if (isQuiet) return () => {}
  let before: string | undefined
  return ({ step, done, total }) => {
    const text = `Spark: ${step}, ${done} of ${total} tasks`
    if (process.stderr.isTTY) process.stderr.write(`\r${text}\u001b[K`)
    else if (step !== before) console.error(`Spark: ${step}`)
    before = step
  }
}

/** A bar over the labels; the steps before are said on a terminal. */
function progressOf(isQuiet: boolean): (progress: TrainingProgress) => void {
  if (isQuiet) return () => {}
  let bar: Progress | undefined
  return ({ step, done, total }) => {
    if (step !== 'values') return
    bar ??= new Progress(process.stderr, total, () => Date.now(), 'labels')
    bar.update(done)
  }
}
