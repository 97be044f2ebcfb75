import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { HELP, parseOptions, UsageError } from '../../scripts/start/options.ts'

test('without options: the default port, all the flights, and it serves on', () => {
  expect(parseOptions([])).toEqual({ port: 8787, rows: 300_000, once: false })
})

test('options are read', () => {
  const args = ['--once', '--port', '9000', '--rows=2000', '--state', 'somewhere']
  expect(parseOptions(args)).toEqual({ port: 9000, rows: 2000, once: true, stateDir: resolve('somewhere') })
  expect(parseOptions(['--help'])).toBe('help')
  expect(parseOptions(['-h'])).toBe('help')
})

test.each([
  [['--port'], 'argument missing'],
  [['--port', ''], '--port takes a whole number from 0 to 65535; got nothing. For example --port 8787.'],
  [['--port', 'http'], 'got "http"'],
  [['--port', '65536'], 'got "65536"'],
  [['--port', '80.5'], 'got "80.5"'],
  [['--rows', '0'], '--rows takes a whole number from 1 to 3000000; got "0"'],
  [['--rows', '1e3'], 'got "1e3"'],
  [['--onse'], "Unknown option '--onse'"],
  [['start'], "Unexpected argument 'start'"],
])('%j is refused, and told what to write instead', (args, message) => {
  expect(() => parseOptions(args)).toThrow(UsageError)
  expect(() => parseOptions(args)).toThrow(message)
})

test('the help fits a terminal and has an example', () => {
  for (const line of HELP.split('\n')) expect(line.length).toBeLessThanOrEqual(100)
  expect(HELP).toContain('npm start -- --once')
})
