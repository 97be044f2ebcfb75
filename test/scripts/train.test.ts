import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { spec, writeLabels, writeLog } from '../../scripts/bench/training-data.ts'
import { root } from '../../scripts/lib/paths.ts'
import { UsageError } from '../../scripts/lib/usage-error.ts'
import { parseOptions } from '../../scripts/train-set/options.ts'
import { openDuck } from '../../src/offline/node/duck.ts'
import type { SetManifest } from '../../src/offline/node/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'tidemark-train-command-'))
const path = (name: string) => join(folder, name)

beforeAll(async () => {
  const { connection, instance } = await openDuck({ threads: 1, memoryMb: 300, temporary: folder })
  await writeLog(connection, folder, { events: 2_000, users: 50, segments: 3, lateMs: 3_600_000 })
  await writeLabels(connection, folder, { labels: 100, users: 60 })
  connection.closeSync()
  instance.closeSync()
  writeFileSync(path('definitions.ts'), `export const definitions = { spec: ${JSON.stringify(spec)} }\n`)
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function train(...args: string[]): { status: number | null; out: string; err: string } {
  const file = join(root, 'scripts', 'tidemark.ts')
  const own = ['--log', folder, '--definitions', path('definitions.ts'), '--labels', path('labels.parquet')]
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, 'train', ...own, ...args], { encoding: 'utf8' })
  return { status, out: stdout, err: stderr }
}

test('a set is made, told of, and made again from its manifest', () => {
  const out = path('set.parquet')
  const first = train('--service', 'bench@1', '--out', out, '--split', 'hash:0.8', '--status')
  expect(first.err).not.toContain('tidemark train:')
  expect(first.out).toContain(`${out}: 100 rows, 20 features of bench@1, as-served, as in local`)
  expect(first.out).toMatch(/payments\.avg_h +\d+\.\d%/)
  expect(first.status).toBe(0)
  const again = train('--manifest', `${out}.manifest.json`, '--out', path('again.parquet'), '--json')
  expect(again).toMatchObject({ status: 0, err: '' })
  const told = JSON.parse(again.out) as SetManifest
  expect(told.content).toEqual((JSON.parse(readFileSync(`${out}.manifest.json`, 'utf8')) as SetManifest).content)
  expect(readFileSync(path('again.parquet')).equals(readFileSync(out))).toBe(true)
})

test('an ideal set says that it leaks', () => {
  const { out, status } = train('--service', 'bench', '--out', path('ideal.csv'), '--mode', 'ideal')
  expect(status).toBe(0)
  expect(out).toContain('ideal: labels see what nobody could know at their time')
})

test('what cannot be used ends with 1 and leaves nothing, a wrong command line with 2', () => {
  const out = path('none.parquet')
  expect(train('--service', 'other', '--out', out)).toMatchObject({
    status: 1,
    err: expect.stringContaining('no feature service other'),
  })
  expect(train('--service', 'bench', '--out', out, '--mode', 'lag')).toMatchObject({
    status: 1,
    err: expect.stringContaining('"lag" is no mode'),
  })
  expect(train('--service', 'bench')).toMatchObject({
    status: 2,
    err: expect.stringContaining('--out FILE is missing'),
  })
  expect(existsSync(out)).toBe(false)
})

const given = (...args: string[]) => parseOptions(['--service', 's', '--labels', 'l', '--out', 'o.csv', ...args])

test('options are read as they are written', () => {
  expect(given('--columns', 'user_id=uid, at=when', '--publish-lag', '90s', '--threads', '0')).toMatchObject({
    columns: { user_id: 'uid', at: 'when' },
    publishLagMs: 90_000,
    threads: 0,
  })
  expect(given('--publish-lag', '0s').publishLagMs).toBe(0)
})

test.each([
  [['--columns', 'user_id'], /--columns takes names with commas between/],
  [['--publish-lag', 'soon'], /--publish-lag: 'soon' is no duration/],
  [['--threads', 'many'], /--threads is a whole number/],
  [['--manifest', 'm.json'], /--service: the manifest says it already/],
  [['--nonsense'], /Unknown option '--nonsense'.*--help/],
])('%s is refused', (args, message) => {
  expect(() => given(...args)).toThrow(UsageError)
  expect(() => given(...args)).toThrow(message)
})
