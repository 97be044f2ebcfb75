/** The steps of `npm run check`. Each is a function that says whether it passed and what it has to show. */
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { bundleWorkers } from '../local/bundle.ts'
import { binary, cacheFolder } from './paths.ts'
import type { Counts } from './results.ts'
import { type RunResult, run } from './run.ts'

export interface StepResult extends RunResult {
  /** One short fact that is shown beside "ok". */
  readonly note?: string
  /** Tests it ran, when it is a suite. */
  readonly tests?: Counts
}

export interface Step {
  readonly name: string
  readonly run: () => Promise<StepResult>
}

/** Cheap and independent of each other: run side by side. */
export const quickSteps: readonly Step[] = [
  { name: 'format and lint', run: () => run(binary('biome'), ['ci', '--colors=off', '--max-diagnostics=20', '.']) },
  { name: 'layers', run: () => node('scripts/layers.ts') },
  { name: 'types', run: () => node('scripts/types.ts') },
  { name: 'generated files', run: () => node('scripts/generate.ts', '--check') },
]

/** Given both cores to themselves, one after the other: tests of whole processes are sensitive to a loaded machine. */
export const slowSteps: readonly Step[] = [
  { name: 'tests', run: tests },
  { name: 'deploy (dry run)', run: dryRunDeploy },
]

function node(...args: string[]): Promise<RunResult> {
  return run(process.execPath, args)
}

async function tests(): Promise<StepResult> {
  const reportFile = join(cacheFolder, 'vitest.json')
  rmSync(reportFile, { force: true })
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`]
  const result = await run(binary('vitest'), ['run', ...reporters], {
    env: { WRANGLER_SEND_METRICS: 'false', WRANGLER_HIDE_BANNER: 'true' },
    onOutput: (text) => process.stdout.write(text),
  })
  const counts = countsOf(reportFile)
  // Shown live already. A file that cannot be loaded fails the run without a failed test: it counts as one.
  const tests = result.ok ? counts : { passed: counts.passed, failed: Math.max(counts.failed, 1) }
  return { ok: result.ok && counts.passed > 0, output: '', note: `${counts.passed} tests`, tests }
}

function countsOf(reportFile: string): Counts {
  try {
    const report = JSON.parse(readFileSync(reportFile, 'utf8'))
    return { passed: Number(report.numPassedTests), failed: Number(report.numFailedTests) }
  } catch {
    return { passed: 0, failed: 0 }
  }
}

/** Every Worker is bundled as for an upload; a warning of Wrangler, or a bundle over its budget, fails. */
async function dryRunDeploy(): Promise<StepResult> {
  try {
    const bundles = await bundleWorkers({ fresh: true })
    const lines = bundles.map(({ worker, plan, gzipBytes }) => {
      const kiB = gzipBytes / 1024
      return { text: `${worker} ${kiB.toFixed(1)}/${plan.budgetKiB} KiB`, over: kiB > plan.budgetKiB }
    })
    const over = lines.filter((line) => line.over).map((line) => line.text)
    const mend = 'Look for a new, heavy import, or raise budgetKiB in scripts/lib/workers.ts with a reason.'
    return {
      ok: over.length === 0,
      output: over.length === 0 ? '' : `Over the budget: ${over.join(', ')}. ${mend}`,
      note: lines.map((line) => line.text).join(', '),
    }
  } catch (error) {
    return { ok: false, output: error instanceof Error ? error.message : String(error) }
  }
}
