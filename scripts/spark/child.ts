/** The engine as a process that Spark starts: `node child.mjs JOB`, Arrow in and out. Exits 0 only when all of it was computed. */
import { readFileSync } from 'node:fs'
import { runChild } from '../../src/offline/node/spark/child.ts'
import { readChildJob } from '../../src/offline/node/spark/job.ts'

try {
  await runChild(readChildJob(readFileSync(process.argv[2] ?? '')), process.stdin, process.stdout)
} catch (error) {
  console.error(error instanceof Error ? error.stack : error)
  process.exitCode = 1
  // Whoever feeds it may still be writing.
  process.stdin.destroy()
}
