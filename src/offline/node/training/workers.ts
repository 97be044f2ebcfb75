import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { DefinitionsSpec, SourceSpec } from '../../../engine/index.ts'
import { LabelProblem, type LogPart } from '../../training/index.ts'
import type { TallyParts } from './tally.ts'

/** What a worker is told once. */
export interface WorkerJob {
  readonly definitions: DefinitionsSpec
  readonly entity: string
  /** `view.feature`, in the order of the set. */
  readonly features: readonly string[]
  readonly parts: readonly LogPart[]
  readonly run: number
  readonly withStatus: boolean
  readonly memoryMb: number
  readonly temporary: string
  readonly sources: readonly { readonly spec: SourceSpec; readonly fields: readonly number[] }[]
}

export interface WorkerStart {
  readonly job: WorkerJob
  /** Not 0: what is under way is not wanted any more. */
  readonly stop: Int32Array
}

export interface BucketTask {
  readonly bucket: number
  /** Where its labels and rows are. */
  readonly folder: string
  /** A folder, for the Parquet files of its results. */
  readonly output: string
}

export type WorkerAnswer =
  | { readonly ready: true }
  | { readonly done: TallyParts }
  | { readonly failed: string; readonly row?: number; readonly stack?: string }

/** Where the worker's file is: beside this one, as it is in the repository. */
const FILE = join(import.meta.dirname, 'worker.ts')

/**
 * Works through buckets, as many at a time as there are threads. Rejects with the first failure, or with the reason of the
 * signal, when every worker has ended by itself: to end one that is inside of DuckDB would end the process.
 */
export async function runWorkers(
  job: WorkerJob,
  tasks: readonly BucketTask[],
  threads: number,
  signal: AbortSignal | undefined,
  onDone: (tally: TallyParts) => void,
): Promise<void> {
  const waiting = tasks.filter(({ folder, bucket }) => existsSync(join(folder, 'labels', `tm_bucket=${bucket}`)))
  const stop = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
  const failures: unknown[] = []
  const fail = (error: unknown): void => {
    failures.push(error)
    Atomics.store(stop, 0, 1)
  }
  const onAbort = (): void => fail(signal?.reason)
  signal?.addEventListener('abort', onAbort)
  const one = (): Promise<void> =>
    new Promise((resolve) => {
      const worker = new Worker(FILE, { workerData: { job, stop } satisfies WorkerStart })
      worker.on('message', (answer: WorkerAnswer) => {
        if ('failed' in answer) fail(errorOf(answer))
        if ('done' in answer) onDone(answer.done)
        worker.postMessage((failures.length === 0 ? waiting.shift() : undefined) ?? null)
      })
      worker.once('error', fail)
      worker.once('exit', (code) => {
        if (code !== 0 && failures.length === 0) fail(new Error(`a worker ended with code ${code}`))
        resolve()
      })
    })
  await Promise.all(Array.from({ length: Math.min(threads, Math.max(1, waiting.length)) }, one))
  signal?.removeEventListener('abort', onAbort)
  if (failures.length > 0) throw failures[0]
}

function errorOf({ failed, row, stack }: Extract<WorkerAnswer, { failed: string }>): Error {
  const error = row === undefined ? new Error(failed) : new LabelProblem(row, failed)
  if (stack !== undefined) error.stack = stack
  return error
}
