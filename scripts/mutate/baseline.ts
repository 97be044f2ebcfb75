/** The tests as they are without a mutant: which of them pass, and how long each takes. */
import { hashOf } from './cache.ts'
import type { Sandbox, Stage, TimeLimit } from './sandbox.ts'

export interface Baseline {
  readonly stages: readonly Stage[]
  /** Test files that fail without any mutant: they can tell nothing. */
  readonly leftOut: readonly string[]
  readonly limit: TimeLimit
  /** By test file, in ms. */
  readonly times: ReadonlyMap<string, number>
  /** Changes with every test. */
  readonly hash: string
}

/** Whole tests of the engine first, which share what they load; then those of what stands on it, which may not. */
const STAGES = [
  { pattern: 'test/engine/**/*.test.ts', isolate: false },
  { pattern: 'test/{define,contract,testing,docs}/**/*.test.ts', isolate: true },
]

const LONGEST_MS = 10 * 60_000
/** To load the code and begin the first test, on a machine that does other things too. */
const LOADING_MS = 30_000
const SLACK_MS = 5_000
const SLACK = 5

export async function measure(sandbox: Sandbox): Promise<Baseline> {
  const stages: Stage[] = []
  const leftOut: string[] = []
  const times = new Map<string, number>()
  for (const { pattern, isolate } of STAGES) {
    const stage = { tests: sandbox.files(pattern), isolate }
    const passing = await passingOf(sandbox, stage, leftOut)
    for (const [test, ms] of passing.times) times.set(test, ms)
    // A run of no tests would fail, and so kill everything.
    if (passing.stage.tests.length > 0) stages.push(passing.stage)
  }
  if (stages.length === 0) throw new Error('no test passes without a mutant: mend the tests first')
  const limit: TimeLimit = (test) =>
    test === undefined ? LOADING_MS : SLACK_MS + Math.max(1_000, times.get(test) ?? LOADING_MS) * SLACK
  return { stages, leftOut, limit, times: byFile(times), hash: hashOf(...testTexts(sandbox)) }
}

async function passingOf(sandbox: Sandbox, stage: Stage, leftOut: string[]) {
  const first = await sandbox.run(stage, () => LONGEST_MS)
  if (first.status === 'passed') return { stage, times: first.times }
  const tests: string[] = []
  for (const test of stage.tests) {
    const { status } = await sandbox.run({ tests: [test], isolate: true }, () => LONGEST_MS)
    if (status === 'passed') tests.push(test)
    else leftOut.push(test)
  }
  if (tests.length === 0) return { stage: { ...stage, tests }, times: new Map<string, number>() }
  const second = await sandbox.run({ ...stage, tests }, () => LONGEST_MS)
  if (second.status === 'passed') return { stage: { ...stage, tests }, times: second.times }
  throw new Error(
    `${second.by ?? tests.join(', ')} passes alone and fails after others: it finds what they left behind`,
  )
}

function byFile(times: ReadonlyMap<string, number>): Map<string, number> {
  const sums = new Map<string, number>()
  for (const [test, ms] of times) sums.set(fileOf(test), (sums.get(fileOf(test)) ?? 0) + ms)
  return sums
}

/** The file of a test's full name. */
export function fileOf(test: string): string {
  return test.split(' > ')[0] ?? ''
}

function testTexts(sandbox: Sandbox): string[] {
  return sandbox.files('test/**/*.ts').flatMap((file) => [file, sandbox.original(file)])
}
