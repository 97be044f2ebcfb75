/** Two kinds of tests: on Node (pure logic, whole processes), and inside of workerd with real Durable Objects. */
import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'

/** Tokens that tests of the Workers are written against; every scope there is, and one that may only ingest. */
const testTokens = JSON.stringify({ 'test-token': ['*'], 'ingest-only': ['ingest:*'] })

// Where wrangler looks for the secrets that a config requires, before it warns that one is missing.
process.env.TOKENS = testTokens
process.env.CONNECTIONS = '{}'

/** A namespace that tests of the store in KV use. */
const KV_OF_TESTS = 'KV_OF_TESTS'

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'node',
          // Properties run hundreds of seeds, on a machine that may be busy.
          testTimeout: 60_000,
          include: ['test/**/*.test.ts'],
          exclude: ['test/workers/**'],
        },
      },
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: './wrangler.toml' },
            // Of the tests alone: regions.ts names no KV, and a store of KV is tested here on the one of workerd.
            miniflare: { kvNamespaces: [KV_OF_TESTS] },
          }),
        ],
        test: {
          name: 'workers',
          include: ['test/workers/**/*.test.ts'],
        },
      },
    ],
  },
})
