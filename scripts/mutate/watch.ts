/** Set up in each test file of a mutant's run: says at once, past Vitest's batches, what begins and what failed. */
import { writeSync } from 'node:fs'
import { relative } from 'node:path'
import { beforeEach } from 'vitest'
import { MARK } from './marks.ts'

beforeEach(({ task, onTestFailed }) => {
  const names = [task.name]
  for (let suite = task.suite; suite !== undefined; suite = suite.suite) names.unshift(suite.name)
  const name = `${relative(process.cwd(), task.file.filepath)} > ${names.join(' > ')}`
  writeSync(1, `\n${MARK.begins}${name}\n`)
  onTestFailed(() => {
    writeSync(1, `\n${MARK.failed}${name}\n`)
  })
})
