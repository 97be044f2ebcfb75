/** Tests against real peers: `npm run test:interop`, which starts them and says where they are. */
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  root: join(import.meta.dirname, '..', '..'),
  test: {
    name: 'interop',
    include: ['test/interop/**/*.interop.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Peers are few and processes are many: one file at a time keeps times meaningful on two cores.
    fileParallelism: false,
  },
})
