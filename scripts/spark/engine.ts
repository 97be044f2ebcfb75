/** Makes training sets on Spark: prepares the labels here, hands the job to spark-submit, and counts what came back. */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { OfflineError } from '../../src/offline/node/index.ts'
import type { ChildNote } from '../../src/offline/node/spark/job.ts'
import { prepareSpark } from '../../src/offline/node/spark/prepare.ts'
import type { SetEngine, SetMade, SetWork } from '../../src/offline/node/training/set-engine.ts'
import { Tally } from '../../src/offline/node/training/tally.ts'
import { LabelProblem } from '../../src/offline/training/index.ts'
import { installSpark, type Spark } from '../peers/spark.ts'
import { bundleChild } from './bundle.ts'

export interface SparkOptions {
  /** `local[2]`, `yarn`, `spark://host:7077`; default local[*]. */
  readonly master?: string
  /** `name=value`. */
  readonly conf?: readonly string[]
  /** The Node on the machines that work; default this one where they are this machine, else `node`. */
  readonly node?: string
  /** A folder that all machines see, for what lies between; default a temporary one. */
  readonly work?: string
  /** The entry of the engine's process, for tests; default child.ts. */
  readonly child?: string
  readonly onProgress?: (progress: SparkProgress) => void
  readonly say?: (line: string) => void
}

/** Tasks of the stages that Spark is at. */
export interface SparkProgress {
  readonly step: 'rows' | 'values' | 'writing'
  readonly done: number
  readonly total: number
}

/** What Spark said last, kept for when it fails. */
const KEPT_LINES = 400
const DEFAULT_MASTER = 'local[*]'

interface Report {
  readonly notes: readonly (readonly ChildNote[])[]
  readonly written: number
}

/** What the processes of the engine said of themselves, besides. */
export interface SparkSet extends SetMade {
  /** The most memory that one of them had, MB. */
  readonly childPeakMb: number
  readonly children: number
}

/** An engine for {@link trainingSet}; `onMade` is told what the processes said of themselves. */
export function sparkEngine(options: SparkOptions, onMade: (made: SparkSet) => void = () => {}): SetEngine {
  return {
    make: async (work) => {
      const made = await make(options, work)
      onMade(made)
      return made
    },
  }
}

async function make(options: SparkOptions, work: SetWork): Promise<SparkSet> {
  const { master = DEFAULT_MASTER, say = () => {} } = options
  const spark = await installSpark(say)
  const folder = resolve(options.work ?? work.temporary)
  const child = join(folder, 'tidemark-child.mjs')
  await bundleChild(options.child ?? join(import.meta.dirname, 'child.ts'), child)
  const job = await prepareSpark(work, folder)
  const isLocal = master.startsWith('local')
  const node = options.node ?? (isLocal ? process.execPath : 'node')
  const files = [child, ...job.runs.map(({ child: name }) => join(folder, name))]
  const conf = ['spark.ui.enabled=false', 'spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs=false']
  const args = [
    ...['--master', master],
    ...[...conf, ...(options.conf ?? [])].flatMap((one) => ['--conf', one]),
    ...['--files', files.join(',')],
    ...[join(import.meta.dirname, 'tidemark_train.py'), join(folder, 'job.json'), node],
  ]
  await submit(spark, args, isLocal, work.signal, options.onProgress)
  const report = JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')) as Report
  const problem = firstProblem(report)
  if (problem !== undefined) throw problem
  removeChecksums(job.out)
  return { ...counted(work, report), ...said(report) }
}

async function submit(
  { submit: command, python, java }: Spark,
  args: readonly string[],
  isLocal: boolean,
  signal: AbortSignal | undefined,
  onProgress: SparkOptions['onProgress'],
): Promise<void> {
  signal?.throwIfAborted()
  const env = {
    ...process.env,
    JAVA_HOME: java,
    PYSPARK_PYTHON: process.env.PYSPARK_PYTHON ?? python,
    // On one machine nobody else has to reach it.
    ...(isLocal && { SPARK_LOCAL_IP: '127.0.0.1' }),
  }
  const run = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const kept: string[] = []
  const keep = (line: string): void => {
    if (!/ INFO | WARN /.test(line) && kept.push(line) > KEPT_LINES) kept.shift()
  }
  createInterface(run.stderr).on('line', keep)
  // Spark puts what the job's Python has on its standard error here too.
  createInterface(run.stdout).on('line', (line) => {
    if (line.startsWith('{"step"')) onProgress?.(JSON.parse(line) as SparkProgress)
    else keep(line)
  })
  // spark-submit ends what it has started when it is asked to.
  const stop = (): boolean => run.kill('SIGTERM')
  signal?.addEventListener('abort', stop)
  const code = await new Promise<number | null>((done, reject) => {
    run.on('error', (error) => reject(new OfflineError(`${command} could not be started: ${error.message}.`)))
    run.on('close', done)
  })
  signal?.removeEventListener('abort', stop)
  signal?.throwIfAborted()
  if (code !== 0) throw new OfflineError(`Spark ended with code ${code}. Nothing was written.\n${reasonOf(kept)}`)
}

/** Of what Spark says, which is long, what the engine said; else its end. */
function reasonOf(lines: readonly string[]): string {
  const at = lines.findLastIndex((line) => line.includes('the engine did not compute'))
  if (at >= 0) return lines.slice(at, at + 12).join('\n')
  return lines
    .filter((line) => line.trim() !== '')
    .slice(-25)
    .join('\n')
}

function firstProblem({ notes }: Report): LabelProblem | undefined {
  const problems = notes.flat().flatMap(({ problem }) => problem ?? [])
  const [first] = problems.sort((a, b) => a.row - b.row)
  return first && new LabelProblem(first.row, first.message)
}

function counted({ stages, rows }: SetWork, { notes, written }: Report): SetMade {
  const tallies = stages.map(({ stage }, run) => {
    const types = stage.features.map(({ feature }) => feature.resultType)
    const tally = new Tally(run, types)
    for (const { tally: part } of notes[run] ?? []) tally.merge(part)
    if (tally.rows !== rows) throw new Error(`of ${rows} labels ${tally.rows} came back, and nothing was written`)
    return tally.parts
  })
  const other = notes.flat().find(({ node }) => node !== process.version)
  if (other !== undefined)
    throw new OfflineError(
      `Spark's machines have Node ${other.node}, this one ${process.version}: values could differ in their last bit. ` +
        'Have the same one everywhere, and name it with --spark-node.',
    )
  return { tallies, written }
}

function said({ notes }: Report): Pick<SparkSet, 'childPeakMb' | 'children'> {
  const all = notes.flat()
  return { childPeakMb: Math.round(Math.max(0, ...all.map(({ peakKb }) => peakKb)) / 1_024), children: all.length }
}

/** Hadoop keeps a hidden checksum beside each file of a local folder; readers of Parquet need none. */
function removeChecksums(folder: string): void {
  if (!existsSync(folder)) return
  for (const name of readdirSync(folder)) if (name.endsWith('.crc')) rmSync(join(folder, name))
}
