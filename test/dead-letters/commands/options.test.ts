import { expect, test } from 'vitest'
import { parseOptions } from '../../../scripts/dead-letters/options.ts'
import { LOCAL_URL } from '../../../scripts/lib/ingest-client.ts'
import { UsageError } from '../../../scripts/lib/usage-error.ts'

const NOW = Date.UTC(2026, 0, 1)
const parse = (args: readonly string[], env = {}) => parseOptions(args, { TIDEMARK_TOKEN: 't', ...env }, NOW)

test('without options: the newest letters of npm start', () => {
  expect(parse([])).toEqual({
    command: 'list',
    ids: [],
    address: { url: LOCAL_URL, token: 't' },
    filter: {},
    limit: 20,
    json: false,
    yes: false,
  })
})

test('a filter, an address, a token, ids', () => {
  const args = 'replay a b --source s --reason r --field f --since 2h --until 2026-01-01T00:00:00Z --json'.split(' ')
  expect(parse(args, { TIDEMARK_URL: 'https://ingest.example/' })).toMatchObject({
    command: 'replay',
    ids: ['a', 'b'],
    address: { url: 'https://ingest.example', token: 't' },
    filter: { source: 's', reason: 'r', field: 'f', since: '2025-12-31T22:00:00.000Z', until: '2026-01-01T00:00:00Z' },
    json: true,
  })
  expect(parse(['--url', 'http://h:1', '--token', 'x'])).toMatchObject({ address: { url: 'http://h:1', token: 'x' } })
})

test.each([
  [['drp'], 'Did you mean "drop"?'],
  [['show'], 'show needs the id of one letter'],
  [['list', 'a'], 'use show ID'],
  [['replay'], 'add --source NAME'],
  [['drop'], 'add --source NAME'],
  [['drop', '--source', 's', '--position', 'p'], 'drop takes no --position'],
  [['--since', 'yesterday'], 'such as 2h; got "yesterday"'],
  [['--limit', '1001'], 'up to 1000; got "1001"'],
  [['--url', 'localhost'], 'got "localhost"'],
  [['--resaon', 'x'], "Unknown option '--resaon'"],
])('%j is refused, and told what to write instead', (args, message) => {
  expect(() => parse(args)).toThrow(UsageError)
  expect(() => parse(args)).toThrow(message)
})
