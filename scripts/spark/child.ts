/** The engine as a process that Spark starts: `node child.mjs job.json`, Arrow in and out. Exits 0 only when all of it was computed. */
import { readFileSync } from 'node:fs'
import { runChild } from '../../src/offline/node/spark/child.ts'
import type { ChildJob } from '../../src/offline/node/spark/job.ts'

try {
  const job = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as ChildJob
  await runChild(job, process.stdin, process.stdout)
} catch (error) {
  console.error(error instanceof Error ? error.stack : error)
  process.exitCode = 1
  // Whoever feeds it may still be writing.
  process.stdin.destroy()
}
