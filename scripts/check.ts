/**
 * `npm run check`, the whole of what CI runs: one line a step, the output of those that failed, and an exit code. Every
 * step runs, also after a failure: one run shows all that is wrong.
 */
import { type Counts, writeResults } from './lib/results.ts'
import { quickSteps, type Step, type StepResult, slowSteps } from './lib/steps.ts'

interface Done {
  readonly step: Step
  readonly result: StepResult
}

const startedMs = Date.now()
const done: Done[] = await inOrder(quickSteps.map(timed))
for (const step of slowSteps) done.push(...(await inOrder([timed(step)])))

const failed = done.filter(({ result }) => !result.ok)
writeResults('check', total(done))
const seconds = ((Date.now() - startedMs) / 1000).toFixed(1)
if (failed.length === 0) {
  console.log(`\ncheck passed: ${done.length} steps in ${seconds} s`)
} else {
  console.error(`\ncheck FAILED in ${seconds} s: ${failed.map(({ step }) => step.name).join(', ')}`)
  process.exit(1)
}

async function timed(step: Step): Promise<{ step: Step; result: StepResult; ms: number }> {
  const beganMs = Date.now()
  return { step, result: await step.run(), ms: Date.now() - beganMs }
}

/** Prints results in the order of the steps, whichever ends first. */
async function inOrder(runs: readonly ReturnType<typeof timed>[]): Promise<Done[]> {
  const results: Done[] = []
  for (const run of runs) {
    const { step, result, ms } = await run
    const note = result.note === undefined ? '' : `  ${result.note}`
    console.log(
      `${step.name.padEnd(20)}${(result.ok ? 'ok' : 'FAILED').padEnd(8)}${(ms / 1000).toFixed(1).padStart(5)} s${note}`,
    )
    if (!result.ok && result.output.trim() !== '') console.error(`${result.output.trim()}\n`)
    results.push({ step, result })
  }
  return results
}

/** Tests count one by one, every other step as one check. */
function total(all: readonly Done[]): Counts {
  const counts = all.map(({ result }) => result.tests ?? { passed: result.ok ? 1 : 0, failed: result.ok ? 0 : 1 })
  return {
    passed: counts.reduce((sum, count) => sum + count.passed, 0),
    failed: counts.reduce((sum, count) => sum + count.failed, 0),
  }
}
