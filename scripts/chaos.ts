/**
 * `npm run test:chaos`: workerd is killed at random moments under load, over and over, on the bundles of a deploy. Proves:
 * every acknowledged event is counted once, and nothing is counted twice, after the client's retries.
 */
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { type ChaosResult, runChaos } from './chaos/run.ts'
import { writeResults } from './lib/results.ts'

const FULL_KILLS = 100
const QUICK_KILLS = 25
const FULL_LIMIT_MS = 15 * 60_000
const QUICK_LIMIT_MS = 4 * 60_000

const HELP = `npm run test:chaos: kills workerd at random moments under load and counts everything afterwards.

  npm run test:chaos                    ${FULL_KILLS} kills
  npm run test:chaos -- --quick         ${QUICK_KILLS} kills, as CI does
  npm run test:chaos -- --seed 7        the same events and pauses as another run (not the same machine)
  npm run test:chaos -- --kills 10
`

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    seed: { type: 'string' },
    kills: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help) {
  console.log(HELP)
} else {
  const seed = Number(values.seed ?? randomInt(1, 1_000_000))
  const kills = Number(values.kills ?? (values.quick ? QUICK_KILLS : FULL_KILLS))
  if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(kills) || kills < 1) {
    console.error(`--seed and --kills take whole numbers.\n\n${HELP}`)
    process.exit(2)
  }
  const startedMs = Date.now()
  console.log(`chaos: seed ${seed}, ${kills} kills`)
  const timeLimitMs = values.quick ? QUICK_LIMIT_MS : FULL_LIMIT_MS
  const result = await runChaos({ seed, kills, timeLimitMs, say: (line) => console.log(line) })
  report(result, kills, seed, Date.now() - startedMs)
}

/** Each line of the summary is one test. */
function report(
  { kills, load, before, after, deadLetters }: ChaosResult,
  wanted: number,
  seed: number,
  ms: number,
): void {
  const checks: [string, readonly string[]][] = [
    [`${kills} kills`, kills < wanted ? [`only ${kills} of ${wanted} before the time was up`] : []],
    [
      `${load.truth.events} events acknowledged, ${load.repeated} sent again on purpose, ${load.retries} retries`,
      load.wrong,
    ],
    [`${before.counts} counts before the last kill`, before.wrong],
    [`${after.counts} counts from disk`, after.wrong],
    ['no dead letters', deadLetters > 0 ? [`${deadLetters} dead letters`] : []],
  ]
  for (const [what, wrong] of checks) {
    console.log(`${wrong.length === 0 ? 'ok    ' : 'FAILED'} ${what}`)
    for (const line of wrong) console.error(`       ${line}`)
  }
  const failed = checks.filter(([, wrong]) => wrong.length > 0).length
  writeResults('chaos', { passed: checks.length - failed, failed })
  console.log(`chaos: ${checks.length - failed} passed, ${failed} failed, ${(ms / 1000).toFixed(1)} s, seed ${seed}`)
  if (failed > 0) process.exitCode = 1
}
