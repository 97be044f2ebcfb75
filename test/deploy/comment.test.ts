import { expect, test } from 'vitest'
import { comment } from '../../scripts/deploy/comment.ts'
import { plan } from './scripted.ts'

test('a plan is a table for each region; what is wrong stands first', () => {
  const text = comment([
    { name: 'weur', plan, problems: [] },
    { name: 'enam', plan: null, problems: ['routing.orders: there is no region "@all" | <b>'] },
  ])
  expect(text).toContain('Something is wrong with `enam`.')
  expect(text).toContain('| `tidemark-ingest-weur` | 10.0 | 100 |')
  expect(text).toContain('shards: user 2')
  expect(text).toContain('- :warning: routing.orders: there is no region "\\@all" \\| \\<b\\>')
  expect(comment([{ name: 'weur', plan, problems: [] }])).toContain('A merge deploys `weur`.')
})
