/** `npm run test:spark`: sets by Spark on this machine against the same by one process, bit for bit. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type TrainingSetOptions, trainingSet } from '../src/offline/node/index.ts'
import { random } from '../test/support/random.ts'
import { type RichLog, writeRichLog } from '../test/support/rich-log.ts'
import { writeResults } from './lib/results.ts'
import { installSpark, isSparkThere } from './peers/spark.ts'
import { differences } from './spark/compare.ts'
import { type SparkOptions, sparkEngine } from './spark/engine.ts'
import { timed } from './spark/full-size.ts'

const HELP = `npm run test:spark: training sets by Apache Spark on this machine, against the same by one process, bit for bit.

  npm run test:spark              everything, with 3,000,000 events and 1,000,000 labels, even and skewed: some minutes
  npm run test:spark -- --quick   small sets of all types of values, and processes that are killed
  npm run test:spark -- killed    only tests with "killed" in their name

Needs JDK 17 and Python 3.10 with venv; downloads about 500 MB the first time (npm run spark:setup does only that).
`

const MASTER = 'local[2]'
/** Of the JVM: Spark spills what does not fit. */
const MEMORY = 'spark.driver.memory=1g'
const SEED = 20_261_121
/** One machine's memory must not grow with the size of an entity by more. */
const MOST_GROWTH = 1.3
const DEATHS = 2

interface Test {
  readonly name: string
  readonly isLarge?: true
  /** What is wrong; else what was measured, in words. */
  run(folder: string): Promise<{ readonly problems: readonly string[]; readonly told?: string }>
}

const spark = (more: SparkOptions = {}): SparkOptions => ({ master: MASTER, conf: [MEMORY], ...more })
const dying = (deaths: number, folder: string): void => {
  mkdirSync(folder, { recursive: true })
  process.env.TIDEMARK_TEST_DIES = `${folder}:${deaths}`
}
const DOOMED = join(import.meta.dirname, 'spark', 'child-that-dies.ts')

const options = ({ spec, labels, folder }: RichLog, mode: string): Omit<TrainingSetOptions, 'out'> => ({
  definitions: { spec },
  service: 'all',
  labels,
  log: folder,
  mode,
  columns: { region: 'served' },
  publishLagMs: 60_000,
  status: true,
  split: 'hash:0.7',
})

async function same(folder: string, mode: string, how: SparkOptions): Promise<string[]> {
  const log = await writeRichLog(random(SEED), join(folder, 'log'), 6_000, 900)
  const [here, there] = [join(folder, 'here.parquet'), join(folder, 'there')]
  const alone = await trainingSet({ ...options(log, mode), out: here })
  const bySpark = await trainingSet({ ...options(log, mode), out: there, engine: sparkEngine(how) })
  return await differences({ manifest: alone, out: here }, { manifest: bySpark, out: there }, folder)
}

const sized = (name: string, skew: number): Test => ({
  name,
  isLarge: true,
  run: async () => {
    const size = { events: 3_000_000, labels: 1_000_000, users: 50_000, skew }
    const { hereSeconds, sparkSeconds, children, childPeakMb, differences: problems } = await timed(size, spark())
    const told = `one process ${hereSeconds.toFixed(1)} s, Spark ${sparkSeconds.toFixed(1)} s; the largest of ${children} processes of the engine had ${childPeakMb} MB`
    return { problems, told }
  },
})

