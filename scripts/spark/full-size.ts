/** The sets of the bench, even and skewed: how long this machine takes alone and by Spark, and whether they are the same. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDuck } from '../../src/offline/node/duck.ts'
import { trainingSet } from '../../src/offline/node/index.ts'
import { spec, writeLabels, writeLog } from '../bench/training-data.ts'
import { differences } from './compare.ts'
import { type SparkOptions, type SparkSet, sparkEngine } from './engine.ts'

export interface Size {
  readonly events: number
  readonly labels: number
  readonly users: number
  /** @see LogSize */
  readonly skew: number
}

export interface Timed {
  readonly hereSeconds: number
  readonly sparkSeconds: number
  readonly children: number
  readonly childPeakMb: number
  readonly differences: readonly string[]
}

export async function timed(size: Size, options: SparkOptions): Promise<Timed> {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-spark-'))
  try {
    await makeData(folder, size)
    const base = { definitions: { spec }, service: 'bench', labels: join(folder, 'labels.parquet'), log: folder }
    const [here, there] = [join(folder, 'here.parquet'), join(folder, 'there')]
    let started = performance.now()
    const alone = await trainingSet({ ...base, out: here })
    const hereSeconds = (performance.now() - started) / 1_000
    let said: SparkSet | undefined
    started = performance.now()
    const engine = sparkEngine(options, (made) => {
      said = made
    })
    const bySpark = await trainingSet({ ...base, out: there, engine })
    const sparkSeconds = (performance.now() - started) / 1_000
    const found = await differences({ manifest: alone, out: here }, { manifest: bySpark, out: there }, folder)
    const { children = 0, childPeakMb = 0 } = said ?? {}
    return { hereSeconds, sparkSeconds, children, childPeakMb, differences: found }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function makeData(folder: string, { events, labels, users, skew }: Size): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const { connection, instance } = await openDuck({ threads: 2, memoryMb: 1_000, temporary: folder })
  await writeLog(connection, folder, { events, users, skew, segments: 12, lateMs: 3_600_000 })
  await writeLabels(connection, folder, { labels, users, skew })
  connection.closeSync()
  instance.closeSync()
}
