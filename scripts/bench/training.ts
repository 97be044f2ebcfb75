/** Training sets from files: labels a second and peak memory, beside DuckDB's own range windows over the same data. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDuck } from '../../src/offline/node/duck.ts'
import { grouped } from '../start/progress.ts'
import type { BenchOptions, Result } from './rows.ts'
import { writeLabels, writeLog } from './training-data.ts'

const SEGMENTS = 12
const USERS = 50_000

/** What a child says of its work. */
interface Told {
  readonly seconds: number
  readonly peakMb: number
  readonly sums: readonly number[]
}

export async function* training({ quick, say }: BenchOptions): AsyncGenerator<Result> {
  const [events, labels] = quick ? [150_000, 50_000] : [3_000_000, 1_000_000]
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-bench-'))
  try {
    say(`training: ${grouped(events)} events and ${grouped(labels)} labels of ${grouped(USERS)} users, 20 features`)
    await makeData(folder, events, labels)
    const own = await child(folder, 'tidemark')
    say(`training: ${own.seconds.toFixed(1)} s; now DuckDB's range windows over the same files`)
    const sql = await child(folder, 'sql')
    const perSecond = (told: Told): number => Math.round(labels / told.seconds)
    const apart = own.sums.map((sum, i) => Math.abs(sum / (sql.sums[i] ?? Number.NaN) - 1))
    // Users with more rows in a window than are kept as rows are counted by tiles there, which says `exact: false`.
    const agrees = `sums of columns differ by at most ${(100 * Math.max(...apart)).toFixed(3)}% (tiles of the busiest users)`
    yield {
      name: 'training.rows_per_s',
      value: perSecond(own),
      unit: 'rows/s',
      noop: perSecond(sql),
      note: `beside range windows of DuckDB; ${agrees}`,
    }
    yield {
      name: 'training.peak_mb',
      value: own.peakMb,
      unit: 'MB',
      noop: sql.peakMb,
      note: 'of the whole process, threads included',
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A process of its own, for its memory. */
function child(folder: string, what: 'tidemark' | 'sql'): Promise<Told> {
  const file = join(import.meta.dirname, 'training-child.ts')
  const run = spawn(process.execPath, [file, what, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  run.stdout.on('data', (piece) => {
    text += String(piece)
  })
  return new Promise((resolve, reject) => {
    run.on('error', reject)
    run.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(text) as Told)
      else reject(new Error(`the bench of ${what} ended with code ${code}`))
    })
  })
}

/** A log as a shard would have written it, and labels. Events arrive as they happen, so that SQL has the same to say. */
async function makeData(folder: string, events: number, labels: number): Promise<void> {
  const { connection, instance } = await openDuck({ threads: 2, memoryMb: 1_000, temporary: folder })
  try {
    await writeLog(connection, folder, { events, users: USERS, segments: SEGMENTS, lateMs: 0 })
    await writeLabels(connection, folder, { labels, users: USERS })
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}
