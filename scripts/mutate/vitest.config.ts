/** The tests of a mutant: in one thread, in the order that is given, up to the first that fails. */
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { FILES_VARIABLE } from './marks.ts'

const files: string[] = JSON.parse(process.env[FILES_VARIABLE] ?? '[]')

class InGivenOrder extends BaseSequencer {
  override async sort(specifications: TestSpecification[]): Promise<TestSpecification[]> {
    const placeOf = ({ moduleId }: TestSpecification) => files.findIndex((file) => moduleId.endsWith(file))
    return specifications.toSorted((a, b) => placeOf(a) - placeOf(b))
  }
}

export default defineConfig({
  cacheDir: '.vite',
  test: {
    include: files,
    setupFiles: [join(import.meta.dirname, 'watch.ts')],
    sequence: { sequencer: InGivenOrder },
    fileParallelism: false,
    pool: 'threads',
    // Whoever started the run watches the time.
    testTimeout: 600_000,
  },
})
