/** Runs mutants, several side by side, and remembers what became of each. */
import { type Baseline, fileOf } from './baseline.ts'
import { hashOf, type Verdict, type VerdictCache } from './cache.ts'
import { keyOf, type Mutant } from './mutants.ts'
import type { Sandbox, Stage } from './sandbox.ts'

export interface Tried {
  readonly mutant: Mutant
  readonly verdict: Verdict
}

export interface Campaign {
  readonly mutants: readonly Mutant[]
  readonly sandboxes: readonly Sandbox[]
  readonly baseline: Baseline
  readonly cache: VerdictCache
  /** Tries also what the cache knows. */
  readonly again: boolean
  /** Whether to begin no further mutant. */
  readonly isEnding: () => boolean
  readonly onTried: (tried: Tried, isKnown: boolean) => void
}

const SAVED_EVERY = 10

/** In the order of `mutants`. */
export async function run({
  mutants,
  sandboxes,
  baseline,
  cache,
  again,
  isEnding,
  onTried,
}: Campaign): Promise<Tried[]> {
  const verdicts = new Map<Mutant, Verdict>()
  const kills = new Map<string, number>()
  const queue: Mutant[] = []
  for (const mutant of mutants) {
    const known = again ? undefined : cache.get(keyOf(mutant), hashOfFile(mutant), baseline.hash)
    if (known === undefined) queue.push(mutant)
    else settle(mutant, known, true)
  }
  const isAnyTried = queue.length > 0
  await Promise.all(sandboxes.map(work))
  cache.save()
  if (isAnyTried) await control()
  return mutants.flatMap((mutant) => {
    const verdict = verdicts.get(mutant)
    return verdict === undefined ? [] : [{ mutant, verdict }]
  })

  function stagesNow(): Stage[] {
    return baseline.stages.map((stage) => quickKillersFirst(stage, baseline.times, kills))
  }

  async function work(sandbox: Sandbox): Promise<void> {
    for (let mutant = queue.shift(); mutant !== undefined && !isEnding(); mutant = queue.shift()) {
      const { status, by } = await sandbox.try(mutant, stagesNow(), baseline.limit)
      const verdict: Verdict =
        status === 'passed' ? { status: 'survived' } : { status: 'killed', how: status, by: by ?? 'does not load' }
      cache.set(keyOf(mutant), hashOfFile(mutant), baseline.hash, verdict)
      settle(mutant, verdict, false)
      if (verdicts.size % SAVED_EVERY === 0) cache.save()
    }
  }

  /** A last run without a mutant: were a test to fail for its place in the order, or for a mutant left behind, it would have killed falsely. */
  async function control(): Promise<void> {
    for (const sandbox of sandboxes) {
      for (const stage of stagesNow()) {
        const { status, by } = await sandbox.run(stage, baseline.limit)
        if (status !== 'passed')
          throw new Error(`without a mutant ${by ?? 'a test file'} ${status}: what it killed is not to be trusted`)
      }
    }
  }

  function settle(mutant: Mutant, verdict: Verdict, isKnown: boolean): void {
    verdicts.set(mutant, verdict)
    if (verdict.status === 'killed') kills.set(fileOf(verdict.by), (kills.get(fileOf(verdict.by)) ?? 0) + 1)
    onTried({ mutant, verdict }, isKnown)
  }

  function hashOfFile({ file }: Mutant): string {
    return hashOf(sandboxes[0]?.original(file) ?? '')
  }
}

/** What killed most in the least time goes first. */
function quickKillersFirst(
  stage: Stage,
  times: ReadonlyMap<string, number>,
  kills: ReadonlyMap<string, number>,
): Stage {
  const worth = (test: string) => ((kills.get(test) ?? 0) + 1) / ((times.get(test) ?? 0) + 300)
  return { ...stage, tests: stage.tests.toSorted((a, b) => worth(b) - worth(a)) }
}
