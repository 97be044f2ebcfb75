/**
 * Counts of a suite, left in `.tidemark/results/NAME.json` for `.ci/run`, which prints the sum of all suites. Every suite
 * that CI runs writes one.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder } from './paths.ts'

export interface Counts {
  readonly passed: number
  readonly failed: number
}

export function writeResults(suite: string, counts: Counts): void {
  const folder = join(cacheFolder, 'results')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, `${suite}.json`), `${JSON.stringify(counts)}\n`)
}
