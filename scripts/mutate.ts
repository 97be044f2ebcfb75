/**
 * `npm run mutate`: changes src/engine in small ways, one at a time, and looks whether a test notices. Own and not Stryker:
 * that has no sample and no seed, needs a workaround beside TypeScript 7, and brings 200 packages; the parser is Vitest's.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { measure } from './mutate/baseline.ts'
import { VerdictCache } from './mutate/cache.ts'
import { run } from './mutate/campaign.ts'
import { byKey, readJudged, stale } from './mutate/judged.ts'
import { keyOf, mutantsOf } from './mutate/mutants.ts'
import { MutationProgress } from './mutate/progress.ts'
import { asJson, asText, percent, scoreOf } from './mutate/report.ts'
import { sampleOf } from './mutate/sample.ts'
import { Sandbox } from './mutate/sandbox.ts'

const HELP = `npm run mutate: changes src/engine in small ways, one at a time, and looks whether a test notices.

  npm run mutate                              a sample of 1000 mutants, seed 1
  npm run mutate -- --sample 150 --seed 7     another, smaller one
  npm run mutate -- --file tiles.ts           only files with this in their path

  --sample N   how many are drawn (default 1000)
  --seed N     of the draw (default 1): the same seed and code give the same mutants
  --file TEXT  draw only from files with this in their path
  --least P    exits 1 with a score below (default 85, in percent)
  --workers N  side by side (default 2)
  --again      tries also those that are known from an earlier run, and those that were judged
  --json F     writes the result to the file F too
  --help       this text

A mutant that is known is not tried again while its file is the same: one that was killed stays so, a survivor is
tried again when a test has changed. Known verdicts: .tidemark/mutate/cache.json. Survivors that change no behaviour go to
scripts/mutate/judged.json, with the reason; they are not counted.
`

/** The oracle is made of it, and it is no part of the engine. */
const NAIVE = 'src/engine/naive.ts'

const values = readOptions()
if (values.help) console.log(HELP)
else await main()

function readOptions() {
  try {
    return parseArgs({
      options: {
        sample: { type: 'string', default: '1000' },
        seed: { type: 'string', default: '1' },
        file: { type: 'string', default: '' },
        least: { type: 'string', default: '85' },
        workers: { type: 'string', default: '2' },
        again: { type: 'boolean', default: false },
        json: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error))
  }
}

async function main(): Promise<void> {
  const [count, seed, workers] = [wholeNumber('sample'), wholeNumber('seed'), Math.max(1, wholeNumber('workers'))]
  const least = wholeNumber('least') / 100
  const sandboxes = Array.from({ length: workers }, () => new Sandbox())
  const cache = new VerdictCache()
  process.on('exit', () => {
    for (const sandbox of sandboxes) sandbox.remove()
  })
  let isEnding = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      cache.save()
      if (isEnding) process.exit(130)
      isEnding = true
      console.error('\nending with the mutants under way, then the report; once more ends at once')
    })
  }
  const [sandbox] = sandboxes as [Sandbox, ...Sandbox[]]
  const files = sandbox.files('src/engine/**/*.ts').filter((file) => file !== NAIVE)
  const all = files.flatMap((file) => mutantsOf(file, sandbox.original(file)))
  const drawn = sampleOf(
    all.filter(({ file }) => file.includes(values.file)),
    count,
    seed,
  )
  const known = readJudged()
  const judgedOf = byKey(known)
  const judged = drawn.flatMap((mutant) => {
    const why = judgedOf.get(keyOf(mutant))?.why
    return why === undefined ? [] : [{ ...mutant, why }]
  })
  console.log(
    `${drawn.length} of ${all.length.toLocaleString('en')} mutants, seed ${seed}; the tests without a mutant first`,
  )
  const baseline = await measure(sandbox)
  const mutants = values.again ? drawn : drawn.filter((mutant) => !judgedOf.has(keyOf(mutant)))
  const progress = new MutationProgress(process.stderr, mutants.length, Date.now)
  const tried = await run({
    mutants,
    sandboxes,
    baseline,
    cache,
    again: values.again,
    isEnding: () => isEnding,
    onTried: ({ verdict }, isKnown) => progress.add(verdict.status, isKnown),
  })
  for (const { mutant, verdict } of tried) {
    if (verdict.status !== 'killed' || !judgedOf.has(keyOf(mutant))) continue
    console.log(`judged to change nothing, but killed: ${mutant.file}:${mutant.line} ${mutant.to}, by ${verdict.by}`)
  }
  const counted = tried.filter(({ mutant }) => !judgedOf.has(keyOf(mutant)))
  const result = {
    seed,
    outOf: all.length,
    tried: counted,
    judged,
    stale: stale(known, all),
    leftOut: baseline.leftOut,
  }
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(asJson(result), null, 2)}\n`)
  console.log(asText(result))
  if (scoreOf(counted) < least) {
    console.error(`below ${percent(least)}: write a test for each survivor, or judge it`)
    process.exitCode = 1
  }
  process.exit()
}

function wholeNumber(option: 'sample' | 'seed' | 'workers' | 'least'): number {
  const value = Number(values[option])
  if (Number.isSafeInteger(value) && value >= 0) return value
  return fail(`--${option} takes a whole number, for example --${option} 7; got "${values[option]}".`)
}

function fail(problem: string): never {
  console.error(`${problem}\n\n${HELP}`)
  process.exit(2)
}
