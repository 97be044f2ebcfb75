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
 * signal, when every worker has ended.
 */
export async function runWorkers(
  job: object,
  tasks: readonly BucketTask[],
  threads: number,
  signal: AbortSignal | undefined,
  onDone: (tally: TallyParts) => void,
): Promise<void> {
  const waiting = tasks.filter(({ folder, bucket }) => existsSync(`${folder}/labels/tm_bucket=${bucket}`))
  const workers: Worker[] = []
  const stop = (): void => {
    for (const worker of workers) void worker.terminate()
  }
  signal?.addEventListener('abort', stop)
  const one = async (): Promise<void> => {
    const worker = new Worker(FILE, { workerData: job, stderr: false })
    workers.push(worker)
    await new Promise<void>((resolve, reject) => {
      const next = (): void => {
        const task = waiting.shift()
        worker.postMessage(task ?? null)
      }
      worker.on('message', (answer: WorkerAnswer) => {
        if ('failed' in answer) {
          const { failed, row, stack } = answer
          const error = row === undefined ? new Error(failed) : new LabelProblem(row, failed)
          if (stack !== undefined) error.stack = stack
          reject(error)
          return
        }
        if ('done' in answer) onDone(answer.done)
        next()
      })
      worker.once('error', reject)
      // A worker that ends by itself has been told that nothing is left: any other end is a failure.
      worker.once('exit', (code) => {
        if (code === 0) resolve()
        else reject(new Error(`a worker ended with code ${code}`))
      })
    })
  }
  try {
    await Promise.all(Array.from({ length: Math.min(threads, Math.max(1, waiting.length)) }, one))
    signal?.throwIfAborted()
  } catch (error) {
    throw signal?.aborted ? signal.reason : error
  } finally {
    signal?.removeEventListener('abort', stop)
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
}