const TESTS: readonly Test[] = [
  ...['as-served', 'lag:1m', 'ideal'].map(
    (mode): Test => ({
      name: `all types, two entities, tables, epochs, commits: ${mode}`,
      run: async (folder) => ({ problems: await same(folder, mode, spark()) }),
    }),
  ),
  {
    name: 'a process that is killed in the middle: Spark does its task again',
    run: async (folder) => {
      const deaths = join(folder, 'deaths')
      dying(DEATHS, deaths)
      // The second number is how often a task may fail.
      const problems = await same(folder, 'as-served', spark({ master: 'local[2,4]', child: DOOMED }))
      const died = readdirSync(deaths).length
      return { problems: died === DEATHS ? problems : [...problems, `${died} processes died, not ${DEATHS}`] }
    },
  },
  {
    name: 'processes that are killed each time: the set fails, and nothing is left',
    run: async (folder) => {
      dying(1_000, join(folder, 'deaths'))
      const failure = await same(folder, 'as-served', spark({ child: DOOMED })).then(
        () => 'it did not fail',
        (error: Error) => error.message,
      )
      const problems = /the engine did not compute its partition: it ended with code -9/.test(failure) ? [] : [failure]
      const left = ['there', 'there.manifest.json'].filter((name) => existsSync(join(folder, name)))
      return { problems: [...problems, ...left.map((name) => `${name} is left`)] }
    },
  },
  {
    name: 'one entity with all events: the memory of its process does not grow with them',
    run: async () => {
      const one = { users: 1, skew: 1, labels: 2_000 }
      const small = await timed({ ...one, events: 40_000 }, spark())
      const large = await timed({ ...one, events: 400_000 }, spark())
      const growth = large.childPeakMb / small.childPeakMb
      const problems = growth <= MOST_GROWTH ? [] : [`ten times the events took ${growth.toFixed(2)} times the memory`]
      const told = `${small.childPeakMb} MB for 40,000 events, ${large.childPeakMb} MB for 400,000`
      return { problems: [...small.differences, ...large.differences, ...problems], told }
    },
  },
  sized('3,000,000 events and 1,000,000 labels, even', 2),
  sized('3,000,000 events and 1,000,000 labels, skewed: one entity has a quarter of all', 8),
]

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    setup: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help) console.log(HELP)
else process.exitCode = await main()

/** The exit code. */
async function main(): Promise<number> {
  const startedMs = Date.now()
  try {
    await installSpark((line) => console.log(`spark: ${line}`))
  } catch (error) {
    console.error(`spark: ${error instanceof Error ? error.message : String(error)}`)
    if (!values.setup) writeResults('spark', { passed: 0, failed: 1 })
    return 1
  }
  if (values.setup) {
    console.log(`spark: ${isSparkThere() ? 'installed' : 'not installed'}`)
    return 0
  }
  const wanted = TESTS.filter(({ name }) => positionals.length === 0 || positionals.some((part) => name.includes(part)))
  const chosen = wanted.filter(({ isLarge }) => !(values.quick && isLarge))
  for (const { name } of wanted) {
    if (!chosen.some((test) => test.name === name)) console.log(`spark: skipped ${name}: too long for --quick`)
  }
  const counts = { passed: 0, failed: 0 }
  for (const test of chosen) {
    if (await passes(test)) counts.passed++
    else counts.failed++
  }
  // A name that nothing has is a mistake, and no success.
  if (chosen.length === 0) counts.failed++
  writeResults('spark', counts)
  const seconds = ((Date.now() - startedMs) / 1_000).toFixed(1)
  console.log(
    `spark: ${counts.passed} passed, ${counts.failed} failed, ${wanted.length - chosen.length} skipped, ${seconds} s`,
  )
  return counts.failed > 0 ? 1 : 0
}

async function passes({ name, run }: Test): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-test-spark-'))
  const startedMs = Date.now()
  try {
    const { problems, told } = await run(folder)
    const seconds = ((Date.now() - startedMs) / 1_000).toFixed(1)
    console.log(
      `${problems.length === 0 ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)${told === undefined ? '' : `: ${told}`}`,
    )
    for (const problem of problems) console.log(`     ${problem}`)
    return problems.length === 0
  } catch (error) {
    console.log(`FAIL ${name}\n     ${error instanceof Error ? error.message : String(error)}`)
    return false
  } finally {
    delete process.env.TIDEMARK_TEST_DIES
    rmSync(folder, { recursive: true, force: true })
  }
}
