/**
 * `npm run oracle -- --minutes 10`: compares the engine with the naive oracle on random views, streams and reads, on every
 * core, and shrinks what differs to the least that does. Exits 1 when something did.
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { type Case, compare, randomCase } from '../test/oracle/agreement.ts'
import { compareJoin } from '../test/oracle/join-agreement.ts'
import { report, shrink } from '../test/oracle/shrink.ts'
import { random } from '../test/support/random.ts'

const HELP = `Compares the engine with the naive oracle on random cases.

  npm run oracle                          one minute, seeds from the clock
  npm run oracle -- --minutes 10          longer
  npm run oracle -- --seed 4711           one case again, to the letter

  --minutes N   how long to search (default 1)
  --first N     the first seed; each case has one of its own (default: from the clock)
  --seed N      only this case
  --workers N   threads (default: all cores)`

/** How many cases a thread does between two messages. */
const CASES_A_MESSAGE = 20
const MOST_FAILURES = 5
/** Joins are slow: their oracle looks at all pairs. */
const JOIN_EVERY = 4

interface Progress {
  readonly cases: number
  readonly checks: number
  readonly covered: Readonly<Record<string, number>>
  readonly failures: readonly { readonly seed: number; readonly text: string }[]
}

if (isMainThread) await main()
else search(workerData as { first: number; step: number; endMs: number })

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '1' },
      first: { type: 'string' },
      seed: { type: 'string' },
      workers: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(HELP)
    return
  }
  if (values.seed !== undefined) {
    const { checks, failure } = run(wholeNumber('--seed', values.seed))
    console.log(failure ?? `seed ${values.seed}: ${checks} checks agree`)
    process.exitCode = failure === undefined ? 0 : 1
    return
  }
  const minutes = Number(values.minutes)
  if (!(minutes > 0)) fail(`--minutes is a positive number; got ${values.minutes}.`)
  const first = values.first === undefined ? Date.now() % 1_000_000_000 : wholeNumber('--first', values.first)
  const workers = values.workers === undefined ? availableParallelism() : wholeNumber('--workers', values.workers)
  await searchAll(first, workers, minutes)
}

function wholeNumber(option: string, text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 0) fail(`${option} is a whole number; got ${text}.`)
  return value
}

function fail(problem: string): never {
  console.error(`${problem}\n\n${HELP}`)
  process.exit(2)
}

async function searchAll(first: number, workers: number, minutes: number): Promise<void> {
  console.log(`seeds from ${first} on, ${workers} threads, ${minutes} min`)
  const startMs = Date.now()
  const total = { cases: 0, checks: 0 }
  const covered: Record<string, number> = {}
  let failures = 0
  const threads = Array.from({ length: workers }, (_, i) => {
    const data = { first: first + i, step: workers, endMs: startMs + minutes * 60_000 }
    return new Worker(new URL(import.meta.url), { workerData: data })
  })
  const showTimer = setInterval(() => show(startMs, minutes, total, failures), process.stderr.isTTY ? 500 : 30_000)
  await Promise.all(
    threads.map(
      (thread) =>
        new Promise<void>((resolve, reject) => {
          thread.on('message', (progress: Progress) => {
            total.cases += progress.cases
            total.checks += progress.checks
            for (const [what, times] of Object.entries(progress.covered)) covered[what] = (covered[what] ?? 0) + times
            for (const { seed, text } of progress.failures) {
              console.log(`\nseed ${seed} differs\n${text}\n  again: npm run oracle -- --seed ${seed}\n`)
              if (++failures >= MOST_FAILURES) for (const other of threads) void other.terminate()
            }
          })
          thread.on('error', reject)
          thread.on('exit', () => resolve())
        }),
    ),
  )
  clearInterval(showTimer)
  show(startMs, minutes, total, failures)
  if (process.stderr.isTTY) process.stderr.write('\n')
  console.log(coverage(covered))
  const cases = `${total.cases.toLocaleString('en')} cases`
  console.log(`${total.checks.toLocaleString('en')} checks in ${cases}, ${failures} differ`)
  process.exitCode = failures > 0 ? 1 : 0
}

function show(startMs: number, minutes: number, total: { checks: number }, failures: number): void {
  const seconds = (Date.now() - startMs) / 1_000
  const part = Math.min(1, seconds / (minutes * 60))
  const bar = '#'.repeat(Math.round(part * 30)).padEnd(30, '.')
  const rate = Math.round(total.checks / seconds).toLocaleString('en')
  const line = `[${bar}] ${total.checks.toLocaleString('en')} checks, ${rate}/s, ${failures} differ`
  process.stderr.write(process.stderr.isTTY ? `\r${line}  ` : `${line}\n`)
}

/** What was compared how often, most first: a search that never meets something proves nothing of it. */
function coverage(covered: Readonly<Record<string, number>>): string {
  const lines = ['window', 'aggregate', 'status'].map((kind) => {
    const entries = Object.entries(covered).filter(([what]) => what.startsWith(`${kind} `))
    const sorted = entries.sort(([, a], [, b]) => b - a)
    return `${kind.padEnd(10)} ${sorted.map(([what, times]) => `${what.slice(kind.length + 1)} ${times.toLocaleString('en')}`).join(', ')}`
  })
  return lines.join('\n')
}

function search({ first, step, endMs }: { first: number; step: number; endMs: number }): void {
  for (let seed = first; Date.now() < endMs; ) {
    const covered: Record<string, number> = {}
    const failures: { seed: number; text: string }[] = []
    let checks = 0
    for (let i = 0; i < CASES_A_MESSAGE; i++, seed += step) {
      const result = run(seed)
      checks += result.checks
      if (result.failure !== undefined) failures.push({ seed, text: result.failure })
      for (const what of result.covered) covered[what] = (covered[what] ?? 0) + 1
    }
    parentPort?.postMessage({ cases: CASES_A_MESSAGE, checks, covered, failures } satisfies Progress)
  }
}

interface Result {
  readonly checks: number
  readonly covered: readonly string[]
  readonly failure?: string
}

/** A case over one source, and with every fourth seed one over a join, too. */
function run(seed: number): Result {
  const plain = runPlain(seed)
  if (seed % JOIN_EVERY > 0 || plain.failure !== undefined) return plain
  const { statuses, mismatches } = compareJoin(random(seed))
  const covered = statuses.flatMap((status) => ['window over a join', `status ${status} joined`])
  return {
    checks: plain.checks + statuses.length,
    covered: [...plain.covered, ...covered],
    ...(mismatches[0] !== undefined && { failure: mismatches[0] }),
  }
}

function runPlain(seed: number): Result {
  const found = randomCase(random(seed))
  try {
    const { checks, mismatches, statuses } = compare(found)
    const covered = [...featuresOf(found), ...statuses.map((status) => `status ${status}`)]
    return mismatches.length === 0 ? { checks, covered } : { checks, covered, failure: report(shrink(found)) }
  } catch {
    return { checks: 0, covered: [], failure: report(shrink(found)) }
  }
}

function featuresOf({ view, times }: Case): string[] {
  return view.features.flatMap(({ aggregate, groupBy, window }) => {
    const names = [
      `aggregate ${aggregate}${groupBy ? '.by' : ''}`,
      `window ${window.kind}${window.tailLimit ? '+tail' : ''}`,
    ]
    return times.flatMap(() => names)
  })
}
